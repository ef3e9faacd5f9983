// Package wire is tests only: what a client reads and writes on the relay's socket, byte for byte, compared
// with a redis-server.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own. Tests that only wait run at the same time; those that measure
// run by themselves.
package wire
