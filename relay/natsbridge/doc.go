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
// for: its PONG comes earlier. A publish through this relay waits for it.
//
// # Concurrency
//
// All methods of Bridge may be called from anywhere, and none waits for NATS
// clients. For one channel Deliver must not be called by two at a time. Bridge.mu
// guards what is listened to and what waits for the server; it may be taken under
// Bridge.changing, and no other lock is taken under it, but those of the Outbox. Run blocks until all has stopped.
//
// # Loss
//
// A client that is limits.queue behind is disconnected by the server. Should the
// server itself fall behind, messages for it are dropped, counted, and told as a
// gap. Both leave the socket's listeners alone. For a cluster the latter holds, too; and
// a message that it would end the connection for is not given to it, and told.
package natsbridge
