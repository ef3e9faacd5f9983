// Package admin serves HTTP: health for Kubernetes, and metrics for Prometheus.
//
// Concurrency: Run blocks until every request has ended.
package admin
