// Package regex matches the patterns of JSON Schema, which are regular expressions of ECMA-262, in time that grows
// with the text alone.
//
// Translate spells a pattern of ECMA-262 for RE2, the language of Go's package regexp, or names what RE2 lacks: it
// has neither look-around nor back-references. A Pattern matches texts: by a table, one look a byte, where the
// pattern makes a small automaton and the text is ASCII, and else by package regexp. Sets finds which of several
// patterns can match one text together.
//
// # Concurrency
//
// The functions are pure. Any number of goroutines may use a Pattern at the same time: it never changes. A Cache
// belongs to one goroutine.
package regex
