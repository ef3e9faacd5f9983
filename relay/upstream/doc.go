// Package upstream is the Redis side: one RESP3 connection that subscribes, publishes and asks, and one
// that reads what may be long. It is the only importer of go-redis.
//
// # Lives
//
// A Connection has one life after the other. go-redis dials, speaks TLS, authenticates and finds the
// master, in a goroutine; the finished connection is handed to the event loop, and go-redis does not
// touch it again. So each loss is seen here and nowhere papered over. Between two lives there is a
// full-jitter exponential backoff.
//
// # Ordering
//
// Redis carries out what is sent over the Connection in order, and answers in order, with the messages
// in between as pushes. So a SUBSCRIBE that is sent before a PUBLISH takes effect before it, and an
// answer comes behind all messages that Redis had sent before. One thing differs between versions: what a
// command publishes to its own connection comes ahead of its reply up to Redis 7.0, and behind it from
// 7.2 on, but always ahead of the next reply.
//
// # Loss
//
// With its life everything in flight ends. What was sent and not answered may have been carried out: its
// sender is told ErrUnknown. Calls of a script that notes in Redis what it returns are answered when the next
// life has asked for the note: see Connection.Record. What was not sent waits for the next life, for as long
// as a publish may. What has come before the end is read first, also when writing fails first.
//
// # Memory
//
// Messages are read into chunks, of which the sink may keep slices. A message over the limit, and a reply
// over MaxAnswer, is passed over as it comes: its sender is told ErrTooLarge, and the connection lives.
//
// # Concurrency
//
// A Connection belongs to the event loop, but for Run, Lives and Version. A Reader may be used by any
// goroutine, and waits for its answers.
package upstream
