package hub

// What waits to be written to one connection.

import (
	"errors"
	"math"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"redis-relay/relay/nonblock"
)

const (
	minTail   = 128      // bytes: a handful of replies
	maxTail   = 8192     // bytes: more memory than this is given back once written
	maxSpare  = 256      // slices kept for the next batch
	maxIovecs = 512      // slices in one writev; the system's limit is 1024
	maxKept   = 64       // slices of others' memory that wait for a slow peer; then small ones are copied
	minKept   = 16 << 10 // bytes of a slice that is worth the memory it keeps alive

	// Bytes of a burst that a Unix socket takes before its peer reads them. Linux
	// doubles this, and gives at most twice net.core.wmem_max (208 KiB by default).
	// An idle socket takes no memory for it.
	sendBuffer = 512 << 10
)

// Outbox queues bytes for one connection and writes them in order. All methods
// may be called from anywhere and none of them waits for the peer, but for
// Drain.
//
// Flush writes in place, without blocking. When the socket does not take
// everything, a goroutine waits for it, and until it is done appended bytes only
// queue up: a slow peer costs its own queue and nothing else.
type Outbox struct {
	// Fixed after construction.
	conn    net.Conn
	raw     syscall.RawConn
	bounds  *Bounds
	end     func(Reason)    // gives the connection up; called with locks held
	writers *sync.WaitGroup // counts the goroutines that wait for a slow peer
	attempt func(uintptr) bool

	// Owned by whoever set writing.
	store    [][]byte // the array of the batch
	batch    [][]byte // what of it is still to be written
	batchErr error

	counted atomic.Int64 // bytes in bounds.used; written under mu

	mu sync.Mutex // Guards what follows.

	ready   [][]byte  // to be written next, in order
	spare   [][]byte  // the array of an earlier batch, to be used again
	holds   []*Hold   // places kept for answers; ready ends before the first
	tail    []byte    // memory for bytes that had to be copied
	queued  int       // bytes not written yet: batch, ready and behind the holds
	coming  int       // bytes held of a command, or an answer, that is not whole
	kept    int       // bytes kept for the peer beside its output
	writing bool      // somebody writes, and will go on with what is appended
	waiting bool      // and that is a goroutine, for the socket is full
	oldest  time.Time // while waiting: since when the batch has waited, at least
	next    time.Time // and since when ready has, at most
	lost    Backlog   // when it was closed
	latest  latest    // messages in ready that newer ones replace
	closed  bool
	drained chan struct{} // set by Drain: closed when nothing is queued
}

// Hold is a place in an Outbox for an answer that is not known yet. What is
// appended after it waits until Fill.
type Hold struct {
	out    *Outbox
	filled bool
	reply  []byte
	after  [][]byte
}

// NewOutbox returns an Outbox that writes to conn, which must have a file
// descriptor (a *net.UnixConn or *net.TCPConn). end is called when bounds have it
// given up; it may be called more than once and with locks held, so it must return
// at once and call neither the hub nor the Outbox. writers is waited for by the
// caller, after Close.
func NewOutbox(conn net.Conn, bounds *Bounds, writers *sync.WaitGroup, end func(Reason)) (*Outbox, error) {
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return nil, errors.New("connection has no file descriptor")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	if u, ok := conn.(*net.UnixConn); ok {
		_ = u.SetWriteBuffer(sendBuffer) // with less it is only slower
	}
	o := &Outbox{conn: conn, raw: raw, bounds: bounds, end: end, writers: writers}
	o.attempt = o.writeOnce
	return o, nil
}

// Append queues b, which is not copied: it must not be changed before a Flush has
// reported that nothing is kept.
// It reports false, and queues nothing, when the queue is full; the queue takes
// at least one frame, however large. A closed Outbox takes everything and
// forgets it.
func (o *Outbox) Append(b []byte) bool { return o.queue(b, false) == "" }

// Reply queues a copy of b, or b itself if it is longer than 8 KiB: then it must not be
// changed any more. When the queue is full it gives the connection up.
func (o *Outbox) Reply(b []byte) {
	if why := o.queue(b, len(b) <= maxTail); why != "" {
		o.end(why)
	}
}

// Give queues slices that must not be changed any more, as one: for an empty queue
// nothing is too large. When the queue is full it gives the connection up.
func (o *Outbox) Give(list ...[]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	if why := o.fullLocked(size(list)); why != "" {
		o.end(why)
		return
	}
	for _, b := range list {
		o.appendLocked(b)
	}
}

// queue returns why b is not queued, or nothing.
func (o *Outbox) queue(b []byte, copied bool) Reason {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || len(b) == 0 {
		return ""
	}
	if why := o.fullLocked(len(b)); why != "" {
		return why
	}
	if copied || o.waiting && len(b) < minKept && len(o.ready) > maxKept {
		b = o.copyLocked(b)
	}
	o.appendLocked(b)
	return ""
}

// Full tells whether n more bytes would not be taken.
func (o *Outbox) Full(n int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return !o.closed && o.fullLocked(n) != ""
}

// room tells how many bytes more make the queue half full, and whether it is empty. For
// a peer that has not taken for so long what waits there is any room.
func (o *Outbox) room(patience time.Duration) (bytes int, empty bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || !o.oldest.IsZero() && time.Since(o.oldest) > patience {
		return math.MaxInt, true
	}
	return int(o.bounds.Queue.Load())/2 - o.queued, o.queued == 0
}

// fullLocked says why n more bytes are not taken, or nothing.
func (o *Outbox) fullLocked(n int) Reason { return o.bounds.full(o.queued, n, o.oldest) }

// Hold keeps the next place for an answer. When the queue is full it returns nil, and
// gives the connection up.
func (o *Outbox) Hold() *Hold {
	h := &Hold{out: o}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		if why := o.fullLocked(1); why != "" {
			o.end(why)
			return nil
		}
		o.holds = append(o.holds, h)
	}
	return h
}

// Fill puts a copy of b at the place that h keeps, and lets go what waited
// behind it. It or Give must be called once; an empty b gives the place up. The caller
// flushes.
func (h *Hold) Fill(b []byte) {
	o := h.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	h.reply = o.copyLocked(b)
	o.grownLocked(len(b))
	o.filledLocked(h)
}

// Give is Fill with slices that must not be changed any more.
func (h *Hold) Give(list ...[]byte) {
	o := h.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	h.after = append(list, h.after...)
	o.grownLocked(size(list))
	o.filledLocked(h)
}

func (o *Outbox) filledLocked(h *Hold) {
	h.filled = true
	n := 0
	for ; n < len(o.holds) && o.holds[n].filled; n++ {
		o.ready = join(o.ready, o.holds[n].reply)
		for _, b := range o.holds[n].after {
			o.ready = join(o.ready, b)
		}
		o.holds[n] = nil
	}
	if o.holds = o.holds[n:]; len(o.holds) == 0 {
		o.holds = nil
	}
	o.idleLocked()
}

func (o *Outbox) appendLocked(b []byte) {
	o.grownLocked(len(b))
	if n := len(o.holds); n > 0 {
		o.holds[n-1].after = join(o.holds[n-1].after, b)
		return
	}
	o.ready = join(o.ready, b)
}

// grownLocked notes that so many bytes more are queued.
func (o *Outbox) grownLocked(n int) {
	if o.queued += n; o.waiting {
		if len(o.ready) == 0 {
			o.next = time.Now()
		}
		o.countLocked()
	}
}

// Coming says how many bytes are held of a command that the peer has not sent in whole,
// as far as that is worth counting, or of an answer that is not whole: they wait for
// it, too.
func (o *Outbox) Coming(n int) {
	o.mu.Lock()
	if !o.closed {
		o.coming = n
		o.countLocked()
	}
	o.mu.Unlock()
	o.bounds.shed()
}

// Keep says that so many bytes more are kept for the peer beside its output, for as long
// as it listens to something, or fewer.
func (o *Outbox) Keep(n int) {
	o.mu.Lock()
	if !o.closed {
		o.kept += n
		o.bounds.kept.Add(int64(n))
		o.countLocked()
	}
	o.mu.Unlock()
	if n > 0 {
		o.bounds.shed()
	}
}

// countLocked brings up to date what bounds know of this connection.
func (o *Outbox) countLocked() {
	now := int64(o.coming + o.kept)
	if o.waiting {
		now += int64(o.queued)
	}
	before := o.counted.Swap(now)
	o.bounds.used.Add(now - before)
	switch {
	case before == 0 && now > 0:
		o.bounds.add(o)
	case before > 0 && now == 0:
		o.bounds.remove(o)
	}
}

// waitsLocked notes whether a goroutine waits for the peer from now on.
func (o *Outbox) waitsLocked(waits bool) {
	if waits == o.waiting {
		return
	}
	if o.waiting = waits; waits {
		o.oldest = time.Now()
		o.next = o.oldest
	} else {
		o.oldest = time.Time{}
	}
	o.countLocked()
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

// copyLocked copies b to memory of o's own, where join finds it next to the
// copy before.
func (o *Outbox) copyLocked(b []byte) []byte {
	if cap(o.tail)-len(o.tail) < len(b) {
		o.tail = make([]byte, 0, max(minTail, min(2*cap(o.tail), maxTail), len(b)))
	}
	n := len(o.tail)
	o.tail = append(o.tail, b...)
	return o.tail[n:]
}

// Flush writes what is ready, as far as the socket takes it now. It reports
// whether nothing that was appended is kept any more.
func (o *Outbox) Flush() (empty bool) {
	o.mu.Lock()
	if o.writing || o.closed || len(o.ready) == 0 {
		empty = !o.writing && o.queued == 0
		o.mu.Unlock()
		if !empty {
			o.bounds.shed()
		}
		return empty
	}
	o.writing = true
	o.takeLocked()
	o.mu.Unlock()

	for more := true; more; {
		more, empty = o.wrote(o.try())
	}
	if !empty {
		o.bounds.shed()
	}
	return empty
}

// try writes the batch without blocking and returns how much went out.
func (o *Outbox) try() (written int, err error) {
	before := size(o.batch)
	o.batchErr = nil
	if err := o.raw.Write(o.attempt); err != nil {
		return 0, err
	}
	return before - size(o.batch), o.batchErr
}

// writeOnce is the body of try's RawConn.Write. It always says that it is done,
// so that the poller never parks it.
func (o *Outbox) writeOnce(fd uintptr) bool {
	for len(o.batch) > 0 {
		n, err := writev(fd, o.batch[:min(len(o.batch), maxIovecs)])
		switch {
		case err == nil:
			o.batch = skip(o.batch, n)
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return true
		default:
			o.batchErr = os.NewSyscallError("write", err)
			return true
		}
	}
	return true
}

func writev(fd uintptr, list [][]byte) (int, error) {
	if len(list) == 1 {
		return nonblock.Write(fd, list[0])
	}
	return unix.Writev(int(fd), list)
}

// wait writes what the socket did not take at once, and all that is appended
// meanwhile. It ends when nothing is left, or with the connection.
func (o *Outbox) wait() {
	defer o.writers.Done()
	for more := true; more; {
		list := net.Buffers(o.batch)
		n, err := list.WriteTo(o.conn)
		o.batch = nil
		more, _ = o.wrote(int(n), err)
	}
}

// wrote accounts for n bytes written and reports whether the caller has another
// batch to write, and whether nothing is kept.
func (o *Outbox) wrote(n int, err error) (more, empty bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.closeLocked()
	}
	if o.closed {
		return false, true
	}
	if o.queued -= n; o.waiting {
		o.countLocked()
	}
	if len(o.batch) > 0 {
		o.waitsLocked(true)
		o.writers.Add(1)
		go o.wait()
		return false, false
	}
	o.releaseLocked()
	if len(o.ready) > 0 {
		o.takeLocked()
		return true, false
	}
	o.writing = false
	o.waitsLocked(false)
	o.idleLocked()
	return false, o.queued == 0
}

// takeLocked makes what is ready the next batch.
func (o *Outbox) takeLocked() {
	o.ready = o.latest.settle(o.ready)
	if o.waiting {
		o.oldest = o.next
	}
	o.store, o.batch = o.ready, o.ready
	o.ready, o.spare = o.spare, nil
}

// releaseLocked forgets a batch that was written and keeps its array.
func (o *Outbox) releaseLocked() {
	clear(o.store)
	if cap(o.store) <= maxSpare {
		o.spare = o.store[:0]
	}
	o.store, o.batch = nil, nil
}

// idleLocked is called when something that was waited for is done. When nothing
// is queued any more it gives memory back and wakes Drain.
func (o *Outbox) idleLocked() {
	if o.writing || len(o.ready) > 0 || len(o.holds) > 0 {
		return
	}
	if o.tail = o.tail[:0]; cap(o.tail) > maxTail {
		o.tail = nil
	}
	if o.drained != nil {
		close(o.drained)
		o.drained = nil
	}
}

// Queued returns the number of bytes that are not written yet.
func (o *Outbox) Queued() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queued
}

// Backlog is what there is for a connection, in bytes.
type Backlog struct {
	Queued int // output that is not written yet
	Kept   int // for its subscriptions, and of commands and answers that are not whole
}

// Backlog returns what there is for the connection, or what there was when it was closed.
func (o *Outbox) Backlog() Backlog {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.backlogLocked()
}

func (o *Outbox) backlogLocked() Backlog {
	if o.closed {
		return o.lost
	}
	return Backlog{Queued: o.queued, Kept: o.kept + o.coming}
}

// giveUp closes the connection, and what is queued is free.
func (o *Outbox) giveUp(why Reason) {
	o.end(why)
	o.Close()
}

// Drain waits until everything is written and every Hold is filled, at most for
// the time given, and reports whether it came to that. One goroutine may call it.
func (o *Outbox) Drain(timeout time.Duration) bool {
	done := make(chan struct{})
	o.mu.Lock()
	if o.closed {
		o.mu.Unlock()
		return false
	}
	o.drained = done
	o.idleLocked()
	o.mu.Unlock()
	o.Flush()

	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.drained == nil && !o.closed
}

// Close closes the connection and forgets what is queued. It may be called
// again.
func (o *Outbox) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closeLocked()
}

// closeLocked closes the connection here, under the lock: on a socket without
// SO_LINGER that never blocks, and nothing can be appended in between.
func (o *Outbox) closeLocked() {
	if o.closed {
		return
	}
	o.lost = o.backlogLocked()
	o.closed = true
	o.bounds.kept.Add(-int64(o.kept))
	o.ready, o.spare, o.holds, o.tail, o.queued, o.coming, o.kept = nil, nil, nil, nil, 0, 0, 0
	o.latest = latest{}
	o.waitsLocked(false)
	o.countLocked()
	_ = o.conn.Close() // nothing is left to lose
	if o.drained != nil {
		close(o.drained)
		o.drained = nil
	}
}

// skip drops the first n bytes of list.
func skip(list [][]byte, n int) [][]byte {
	for len(list) > 0 && n >= len(list[0]) {
		n -= len(list[0])
		list = list[1:]
	}
	if n > 0 {
		list[0] = list[0][n:]
	}
	return list
}

func size(list [][]byte) (n int) {
	for _, b := range list {
		n += len(b)
	}
	return n
}
