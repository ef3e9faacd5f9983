// Package relay wires: it builds the parts, connects them and supervises them. A message takes one of two paths:
// inbound.Deliver (from Redis to local listeners) or outbound.Publish (from a local client to Redis).
// Package policy decides about a message, the paths act on its verdict, and package notice tells what happened.
//
// # Ordering
//
// Messages reach each listener in the order in which Redis sent them, with one exception: a message that takes
// long to judge holds up the messages behind it on its own channel, and other channels overtake it. If too many
// messages wait for such checks, some are lost, and a gap tells of them in their place.
//
// The messages that one client publishes reach Redis in the order in which they were sent. A local publish is never
// short-circuited to local listeners: Redis is the one source of order.
//
// # Concurrency
//
// The methods of Relay may be called from anywhere. Run blocks until everything it started has stopped.
// Everything else belongs to the event loop, unless its comment says otherwise.
package relay
