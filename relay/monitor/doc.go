// Package monitor counts: it is the only importer of the Prometheus client, and
// what is behind /metrics.
//
// Concurrency: everything may be called from anywhere. Counters are resolved
// once for a route, so that counting a message is one atomic addition.
package monitor
