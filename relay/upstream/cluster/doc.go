// Package cluster knows the nodes of a Redis Cluster, and keeps account of what comes from each of them over the
// cluster's bus. It opens no connection.
//
// A View is what one node says of all nodes. Known is what is remembered of them, so that a node is found again, and
// another master is chosen when one has failed.
//
// # The bus
//
// In a cluster each node hands what is published there to all others, over a link to each. When such a link breaks,
// messages are lost, and no client is told. The Account finds that out for the one node that the relay listens to: at
// each other node the relay publishes numbered probes, and what a node publishes comes in order. A probe that is
// missing while a later one of the same node came, or none for a while, shows a loss; so does a link that is not the
// one from before, which nodes tell since Redis 7.0 (CLUSTER LINKS).
//
// # Concurrency
//
// A View is a plain value. Known may be used from anywhere. An Account belongs to one goroutine.
package cluster
