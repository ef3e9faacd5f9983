// Package outage is tests only: what becomes of clients when Redis, the way to it, or the relay's socket goes
// away.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own. Tests that only wait run at the same time; those that measure
// run by themselves.
package outage
