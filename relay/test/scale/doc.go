// Package scale is tests only: what Redis sends to relays and to processes without one is what relay/bench/scale/model
// says, message by message.
//
// # Concurrency
//
// Each test has a Redis of its own, and all run at the same time.
package scale
