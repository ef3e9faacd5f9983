package hub

// How much may wait for slow peers: for one, and for all together.

import (
	"math"
	"sync/atomic"
	"time"
)

// Bounds limit what waits for the connections that share them. Anybody may set Queue, Age and Memory, and read
// the figures; the rest belongs to the loop.
//
// Bytes that a socket takes at once are never counted. An Outbox counts output only while its socket is full;
// it also counts long commands while they come in, and what is kept for its connection.
type Bounds struct {
	Queue  atomic.Int64 // bytes that may wait for one connection
	Age    atomic.Int64 // nanoseconds that they may wait; 0: no bound
	Memory atomic.Int64 // bytes that may wait, or be kept, for all; 0: no bound

	used      atomic.Int64 // all bytes that count
	kept      atomic.Int64 // of these, bytes that Outboxes keep
	other     atomic.Int64 // of these, bytes that Other has counted
	relieve   func()
	enforcing bool
	charged   map[*Outbox]struct{} // Outboxes with bytes in used
}

// Used returns the bytes that wait for all peers, and those that are kept for them.
func (b *Bounds) Used() int64 { return b.used.Load() }

// Kept returns the bytes that Outboxes keep beside their output: see Outbox.Keep.
func (b *Bounds) Kept() int64 { return b.kept.Load() }

// OnOtherExcess sets what is called when Memory is exceeded and the bytes of Other are more than those of any
// Outbox. relieve must return at once; it reports what it frees by Other.
func (b *Bounds) OnOtherExcess(relieve func()) { b.relieve = relieve }

// Other adds n bytes that are kept outside of Outboxes to those that count for all. A negative n takes bytes
// off.
func (b *Bounds) Other(n int64) {
	b.other.Add(n)
	b.used.Add(n)
	if n >= 0 {
		b.enforce()
	}
}

// Others returns the bytes that Other has counted.
func (b *Bounds) Others() int64 { return b.other.Load() }

// Oldest returns how long output has waited for the connection for which it has waited longest; 0: none waits. It
// belongs to the loop.
func (b *Bounds) Oldest() (oldest time.Duration) {
	for o := range b.charged {
		if o.usage.blocked {
			oldest = max(oldest, time.Since(o.usage.batchSince))
		}
	}
	return oldest
}

// full returns why a queue takes no n bytes more, or nothing. queued bytes are in it, and the oldest have
// waited since that time. Nothing is too large for an empty queue.
func (b *Bounds) full(queued, n int, since time.Time) Reason {
	if queued > 0 && queued+n > int(b.Queue.Load()) {
		return ReasonSlow
	}
	if age := b.Age.Load(); age > 0 && !since.IsZero() && time.Since(since) > time.Duration(age) {
		return ReasonAge
	}
	return ""
}

// share returns how many bytes more may wait for each of n connections while half of Memory stays free.
func (b *Bounds) share(n int) int {
	limit := b.Memory.Load()
	if limit == 0 {
		return math.MaxInt
	}
	return int(limit/2-b.used.Load()) / n
}

// account counts now bytes for a connection, in place of the bytes before.
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

// enforce ends connections while Memory is exceeded, the one with the largest backlog first.
func (b *Bounds) enforce() {
	if !b.exceeded() || b.enforcing {
		return
	}
	b.enforcing = true
	defer func() { b.enforcing = false }()
	for b.exceeded() {
		largest := b.largest()
		switch {
		case b.relieve != nil && (largest == nil || b.other.Load() > largest.usage.counted):
			b.relieve()
			return
		case largest == nil:
			return
		}
		largest.disconnect(ReasonMemory)
		largest.Close() // its bytes are free now
	}
}

func (b *Bounds) exceeded() bool {
	limit := b.Memory.Load()
	return limit > 0 && b.used.Load() > limit
}

// largest returns the Outbox for which the most bytes count; nil: there is none.
func (b *Bounds) largest() (largest *Outbox) {
	for o := range b.charged {
		if largest == nil || o.usage.counted > largest.usage.counted {
			largest = o
		}
	}
	return largest
}
