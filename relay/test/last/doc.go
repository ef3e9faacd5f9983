// Package last is tests only: what a new listener of a channel gets first, where its route says last.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own, and waits most of the time: all run at the same time.
package last
