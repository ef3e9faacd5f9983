// Package history is tests only: channels whose messages are kept, as listeners and readers see them, also
// after losses.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own. Tests that only wait run at the same time; those that measure
// run by themselves.
package history
