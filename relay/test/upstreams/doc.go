// Package upstreams is tests only: a relay whose routes are on several Redises. What becomes of one is felt by its
// own routes alone.
//
// # Concurrency
//
// Each test has a relay and Redises of its own. Tests that only wait run at the same time.
package upstreams
