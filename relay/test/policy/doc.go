// Package policy is tests only: what relay.yaml decides about a message, a client and a user, and reloads of
// it.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own. Tests that only wait run at the same time; those that measure
// run by themselves.
package policy
