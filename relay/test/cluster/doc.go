// Package cluster is tests only: a relay on a Redis Cluster, of which nodes fail, move and lose messages between them.
//
// # Concurrency
//
// Each test has a relay and a cluster of its own, one after the other: six servers that must answer each other in time.
package cluster
