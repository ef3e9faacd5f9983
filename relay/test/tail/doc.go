// Package tail is tests only: what MONITOR shows of a relay to its clients, and redis-relay tail, pub and sub, each as
// a program at a terminal or in a pipe.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own. Tests run at the same time.
package tail
