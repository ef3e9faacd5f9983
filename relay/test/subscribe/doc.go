// Package subscribe is tests only: what the confirmation of a subscription, or of its end, promises to
// others, and what PUBSUB counts.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own. Tests that only wait run at the same time; those that measure
// run by themselves.
package subscribe
