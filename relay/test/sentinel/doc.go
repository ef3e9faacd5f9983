// Package sentinel is tests only: a relay whose master real sentinels name, through failovers, partitions, and
// sentinels that are away, lie, or want a password.
//
// # Concurrency
//
// Each test has a relay, servers and sentinels of its own, one after the other.
package sentinel
