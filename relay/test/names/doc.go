// Package names is tests only: what channels are called at Redis, and that nobody behind a relay can tell.
//
// Tenants share a Redis, each behind relays with a redis.prefix and renames of its own. Whatever their clients do,
// each gets what it would get from a Redis of its own, and nothing of the other's.
//
// # Concurrency
//
// Each test has relays and Redises of its own. Tests that only wait run at the same time.
package names
