package hub

// What waits to be written to one connection.

import (
	"math"
	"time"
)

const (
	minTail    = 128      // bytes: a handful of replies
	maxTail    = 8192     // bytes: more memory than this is given back once written
	maxSpare   = 256      // slices kept for the next batch
	maxForeign = 64       // slices of others' memory that wait for a slow peer; then small ones are copied
	minForeign = 16 << 10 // bytes of a slice that is worth the memory it keeps alive
	earlyWrite = 64 << 10 // bytes with which answers do not wait for the end of the turn
)

// Socket is a non-blocking descriptor: see loop.Descriptor.
type Socket interface {
	FD() int
	AwaitWritable(on bool)
}

// Outbox queues bytes for one connection and writes them in order, at the end of the loop's turn. When
// the socket does not take everything, the rest waits until Writable is called, and what is appended
// meanwhile only queues up: a slow peer costs its own queue and nothing else.
type Outbox struct {
	// Fixed after construction.
	socket     Socket
	bounds     *Bounds
	flusher    *Flusher
	disconnect func(Reason) // gives the connection up
	onFlushed  func()       // is called when something may have been written; nil: nobody wants to know

	store          [][]byte  // the array of the batch
	batch          [][]byte  // what is being written, in order
	ready          [][]byte  // to be written next, in order
	spare          [][]byte  // the array of an earlier batch, to be used again
	slots          []*Slot   // places kept for answers; ready ends before the first
	confirmed      int       // of slots, that confirm and are filled
	hooks          int       // of slots, that have a Before
	tail           []byte    // memory for bytes that had to be copied
	queued         int       // bytes not written yet: batch, ready and behind the slots
	charged        int       // bytes held of a command, or an answer, that is not whole
	kept           int       // bytes kept for the peer beside its output
	counted        int64     // bytes in bounds.used
	batchSince     time.Time // while blocked: since when the batch has waited, at least
	readySince     time.Time // and since when ready has, at most
	backlogAtClose Backlog   // when it was closed
	latest         latest    // messages in ready that newer ones replace
	dirty          bool      // in flusher.dirty
	blocked        bool      // the socket is full
	closed         bool
}

// NewOutbox returns an Outbox that writes to socket. end is called when it has to be given up; it may be
// called more than once, and must call neither the hub nor the Outbox. flushed, if not nil, is called at
// the end of a turn when something was written, or the connection is broken.
func NewOutbox(socket Socket, bounds *Bounds, flusher *Flusher, end func(Reason), flushed func()) *Outbox {
	return &Outbox{socket: socket, bounds: bounds, flusher: flusher, disconnect: end, onFlushed: flushed}
}

// Append queues b, which is not copied: it must not be changed before Flusher.BuffersReusable allows it.
// It reports false, and queues nothing, when the queue is full; the queue takes
// at least one frame, however large. A closed Outbox takes everything and
// forgets it.
func (o *Outbox) Append(b []byte) bool { return o.tryAppend(b) == "" }

// Reply queues a copy of b, or b itself if it is longer than 8 KiB: then it must not be
// changed any more. When the queue is full it gives the connection up.
func (o *Outbox) Reply(b []byte) {
	if o.closed || len(b) == 0 {
		return
	}
	if why := o.full(len(b)); why != "" {
		o.disconnect(why)
		return
	}
	if len(b) <= maxTail {
		b = o.copy(b)
	}
	o.append(b)
	o.writeEarly()
}

// Give queues slices that must not be changed any more, as one: for an empty queue
// nothing is too large. When the queue is full it gives the connection up.
func (o *Outbox) ReplyOwned(list ...[]byte) {
	if o.closed {
		return
	}
	if why := o.full(size(list)); why != "" {
		o.disconnect(why)
		return
	}
	for _, b := range list {
		o.append(b)
	}
	o.writeEarly()
}

// hurry writes answers before the end of the turn when they are many: those to all clients in one turn may
// be more than may wait for all.
func (o *Outbox) writeEarly() {
	if o.queued < earlyWrite {
		return
	}
	if !o.blocked && len(o.ready) > 0 {
		o.nextBatch()
		o.write()
	}
	o.bounds.enforce()
}

// queue queues a message, or returns why not.
func (o *Outbox) tryAppend(b []byte) Reason {
	if o.closed || len(b) == 0 {
		return ""
	}
	if why := o.full(len(b)); why != "" {
		return why
	}
	if o.blocked && len(b) < minForeign && len(o.ready) > maxForeign {
		b = o.copy(b)
	}
	o.appendMessage(b)
	return ""
}

// Full tells whether n more bytes would not be taken.
func (o *Outbox) Full(n int) bool { return !o.closed && o.full(n) != "" }

// room tells how many bytes more make the queue half full, and whether it is empty. For
// a peer that has not taken for so long what waits there is any room.
func (o *Outbox) room(patience time.Duration) (bytes int, empty bool) {
	if o.closed || !o.batchSince.IsZero() && time.Since(o.batchSince) > patience {
		return math.MaxInt, true
	}
	return int(o.bounds.Queue.Load())/2 - o.queued, o.queued == 0
}

// full says why n more bytes are not taken, or nothing.
func (o *Outbox) full(n int) Reason { return o.bounds.full(o.queued, n, o.batchSince) }

// append queues b behind all answers that are owed.
func (o *Outbox) append(b []byte) { o.put(b, len(o.slots)-1) }

// lastConfirmed returns the place of the last confirmation that is known and waits for answers before it; -1:
// there is none.
func (o *Outbox) lastConfirmed() (slot int) {
	if o.confirmed == 0 {
		return -1
	}
	for slot = len(o.slots) - 1; !o.slots[slot].completed || !o.slots[slot].Confirms; slot-- {
	}
	return slot
}

// deliver queues a message: it comes from Redis before the answers that are not known yet, and goes out
// before them, but behind confirmations that are known and wait for these.
func (o *Outbox) appendMessage(b []byte) {
	o.put(b, o.lastConfirmed())
}

// put queues b behind a slot; -1: behind what is ready.
func (o *Outbox) put(b []byte, slot int) {
	o.noteQueued(len(b))
	o.flusher.add(o) // also of what waits behind a slot, it must know that it is kept
	if slot >= 0 {
		o.slots[slot].after = join(o.slots[slot].after, b)
		return
	}
	o.ready = join(o.ready, b)
}

// grown notes that so many bytes more are queued.
func (o *Outbox) noteQueued(n int) {
	if o.queued += n; o.blocked {
		if len(o.ready) == 0 {
			o.readySince = time.Now()
		}
		o.account()
	}
}

// Charge says how many bytes are held of a command that the peer has not sent in whole,
// as far as that is worth counting, or of an answer that is not whole: they wait for
// it, too.
func (o *Outbox) Charge(n int) {
	if !o.closed {
		o.charged = n
		o.account()
	}
	o.bounds.enforce()
}

// Keep says that so many bytes more are kept for the peer beside its output, for as long
// as it listens to something, or fewer.
func (o *Outbox) Keep(n int) {
	if !o.closed {
		o.kept += n
		o.bounds.kept.Add(int64(n))
		o.account()
	}
	if n > 0 {
		o.bounds.enforce()
	}
}

// count brings up to date what bounds know of this connection.
func (o *Outbox) account() {
	now := int64(o.charged + o.kept)
	if o.blocked {
		now += int64(o.queued)
	}
	if now != o.counted {
		o.bounds.account(o, o.counted, now)
		o.counted = now
	}
}

// join appends b to list. If b stands right behind the last slice in the same
// memory, as neighbouring frames of one read do, that slice grows instead: a
// burst becomes one slice.
func join(list [][]byte, b []byte) [][]byte {
	if len(b) == 0 {
		return list
	}
	if n := len(list); n > 0 {
		last := list[n-1]
		if l := len(last); cap(last)-l >= len(b) && &last[:l+1][l] == &b[0] {
			list[n-1] = last[:l+len(b)]
			return list
		}
	}
	return append(list, b)
}

// copy copies b to memory of o's own, where join finds it next to the
// copy before.
func (o *Outbox) copy(b []byte) []byte {
	if cap(o.tail)-len(o.tail) < len(b) {
		o.tail = make([]byte, 0, max(minTail, min(2*cap(o.tail), maxTail), len(b)))
	}
	n := len(o.tail)
	o.tail = append(o.tail, b...)
	return o.tail[n:]
}

// Queued returns the number of bytes that are not written yet.
func (o *Outbox) Queued() int { return o.queued }

// Owes tells whether something is still to be written, or answered.
func (o *Outbox) Pending() bool {
	return !o.closed && (len(o.batch) > 0 || len(o.ready) > 0 || len(o.slots) > 0)
}

// Closed tells whether nothing is written any more: Close was called, or the connection is broken.
func (o *Outbox) Closed() bool { return o.closed }

// Backlog is what there is for a connection, in bytes.
type Backlog struct {
	Queued int // output that is not written yet
	Kept   int // for its subscriptions, and of commands and answers that are not whole
}

// Backlog returns what there is for the connection, or what there was when it was closed.
func (o *Outbox) Backlog() Backlog {
	if o.closed {
		return o.backlogAtClose
	}
	return Backlog{Queued: o.queued, Kept: o.kept + o.charged}
}

// giveUp ends the connection, and what is queued is free.
func (o *Outbox) evict(why Reason) {
	o.disconnect(why)
	o.Close()
}

// Close forgets what is queued, and what is appended from now on. It may be called again. The
// socket stays open: it is the owner's.
func (o *Outbox) Close() {
	if o.closed {
		return
	}
	o.backlogAtClose = o.Backlog()
	o.closed = true
	o.bounds.kept.Add(-int64(o.kept))
	o.store, o.batch, o.ready, o.spare, o.slots, o.tail = nil, nil, nil, nil, nil, nil
	o.queued, o.charged, o.kept, o.confirmed, o.hooks = 0, 0, 0, 0, 0
	o.latest = latest{}
	o.blocked = false
	o.account()
}

func size(list [][]byte) (n int) {
	for _, b := range list {
		n += len(b)
	}
	return n
}
