// Package schema says whether a payload is what its route promises.
//
// Load compiles every JSON Schema file of one folder into a Set. A Set hands out Checkers, one for
// each pair of schema and kind field. A Checker reads a payload in two steps:
//
//  1. The guard, one scan without allocation, accepts only JSON that every reader understands alike
//     and that the schema library can take cheaply: RFC 8259, valid UTF-8, no duplicate keys, bounded
//     depth, numbers and paths (see the Max constants). The same scan finds the message's kind.
//  2. The library (santhosh-tekuri/jsonschema/v5), which no other package imports, decides and words
//     the rejection. Should it panic, the payload is refused, never passed.
//
// # Schemas
//
// The draft is the one that a file's $schema names: 4, 6, 7, 2019-09 or 2020-12, which is also the
// default. The keyword format is asserted where the library does so: in drafts 4, 6 and 7, and in a file
// without $schema; but in later drafts that a file names only where the meta-schema lists the
// format-assertion vocabulary. Patterns are Go regular expressions (RE2), so they take linear time and
// have no look-around.
//
// A $ref resolves inside the folder, its subfolders included, and nowhere else. Neither the network nor
// any other file is ever opened. Schema files pass the same guard as payloads.
//
// # Ordering
//
// One payload, schema and kind field always give the same verdict and the same words.
//
// # Concurrency
//
// A Set and a Checker never change after they are made, and any number of goroutines may use them. To
// reload, Load a new Set and hand out new Checkers.
package schema
