// Package account holds the relay to its promise: sent = delivered + reported, for
// every listener, through every fault. Only tests import it.
//
// Publishers send numbered messages through relays that are killed, stopped and
// cut off from Redis. The Ledger has every message: when it was sent, what its
// publisher was told, and whether Redis published it. Each listener has an Ear,
// which has all it heard, when it was subscribed, and what it was told to have
// missed. Audit compares the two.
//
// # Witness
//
// A publish has reached Redis when Redis has said so, and that is seen on the wire:
// the tests put a proxy right in front of Redis, which notes each command before
// Redis gets it, and each answer before any fault can keep it from the relay. So an
// answer that Redis did not give is seen as invented, also when Redis is killed a
// moment later, and so is "nothing was published" about what went to Redis. For
// channels with history the stream is the witness.
//
// # Kinds
//
// Each message is of a kind, and a route may treat each in another way. What listeners
// agreed to is said by kind, and there is an account of each such agreement: of what
// is dropped when they are slow, of what one of several gets, of what is kept, of what
// has a rate.
//
// # NATS
//
// At the NATS door the same holds, by the words of NATS: who is slow is disconnected,
// and of gaps relay.events tells. NATS does not say when a subscription is in force, but
// Redis carries out a publish behind it: so a listener asks by one on another channel.
// Its client is the bare protocol: it drops nothing, and does not come back by itself.
//
// # Time
//
// All times are Unix nanoseconds of this host. A message was published at some
// moment from Message.Sent to Message.Reached. Who was subscribed all that time must
// hear it, or be told: what is judged is never a matter of timing.
//
// # Concurrency
//
// A Ledger may be used by many goroutines. An Ear belongs to the goroutine of its
// listener, and after that to Audit.
package account
