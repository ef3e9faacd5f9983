// Package natsbridge is the door for NATS clients: an embedded NATS server, and
// what stands between it and the relay. It is the only importer of NATS.
//
// A channel is a subject (chat:42 is chat.42, see Subject). Messages are delivered
// on it; clients publish on publish.<subject> and read history on
// history.<subject>, and may send nowhere else.
//
// # The link
//
// The bridge is a leaf node of the server: a connection over which the server tells
// which subjects its clients subscribe to, the first and the last time, and
// forwards what they publish. So interest is followed without asking, and a publish
// comes behind the subscriptions that the same client made before it. The server
// dials the bridge, which accepts one connection and stops listening.
//
// The bridge to a cluster (Attach) is such a leaf node of servers elsewhere, and has no
// server of its own. What it subscribes to there, it does in a queue group.
//
// # Ordering
//
// Messages of a channel reach NATS clients in the order in which Redis sent them,
// each one once, though it may come once for the channel and once for each pattern.
// What one client publishes reaches Redis in its order; so do the replies.
//
// A subscription is in force once Redis has confirmed it, which NATS has no word
// for: its PONG comes earlier. What is published through this relay behind it is heard: Redis
// is asked for both over one connection, in this order. While a message of one client is being
// checked, those of the others wait, too.
//
// # Concurrency
//
// Everything belongs to the event loop, except for what says otherwise: New runs before the
// loop, and Attach, Run and Await are called from goroutines, in which they block. Three things are
// done in goroutines that post their results: history is read, by 16 at a time; what may wait for
// the server's locks (its options, its list of clients) is done by one at a time; and with TLS
// two carry the bytes between the connection and the loop.
//
// What is delivered and answered in a turn is given to the server together: HandOver at the end of
// the turn, and then the Flusher.
//
// # Bounds
//
// Of publishes, 1024 may be unanswered, or Limits.Behind bytes of them. Then the link is not read
// until there is room, and after half a second further ones are refused. Of history requests, 1024 may
// be unanswered.
//
// # Loss
//
// A client that is limits.queue behind is disconnected by the server. Should the
// server itself fall behind, messages for it are dropped, counted, and told as a
// gap. Both leave the socket's listeners alone. For a cluster the latter holds, too; and
// a message that it would end the connection for is not given to it, and told.
package natsbridge
