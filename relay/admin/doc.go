// Package admin serves HTTP: health for Kubernetes, metrics for Prometheus, and
// a status page.
//
// Concurrency: Run blocks until every request has ended.
package admin
