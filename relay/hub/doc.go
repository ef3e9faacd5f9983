// Package hub knows who listens to what on this host, and hands each message
// from Redis to its local listeners.
//
// # Ordering
//
// Everything for one connection goes through its Outbox, in the order in which
// it was appended. A command whose answer comes later takes a Hold: a place in
// that order. So replies keep the order of the commands, no message precedes the
// confirmation of its subscription, and none follows the one that ends it.
//
// # Concurrency
//
// Everything may be called from anywhere; the order of messages is that of the
// calls of Deliver, which the goroutine that reads from Redis makes, or a worker
// that has checked a message of the channel. Hub.mu guards who listens to what,
// Outbox.mu one connection's queue; Hub.mu may be held when Outbox.mu is taken, and
// that when Bounds.mu is, never the other way round. Nothing is written to a socket and nothing
// waits while a lock is held: Flush writes afterwards, without blocking; what a
// socket does not take at once is left to a goroutine of that connection.
//
// # Memory
//
// Frames are queued as they are, not copied. Settled tells who delivers them when
// none is kept any more, so that their memory can be used again.
//
// # Loss
//
// A listener whose queue is full, of bytes or of age, is disconnected or misses this
// message; both are counted by Reason. When too much waits for all, or to be whole, the
// connection with the most is given up.
//
// Of messages by DeliverLatest only the newest of a Key matters. While a listener's
// socket takes everything, that makes no difference. Once the socket is full, a
// message that still waits is taken out when a newer one of its Key comes, which
// goes to the end: who is behind gets some of the messages, in their order, and
// at last the newest of each Key. What is being written is not taken back.
package hub
