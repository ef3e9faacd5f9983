// Package metrics is tests only: what /metrics says, its names and its series as Prometheus's own tool sees them.
//
// # Concurrency
//
// Each test has a relay and a Redis of its own. Tests that only wait run at the same time.
package metrics
