// Package hub knows who listens to what on this host, and hands each message
// from Redis to its local listeners.
//
// # Ordering
//
// Redis carries out what is sent to it in order, and confirms it in order, with the
// messages in between. A subscription becomes active when Redis confirms it, and ends when
// Redis confirms its end. If Redis has a name already, or is to keep it for others, the hub
// asks for a fence instead: an answer that Redis gives in the same order. So each listener hears
// exactly the messages between its SUBSCRIBE and its UNSUBSCRIBE, and the counts of
// listeners are those of the commands, which are counted as they come.
//
// Redis refuses a command as a whole if it refuses one of its names. The hub then asks for
// each name by itself, as far as it is still wanted, to learn which one that was. What
// waited for such a name becomes active with that answer, which comes behind what was sent
// meanwhile.
//
// Everything for one connection goes through its Outbox, in the order in which it was
// appended. A command whose answer comes later takes a Slot: a place in that order.
//
// # Concurrency
//
// Everything belongs to one goroutine, the event loop. Only the limits in Bounds, and its
// figures, may be read and set from anywhere.
//
// # Memory
//
// Frames are queued as they are, not copied. Flusher.BuffersReusable tells who delivers them when
// none is kept any more, so that their memory can be used again. Hub.Settle is to be told so, too.
//
// # Loss
//
// A listener whose queue is full, of bytes or of age, is disconnected or misses this
// message; both are counted by Reason. When too much waits for all, or to be whole, the
// connection with the largest backlog is given up.
//
// Of messages by DeliverLatest only the newest of a Key matters. While a listener's
// socket takes everything, that makes no difference. Once the socket is full, a
// message that still waits is taken out when a newer one of its Key comes, which
// goes to the end: a listener that is behind gets some of the messages, in their order, and
// at last the newest of each Key. What is being written is not taken back.
package hub
