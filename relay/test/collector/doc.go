// Package collector is a receiver of OpenTelemetry traces for tests: OTLP over HTTP, as a real collector speaks it. It
// can be told to fail.
//
// # Concurrency
//
// A Collector may be used from anywhere.
package collector
