// Package fleet is tests only: many relays in front of one Redis, and many processes behind one relay.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own. Tests that only wait run at the same time; those that measure
// run by themselves.
package fleet
