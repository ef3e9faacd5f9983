// Package embedded is the Redis inside the relay, for development: it runs when
// redis.url is embedded, on a random port of 127.0.0.1. Its streams outlive it, in a file
// that is written within a second or so after each change, and at the end; nothing else does.
//
// Data commands (strings, streams, Lua and so on) are miniredis's. Everything
// that the relay's own work rests on is done here instead, after Redis 7.0:
// connections, HELLO, CLIENT, INFO, and the Pub/Sub family with shard channels
// and Redis's own glob. Scripts reach the same Pub/Sub: redis.call("PUBLISH")
// is heard like any other. A RESP3 connection may subscribe and run any command; what
// its command publishes to itself follows the reply, as in Redis from 7.2 on.
//
// What it does not do: persistence of other keys, authentication, replication, transactions
// (MULTI is refused), keyspace notifications. Key expiry follows the wall clock.
//
// # Ordering
//
// One command, or one whole script, runs at a time, as in Redis. Messages reach
// every subscriber in the order in which they were published, no message of a
// channel precedes its confirmation, and replies keep the order of the requests.
// What is published before a command is heard before its reply, what is published
// after it or by it is heard after its reply. Commands that may wait (XREAD with
// BLOCK, BLPOP and its kin) have no such place: others are served meanwhile.
//
// # Concurrency
//
// The server's turn is the one lock: a command holds it until its reply is queued,
// and a script does, too. It guards the registry of clients and the broker. Inside a
// turn the miniredis engine takes a lock of its own. Each client has two
// goroutines, a reader that executes its commands and a writer that drains its
// outbox. Publishing never waits for a subscriber: one whose outbox is over its
// limit is disconnected, as by Redis. Replies do wait: a client that does not
// read them is not read from either.
package embedded
