// Package harness starts relays for tests: the real thing, in the process of the test, on a socket of its
// own,
// in front of a real redis-server or the embedded one. Only tests import it. A test asks a relay what anybody
// could: its sockets, its HTTP address, its log.
//
// # Concurrency
//
// A Relay belongs to the goroutine of its test. Any number of relays may run at the same time. A function
// that
// takes a testing.TB belongs to that test's goroutine; one that returns an error may be called from any.
package harness
