// Package infer makes a JSON Schema from messages as they are: something to begin with.
//
// # Concurrency
//
// Schema is pure: it may be called concurrently.
package infer
