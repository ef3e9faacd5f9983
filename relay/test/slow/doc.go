// Package slow is tests only: clients that do not keep up, documents that take long to check, and the limits
// on what waits.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own. Tests that only wait run at the same time; those that measure
// run by themselves.
package slow
