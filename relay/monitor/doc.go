// Package monitor has the metrics of routes, and the histograms of how long things take, as served under /metrics with
// all others. It is the only importer of the Prometheus client.
//
// # Concurrency
//
// Everything may be called from any goroutine. The counters of a route are found once, so
// counting a message is one atomic addition, and one more for its bytes.
package monitor
