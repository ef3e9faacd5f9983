// Package docs is tests only: they hold README.md, ARCHITECTURE.md and the pages in docs to the program.
//
// # What is held
//
//   - Every link and anchor resolves, README.md and ARCHITECTURE.md are short, and every page in docs opens with what
//     its reader will be able to do.
//   - Every key, metric, error code, event and command is an entry exactly once, a heading or the first cell of a row.
//     The tables of keys, metrics, commands, subjects and packages say what the program says.
//   - Every block that is marked as runnable is run, and prints what the page says.
//   - README.md's figures are in docs/benchmarks.md.
//
// # Runnable blocks
//
// The info string of a fenced block says what becomes of it:
//
//	sh run          each line that begins with "$ " is a command; the lines behind it must be in its output, in order;
//	                … stands for any text
//	sh listen       such commands run until the page ends, and have begun when they print their last word
//	yaml            is a valid relay.yaml, beside the shipped schemas
//	yaml reload     is a part of relay.yaml with lines added at its end; the relay reloads them before the page goes on
//	js, python      are run by relay/clients/migration/docs.test.js, which finds each by its second word
//	json            is held to schemas/events.json and schemas/rejects.json by the tests of package relay
//
// The commands of a page run in one folder, with relay.yaml and schemas as in the root, redis-relay on the PATH, and
// a relay that runs as "go run ." would. Blocks that are indented are to be read only.
//
// # Concurrency
//
// Pages are read once and not changed; tests may run in parallel.
package docs
