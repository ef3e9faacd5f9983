// Package respserver is the door for Redis clients: a Unix socket that speaks
// RESP2 and RESP3, so that an unmodified client library connects, subscribes and
// publishes.
//
// # Ordering
//
// A command takes effect when it is read, in the order in which the bytes of all connections arrive. Its
// answer may come later, from Redis. Then it keeps its place among the replies of its connection by a slot
// (see package hub), and the commands behind it are carried out meanwhile. SUBSCRIBE, UNSUBSCRIBE, RESET and
// QUIT keep a slot, too: what was published before an UNSUBSCRIBE is heard before its answer.
//
// Messages do not wait for answers that are not known, but they stay behind confirmations: a message that Redis
// sent after it confirmed a SUBSCRIBE comes after that confirmation.
//
// A session stops carrying out commands in four cases only: for XREAD BLOCK, as in Redis, and other commands
// that read history; while a publish is being checked; while too many publishes wait for Redis; and while a
// command of very many names is carried out in parts.
//
// # Concurrency
//
// Everything belongs to the event loop, but for Serve, Listen, Socket and the figures.
package respserver
