// Package hub knows which local connections are subscribed to which names, and hands each message from Redis to
// them.
//
// # Ordering
//
// Redis carries out what is sent to it in order, and confirms it in order, with the messages in between. A
// subscription becomes active when Redis confirms it, and ends when Redis confirms its end. If Redis has the name
// already, or must keep it for others, the hub asks for a fence instead: an answer that Redis gives in the same
// order. So each listener gets exactly the messages between its SUBSCRIBE and its UNSUBSCRIBE. Counts of listeners
// are those of the commands: they change as the commands come.
//
// Redis refuses a command as a whole if it refuses one of its names. The hub then asks for each name alone, if it
// is still wanted, to learn which one Redis refuses. Subscriptions that waited for such a name become active with
// that answer, which comes after what was sent meanwhile.
//
// Everything for one connection goes through its Outbox, in the order in which it was appended. A command whose
// reply is not known yet reserves a Slot: a place in that order.
//
// # Parts
//
// The Hub has a registry of topics, one for each name; a dispatcher, which fans messages out; the requests to
// Redis; and the subscriptions that wait for a connection. An Outbox has its output, its reply slots, and its
// usage, which counts in Bounds. Each part owns its fields.
//
// Several upstreams have a Hub each, and a Group makes them one for those who subscribe: it says which names are where,
// and has a subscription at several hubs become active at all of them together. They share the dispatcher.
//
// # Concurrency
//
// Everything belongs to one goroutine, the event loop. Only the limits in Bounds, and its figures, may be read and
// set from anywhere.
//
// # Memory
//
// Frames are queued as they are, not copied. Flusher.BuffersReusable tells when nothing refers to them any
// more: then their memory can be used again. Hub.ReuseBuffers must be told the same.
//
// # Loss
//
// A listener whose queue is full, in bytes or in age, is disconnected or misses the message; both are counted by
// Reason. When Bounds.Memory is exceeded, the connection with the largest backlog is disconnected.
//
// Of messages by DeliverLatest only the newest of a Key matters. While a listener's socket takes everything, that
// makes no difference. Once the socket is full, a newer message of a Key goes to the end and the older one, if it
// still waits, is taken out: a listener that is behind gets some of the messages, in their order, and at last the
// newest of each Key. Bytes that are being written are not taken back.
package hub
