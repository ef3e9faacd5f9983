// Package nats is tests only: what clients of the NATS door, and of a NATS cluster, see of a relay beside those of
// its socket.
//
// # Concurrency
//
// Each test has a relay, a Redis, and, where it needs one, a NATS cluster of its own.
package nats
