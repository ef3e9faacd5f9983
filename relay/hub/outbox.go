package hub

// What is sent over one connection: replies and messages, in order.

import "time"

const (
	maxForeign = 64       // slices of others' memory that wait for a slow peer; then small ones are copied
	minForeign = 16 << 10 // bytes of a slice that is worth the memory it keeps alive
	earlyWrite = 64 << 10 // bytes; so many are written before the end of the turn
)

// Socket is a non-blocking descriptor: see loop.Descriptor.
type Socket interface {
	FD() int
	// AwaitWritable says whether Outbox.Writable is to be called when the socket takes bytes again.
	AwaitWritable(on bool)
}

// Outbox queues bytes for one connection and writes them in order, at the end of the loop's turn. When
// the socket does not take everything, the rest waits until Writable is called, and what is appended
// meanwhile only queues up: a slow peer costs its own queue and nothing else. It belongs to the loop.
type Outbox struct {
	// Fixed after construction.
	socket     Socket
	flusher    *Flusher
	disconnect func(Reason) // has the connection ended
	onFlushed  func()       // is called when something may have been written; may be nil

	output         output  // can be written
	slots          slots   // replies that are not known, and what waits for them
	usage          usage   // how much all this is
	backlogAtClose Backlog // usage when the Outbox was closed
	dirty          bool    // in flusher.dirty
	closed         bool
}

// NewOutbox returns an Outbox that writes to socket. end is called when the connection has to be ended; it
// may be called more than once, and must call neither the hub nor the Outbox. flushed, if not nil, is called
// at the end of a turn when something was written, or the connection is broken.
func NewOutbox(socket Socket, bounds *Bounds, flusher *Flusher, end func(Reason), flushed func()) *Outbox {
	o := &Outbox{socket: socket, flusher: flusher, disconnect: end, onFlushed: flushed}
	o.usage = usage{bounds: bounds, of: o}
	return o
}

// Append queues b as a message. b is not copied: it must not be changed before Flusher.BuffersReusable allows
// it. When the queue is full, Append reports false and queues nothing; an empty queue takes one frame,
// however large. A closed Outbox takes everything and forgets it.
func (o *Outbox) Append(b []byte) bool { return o.tryAppend(b) == "" }

// Reply queues a copy of b, or b itself if it is longer than 8 KiB: then it must not be changed any more.
// When the queue is full, the connection is ended.
func (o *Outbox) Reply(b []byte) {
	if o.closed || len(b) == 0 {
		return
	}
	if why := o.usage.full(len(b)); why != "" {
		o.disconnect(why)
		return
	}
	if len(b) <= maxTail {
		b = o.output.copy(b)
	}
	o.put(b, o.slots.last())
	o.writeEarly()
}

// ReplyOwned queues slices that must not be changed any more, as one reply: an empty queue takes it, however
// large. When the queue is full, the connection is ended.
func (o *Outbox) ReplyOwned(list ...[]byte) {
	if o.closed {
		return
	}
	if why := o.usage.full(size(list)); why != "" {
		o.disconnect(why)
		return
	}
	for _, b := range list {
		o.put(b, o.slots.last())
	}
	o.writeEarly()
}

// writeEarly writes replies before the end of the turn when they are many: the replies to all clients in one
// turn may be more than Bounds.Memory.
func (o *Outbox) writeEarly() {
	if o.usage.queued < earlyWrite {
		return
	}
	if !o.usage.blocked {
		o.write()
	}
	o.usage.bounds.enforce()
}

// tryAppend is Append; it returns why b is not queued, or nothing.
func (o *Outbox) tryAppend(b []byte) Reason {
	if o.closed || len(b) == 0 {
		return ""
	}
	if why := o.usage.full(len(b)); why != "" {
		return why
	}
	if o.usage.blocked && len(b) < minForeign && len(o.output.ready) > maxForeign {
		b = o.output.copy(b)
	}
	o.put(b, o.slots.lastConfirmed())
	return ""
}

// put queues b behind a slot; -1: behind what is ready.
func (o *Outbox) put(b []byte, slot int) {
	o.usage.add(len(b), len(o.output.ready) == 0)
	o.flusher.add(o) // also if b waits behind a slot: the flusher must know that b is kept
	if slot < 0 {
		o.output.add(b)
		return
	}
	s := o.slots.list[slot]
	s.after = join(s.after, b)
}

// Full tells whether n more bytes would not be taken.
func (o *Outbox) Full(n int) bool { return !o.closed && o.usage.full(n) != "" }

// Charge sets how many bytes are held for the peer of a command that has not come in completely, as far as they
// are worth counting, or of a reply that is not complete. They count as bytes that wait for the peer.
func (o *Outbox) Charge(n int) {
	if !o.closed {
		o.usage.charged = n
		o.usage.account()
	}
	o.usage.bounds.enforce()
}

// Keep adds n to the bytes that are kept for the peer beside its output, for as long as it is subscribed to
// something. A negative n takes bytes off.
func (o *Outbox) Keep(n int) {
	if !o.closed {
		o.usage.kept += n
		o.usage.bounds.kept.Add(int64(n))
		o.usage.account()
	}
	if n > 0 {
		o.usage.bounds.enforce()
	}
}

// Queued returns the number of bytes that are not written yet.
func (o *Outbox) Queued() int { return o.usage.queued }

// Pending tells whether bytes are still to be written, or slots to be completed.
func (o *Outbox) Pending() bool {
	return !o.closed && (o.output.pending() || len(o.slots.list) > 0)
}

// Closed tells whether nothing is written any more: Close was called, or the connection is broken.
func (o *Outbox) Closed() bool { return o.closed }

// Backlog is what waits for a connection and is kept for it, in bytes.
type Backlog struct {
	Queued int // output that is not written yet
	Kept   int // for its subscriptions, and of commands and replies that are not complete
}

// Backlog returns the backlog of the connection, or the backlog at the time when it was closed.
func (o *Outbox) Backlog() Backlog {
	if o.closed {
		return o.backlogAtClose
	}
	return Backlog{Queued: o.usage.queued, Kept: o.usage.kept + o.usage.charged}
}

// WaitsSince returns since when output waits for a full socket, about, or the zero time if none does.
func (o *Outbox) WaitsSince() time.Time {
	if !o.usage.blocked {
		return time.Time{}
	}
	return o.usage.batchSince
}

// Close forgets what is queued, and what is appended from now on. It may be called again. The socket stays
// open: it is the owner's.
func (o *Outbox) Close() {
	if o.closed {
		return
	}
	o.backlogAtClose = o.Backlog()
	if o.usage.blocked {
		o.flusher.reportWait(o.usage.batchSince)
	}
	o.closed = true
	o.output, o.slots = output{}, slots{}
	o.usage.clear()
}
