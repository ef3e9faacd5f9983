// Package alerts tests what is told of alerts over HTTP: each is raised by its real cause and ended by its end, once.
//
// # Concurrency
//
// Tests that only wait run in parallel.
package alerts
