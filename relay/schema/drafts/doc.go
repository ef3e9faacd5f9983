// Package drafts knows the drafts of JSON Schema: their names, their meta-schemas and their keywords. Visit finds the
// schemas within a document.
//
// # Concurrency
//
// Its functions are pure, and its tables must not be changed: they may be used concurrently.
package drafts
