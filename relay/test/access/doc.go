// Package access is tests only: what the relay needs to get into Redis: TLS, passwords, and the rights of its
// user.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own. Tests that only wait run at the same time; those that measure
// run by themselves.
package access
