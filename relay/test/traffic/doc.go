// Package traffic is tests only: the figures of channels, and the alerts about them, as operators see them.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own. Tests that only wait run at the same time.
package traffic
