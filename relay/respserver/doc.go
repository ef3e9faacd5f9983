// Package respserver is the gateway for Redis clients: a Unix socket, and TCP beside it, that speak RESP2 and RESP3, so
// that an unmodified client library connects, subscribes and publishes.
//
// # Ordering
//
// A command takes effect when it is read, in the order in which the bytes of all connections arrive. Its answer may
// come later, from Redis. Then it reserves its place among the replies of its connection by a reply slot (see package
// hub), and the commands after it are carried out in the meantime. SUBSCRIBE, UNSUBSCRIBE, RESET and QUIT reserve a
// slot, too: the client gets what was published before an UNSUBSCRIBE, and then the reply to it.
//
// Messages do not wait for replies that are not known, but they stay behind confirmations: a message that Redis sent
// after it confirmed a SUBSCRIBE comes after that confirmation.
//
// A session is paused, and carries out no commands, in four cases only: for XREAD BLOCK, as in Redis, and other
// commands that wait for an answer; while a publish is being checked; while too many publishes or reads of history wait
// for Redis; and while a command with very many names is carried out in parts.
//
// # Parts
//
// The Server accepts connections and holds the sessions. A session has its client, its input, its pauses, its
// subscriptions, its reads of history, its publishes, its replies, its memory and its ending. Each part owns its
// fields; methods of the session are what needs more than one part. Commands are functions in one table.
//
// # Concurrency
//
// Everything belongs to the event loop. Only Serve, Listen, Socket, Limits and the figures are for any goroutine.
package respserver
