// Package monitor has the metrics of a relay, as served under /metrics. It is the only importer of the
// Prometheus client.
//
// # Concurrency
//
// Everything may be called from any goroutine. The counters of a route are found once, so
// counting a message is one atomic addition.
package monitor
