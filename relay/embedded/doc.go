// Package embedded is the Redis inside the relay, for development: it runs if redis.url is "embedded", on a random
// port of 127.0.0.1. It saves its streams in a file, about a second after each change and at the end; nothing else
// outlives it.
//
// The engine, miniredis, carries out data commands (strings, streams, Lua and so on). This package itself has
// everything on which the relay rests, as in Redis 7.0: connections, HELLO, CLIENT, INFO, and the Pub/Sub family
// with shard channels and Redis's own glob. Scripts reach the same Pub/Sub: redis.call("PUBLISH") reaches all
// listeners. A RESP3 connection may subscribe and run any command. Messages that its command publishes to itself
// follow the reply, as in Redis from 7.2 on.
//
// It has no persistence of other keys, authentication, replication, transactions (MULTI is refused) or keyspace
// notifications. Key expiry follows the wall clock.
//
// # Ordering
//
// One command, or one whole script, runs at a time, as in Redis. Messages reach every subscriber in the order in
// which they were published, no message of a channel precedes its confirmation, and replies keep the order of the
// requests. A message published before a command arrives before the command's reply; one published after the
// command, or by it, arrives after the reply. Commands that may block (XREAD with BLOCK, BLPOP and its kin) have no
// such place in the order: others are served meanwhile.
//
// # Concurrency
//
// The server's turn is the only lock: a command, or a script, holds it until its reply is queued. It guards the
// registry of clients and the broker. Inside a turn the engine takes a lock of its own. Each client has two
// goroutines: a reader that executes commands, and a writer that drains the outbox. Publishing never waits for a
// subscriber: one whose outbox is over its limit is disconnected, as by Redis. Replies do wait: the reader stops
// while the client does not read its replies.
package embedded
