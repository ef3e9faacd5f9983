// Package admin serves HTTP: health for Kubernetes, metrics for Prometheus, and
// a status page. It holds few connections, and gives a new one the place of one that is
// not used.
//
// Concurrency: Run blocks until every request has ended.
package admin
