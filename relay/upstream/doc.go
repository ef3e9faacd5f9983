// Package upstream is the Redis side: one RESP3 connection that subscribes, publishes and asks, and one
// that reads long answers. With its packages events and sentinel it is the only importer of go-redis.
//
// # Sessions
//
// A session is one connection to Redis, from its handshake to its end; a Connection has one session after the other.
// go-redis dials, speaks TLS and authenticates, in a goroutine. Which master that is at, the packages sentinel and
// cluster say. Then the connection is handed to the event loop, and go-redis does not touch it again: each loss shows
// here, and nothing is retried behind our back. Between two sessions there is a full-jitter exponential backoff.
//
// # Ordering
//
// Redis carries out the commands of a session in order, and answers in order, with the messages
// in between as pushes. So a SUBSCRIBE that is sent before a PUBLISH takes effect before it, and an
// answer comes behind all messages that Redis had sent before. One thing differs between versions: a message
// that a command publishes to its own connection comes ahead of its reply up to Redis 7.0, and behind it from
// 7.2 on, but always ahead of the next reply.
//
// # Loss
//
// All commands in flight end with their session. Redis may have carried out a command that was sent and not
// answered: its sender gets ErrUnknown. Calls of a script that notes its results in Redis are answered when the
// next session has asked for the note: see Connection.Record. Commands that were not sent wait for the next
// session, for as long as a publish may. Bytes that came before the end are read first, even if writing fails
// before.
//
// # Memory
//
// Messages are read into chunks, of which the sink may keep slices. A message over the limit, and a reply
// over MaxAnswer, is skipped as it comes: its sender gets ErrTooLarge, and the session goes on.
//
// # Key space events
//
// In a cluster, those of the other masters come over one more connection to each, while somebody subscribes to such
// names: see package events. The sink gets them among the other messages, with no order between masters.
//
// # Concurrency
//
// A Connection belongs to the event loop, but for Run, Authenticate, ConnectionsMade and Version. A Reader may be used
// by any goroutine; its methods wait for the answer.
//
// # Credentials
//
// Credentials that expire are given to Redis again by AUTH, over the living connections, and in order with the commands
// on them: no subscription ends, and no reply changes its place.
package upstream
