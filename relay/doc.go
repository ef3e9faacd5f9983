// Package relay is the composition root: it builds the parts, connects them and
// supervises them. The two ways of a message are Relay.Deliver (from Redis to
// local listeners) and Relay.Publish (from a local client to Redis).
//
// # Ordering
//
// Messages reach each listener in the order in which Redis sent them, but that one
// which takes long to judge, with those behind it on its channel, is overtaken by
// other channels; where too many of them wait, some are lost, and told as a gap in
// their place. What one client publishes reaches Redis in the order in which it was
// sent. A local publish is never short-circuited: Redis is the one
// source of order.
//
// # Concurrency
//
// Deliver, TooLarge, Flush, Confirmed, Refused and Lost are called by the one
// goroutine that reads from Redis; everything else may be called from anywhere.
// Run blocks until everything it started has stopped.
package relay
