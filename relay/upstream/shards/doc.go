// Package shards subscribes and publishes on the shard channels of a Redis Cluster: over one connection to each master
// whose slots are asked for.
//
// Shards says which node owns which slot, and has a node, with its upstream.Connection, for each that is needed. A slot
// has what is wanted of it, and knows where that is. Losses, MOVED, ASK, CLUSTERDOWN and pushes that end a subscription
// are met here: a command waits in its slot, and is sent again when there is a node for it. Nobody above is told that a
// connection was lost, only what that may have cost.
//
// # Ordering
//
// A channel has one slot, and a slot is subscribed and published at one node over one connection: so the order on a
// channel is Redis's. Publishes of a slot are under way at one node only. Those that are sent back wait until all are
// answered, and go to the new node in their order.
//
// When a slot moves, it is subscribed at its new owner, and the old one is left when that says that it has lost the
// slot. While both are heard, each message of the new one waits for a PING to the old one: what was published there
// before comes before.
//
// # Loss
//
// A slot has a gap from the time up to which its old node is known to have delivered everything, until all its names
// stand at the owner. Gaps of slots that end together are told together.
//
// # Concurrency
//
// Everything belongs to the event loop, but for Run and Authenticate.
package shards
