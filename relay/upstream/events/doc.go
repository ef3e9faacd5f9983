// Package events listens to the key space events of one node of a Redis Cluster. Each node tells those of its own keys
// alone, and hands none on to the other nodes.
//
// # Concurrency
//
// Listen runs in a goroutine of its own, and tells a Listener from there.
package events
