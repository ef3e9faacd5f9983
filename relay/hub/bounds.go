package hub

// What may wait for slow peers: for one, and for all together.

import (
	"math"
	"sync/atomic"
	"time"
)

// Bounds limit what waits for the connections that share them. Queue, Age and Memory may be changed, and
// the figures read, from anywhere; the rest belongs to the loop.
//
// What a socket takes at once is never counted: an Outbox accounts for what waits
// only while its socket is full, for long commands while they come in, and for what is
// kept for its connection.
type Bounds struct {
	Queue  atomic.Int64 // bytes that may wait for one connection
	Age    atomic.Int64 // nanoseconds that they may wait; 0: no bound
	Memory atomic.Int64 // bytes that may wait, or be kept, for all; 0: no bound

	used      atomic.Int64
	kept      atomic.Int64 // of these, what is kept
	other     atomic.Int64 // and what is kept for others than Outboxes
	relieve   func()
	enforcing bool
	charged   map[*Outbox]struct{} // something is counted for them
}

// Used returns the bytes that wait for peers to read, or to send the rest, and those that
// are kept for them.
func (b *Bounds) Used() int64 { return b.used.Load() }

// Kept returns those that are kept.
func (b *Bounds) Kept() int64 { return b.kept.Load() }

// OnOther says how to give up the one with the most of those for whom Other counts.
// relieve must return at once, and what it frees is told by Other.
func (b *Bounds) OnOtherExcess(relieve func()) { b.relieve = relieve }

// Other says that so many bytes more are kept for others than Outboxes, or fewer, which
// count with all.
func (b *Bounds) Other(n int64) {
	b.other.Add(n)
	b.used.Add(n)
	if n >= 0 {
		b.enforce()
	}
}

// Others returns the bytes that Other has counted.
func (b *Bounds) Others() int64 { return b.other.Load() }

// full tells whether so many bytes, of which the oldest have waited since a time,
// leave no room for n more, and why. Nothing is too large for an empty queue.
func (b *Bounds) full(queued, n int, since time.Time) Reason {
	if queued > 0 && queued+n > int(b.Queue.Load()) {
		return ReasonSlow
	}
	if age := b.Age.Load(); age > 0 && !since.IsZero() && time.Since(since) > time.Duration(age) {
		return ReasonAge
	}
	return ""
}

// share tells how many bytes more may wait for each of n connections while what may wait
// for all stays half free.
func (b *Bounds) share(n int) int {
	limit := b.Memory.Load()
	if limit == 0 {
		return math.MaxInt
	}
	return int(limit/2-b.used.Load()) / n
}

// account notes that for a connection so many bytes count, and not so many as before.
func (b *Bounds) account(o *Outbox, before, now int64) {
	b.used.Add(now - before)
	switch {
	case before == 0 && now > 0:
		if b.charged == nil {
			b.charged = map[*Outbox]struct{}{}
		}
		b.charged[o] = struct{}{}
	case before > 0 && now == 0:
		delete(b.charged, o)
	}
}

// shed gives up connections while more waits, and is kept, for all of them than may, the one
// with the largest backlog first.
func (b *Bounds) enforce() {
	if !b.over() || b.enforcing {
		return
	}
	b.enforcing = true
	defer func() { b.enforcing = false }()
	for b.over() {
		worst := b.largest()
		switch {
		case b.relieve != nil && (worst == nil || b.other.Load() > worst.counted):
			b.relieve()
			return
		case worst == nil:
			return
		}
		worst.evict(ReasonMemory)
	}
}

func (b *Bounds) over() bool {
	limit := b.Memory.Load()
	return limit > 0 && b.used.Load() > limit
}

// worst returns the connection for which the most waits and is kept.
func (b *Bounds) largest() (worst *Outbox) {
	for o := range b.charged {
		if worst == nil || o.counted > worst.counted {
			worst = o
		}
	}
	return worst
}
