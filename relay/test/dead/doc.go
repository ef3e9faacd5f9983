// Package dead is tests only: refused messages that are kept at Redis, and what redis-relay dead does with them.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own.
package dead
