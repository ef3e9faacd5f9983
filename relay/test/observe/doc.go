// Package observe is tests only: what people and programs learn about a running relay, from its status, its page and
// its alerts.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own.
package observe
