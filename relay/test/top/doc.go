// Package top is tests only: redis-relay top as a program, at a terminal and in a pipe, beside a relay and a real
// Redis.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own. Tests run at the same time.
package top
