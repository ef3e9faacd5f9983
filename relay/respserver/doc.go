// Package respserver is the door for Redis clients: a Unix socket that speaks
// RESP2 and RESP3, so that an unmodified client library connects, subscribes and
// publishes.
//
// # Ordering
//
// A session carries out one command after the other and replies in that order.
// SUBSCRIBE waits until Redis has confirmed; UNSUBSCRIBE until what was published
// before has been heard. PUBLISH does not wait for Redis, but keeps its place in the
// replies. See package hub.
//
// # Concurrency
//
// Each connection has one goroutine, which reads and carries out its commands.
// Messages come from the hub and pass it by. Serve blocks until every connection
// has ended.
package respserver
