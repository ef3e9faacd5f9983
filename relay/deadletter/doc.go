// Package deadletter is refused messages that are kept: how a relay writes them into streams at Redis, and how a person
// finds them again and publishes them once.
//
// # In Redis
//
// The dead letters of a route are the stream that the route names. The fields of an entry are those of a [Letter]; the
// message itself is in "payload", as in a stream of history. Nothing is published. MAXLEN and a time to live bound a
// stream.
//
// Beside the stream "dead:chat" there are "{dead:chat}:last:<run>", which batch of one run of a relay was the last,
// so that a batch whose answer was lost can be sent again; and "{dead:chat}:seen:<digest>", for a minute, so that of a
// whole fleet that hears the same bad message one relay writes it.
//
// The prefix of all names at Redis begins these keys, too: "acme:dead:chat" and "acme:{acme:dead:chat}:last:<run>". A
// Letter has the key without it, and its channel as local clients call it.
//
// # Writing
//
// A [Writer] takes letters in the loop and sends them from a goroutine of its own, over a connection of its own: no
// publish waits behind them. What waits is bounded in bytes, what is sent in letters a second; one batch is under way
// at a time. What finds no room, and what Redis refuses, is counted and told.
//
// # Replaying
//
// The Desk of package replay reads streams, and its Replay publishes messages that pass now. A script publishes a
// message and deletes its entry in one step, and does nothing where the entry is gone. So whoever interrupts a replay,
// or runs two at a time, finds each message published or still there.
//
// # Concurrency
//
// The methods of a Writer may be called from anywhere; Run blocks. A Desk belongs to one goroutine.
package deadletter
