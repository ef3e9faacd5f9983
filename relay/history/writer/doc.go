// Package writer persists messages and broadcasts them: an entry is added to the stream of its channel, announced, and
// published in one step, which nothing can come between. Package history reads what it writes.
//
// # Ordering
//
// Messages are persisted in the order of Write, together with all other commands of the connection to Redis.
//
// # Concurrency
//
// A Writer belongs to the event loop.
package writer
