// Package traces is tests only: the spans that a receiver gets of messages that pass through relays, and what a
// receiver that fails costs.
//
// # Concurrency
//
// Each test has relays, a Redis and a receiver of its own, and runs by itself.
package traces
