// Package format holds the formats of JSON Schema, each decided by its specification: whether a text is a date, an
// address, a URI and so on.
//
// A format takes time that grows with the length of the text alone. Those that programs write every day do not
// allocate.
//
// # Concurrency
//
// All functions are pure: they may be called concurrently.
package format
