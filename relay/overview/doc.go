// Package overview collects what a relay tells about itself from all its parts: whether it is ready, the status of
// package status with the figures of the last ten minutes, and the metrics but for those of routes and the histograms.
//
// # Concurrency
//
// All methods of an [Overview] may be called from anywhere but the event loop, of which they ask what belongs to it.
// NoteLag may be called from there, too.
package overview
