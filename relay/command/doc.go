// Package command is the command line of redis-relay: run, check, explain, health, top,
// tail, pub, sub, init, asyncapi, credentials, version, completion, man and help. [Run] is one call of the program.
//
// Every key of relay.yaml but routes is a flag of every command. Dots, dashes and
// underscores in a flag's name are the same: --redis.url, --redis-url. What was
// there before the commands stays: the relay runs without a command, --check and
// --version do what check and version do.
//
// top, tail, pub and sub are clients of a running relay's socket like any other: its
// rules hold for them. tail reads what MONITOR shows: see package tail. Package top makes
// the picture of top.
//
// init writes a relay.yaml ([config.Starter]) and schemas ([infer.Schema]) to begin with,
// all files or none. asyncapi prints the routes as an AsyncAPI document, and init reads one: see package asyncapi.
//
// credentials is no client of a relay: a relay runs it, as the helper that prints its user and password for Redis. See
// package clouds.
//
// The man page says what --help says, from the same commands, flags and keys. What a shell
// completes comes from them, too: its script asks the program.
//
// Exit codes: 0 good, or a clean end; 1 failed; 2 wrong usage.
//
// The package is the only importer of cobra, which reads the command line, of
// pflag below it, and of what knows terminals.
//
// # Concurrency
//
// Run blocks until the command has ended. While the relay runs, a goroutine waits
// for signals, and a line of the log that nobody reads is left to another.
package command
