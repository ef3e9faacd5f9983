// Package relay wires: it builds the parts, connects them and supervises them. The two ways of a message are
// inbound.Deliver (from Redis to local listeners) and outbound.Publish (from a local client to Redis).
// Package policy decides about a message, these act on its verdict, and package notice tells.
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
// The methods of Relay may be called from anywhere. Run blocks until everything it started has stopped.
// Everything else belongs to the event loop, if it does not say otherwise.
package relay
