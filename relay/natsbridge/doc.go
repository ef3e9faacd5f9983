// Package natsbridge is the gateway for NATS clients: an embedded NATS server, and the bridge between it and the
// relay. It is the only importer of NATS.
//
// A channel is a subject (chat:42 is chat.42, see Subject). Messages are delivered on it. Clients publish on
// publish.<subject>, read history on history.<subject>, and may publish nowhere else.
//
// # The connection
//
// The bridge is a leaf node of the server. Over one connection the server tells the bridge when the first client
// subscribes to a subject and when the last one unsubscribes, and forwards what clients publish. So the bridge
// knows all interest without asking, and a publish arrives after the subscriptions that the same client made before
// it. The server dials the bridge, which accepts one connection and stops listening.
//
// The bridge to a cluster (Attach) is such a leaf node of servers elsewhere, without a server of its own. It
// subscribes there in a queue group.
//
// # Ordering
//
// Messages of a channel reach NATS clients in the order in which Redis sent them, each message once, though Redis may
// send it once for the channel and once for each pattern. What one client publishes reaches Redis in order, and so do
// the replies.
//
// A subscription is in force once Redis has confirmed it. NATS has no word for that: its PONG comes earlier. What is
// published through this relay after the subscription is delivered, because both reach Redis over one connection, in
// this order. While a message of one client is being checked, messages of the others wait, too.
//
// # Concurrency
//
// Everything belongs to the event loop, unless it says otherwise: New runs before the loop; Attach, Run and Await
// block, and are called from goroutines. Three kinds of work are done in goroutines that post their results. Up to
// 16 read history. One at a time does what may wait for the server's locks (its options, its list of clients). With
// TLS, two carry bytes between the connection and the loop.
//
// Deliveries and answers of one turn are written to the server together: by HandOver at the end of the turn, and then
// by the Flusher.
//
// # Bounds
//
// At most 1024 publishes may be pending, and at most Limits.Behind bytes of them. Beyond that the bridge stops
// reading from the server until there is room; after half a second it refuses further publishes. At most 1024
// history requests may be pending.
//
// # Loss
//
// The server disconnects a client for which more than limits.queue bytes wait. If the server itself falls behind,
// messages for it are dropped, counted, and reported as a gap. Neither affects listeners on the socket. A cluster is
// treated like the server; a message larger than its max_payload, for which it would close the connection, is dropped
// and reported, too.
package natsbridge
