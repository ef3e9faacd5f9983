package hub

// What one connection counts for in Bounds.

import (
	"math"
	"time"
)

// usage is how many bytes wait for one connection and are kept for it, and since when they wait.
type usage struct {
	// Fixed after construction.
	bounds *Bounds
	of     *Outbox

	queued     int       // bytes that are not written yet, with those after reply slots
	charged    int       // bytes held of a command or a reply that is not complete
	kept       int       // bytes kept for the peer beside its output
	counted    int64     // bytes of all these in Bounds.used
	blocked    bool      // the socket is full; queued counts only then
	batchSince time.Time // while blocked: the batch has waited since then, or longer
	readySince time.Time // while blocked: what is ready has waited since then, or shorter
}

// full returns why n more bytes are not taken, or nothing.
func (u *usage) full(n int) Reason { return u.bounds.full(u.queued, n, u.batchSince) }

// room returns how many bytes more make the queue half full, and whether it is empty. A peer that has taken
// nothing for patience has any room.
func (u *usage) room(patience time.Duration) (bytes int, empty bool) {
	if !u.batchSince.IsZero() && time.Since(u.batchSince) > patience {
		return math.MaxInt, true
	}
	return int(u.bounds.Queue.Load())/2 - u.queued, u.queued == 0
}

// block notes whether the socket is full.
func (u *usage) block(blocked bool) {
	if u.blocked = blocked; blocked {
		u.batchSince = time.Now()
		u.readySince = u.batchSince
	} else {
		u.batchSince = time.Time{}
	}
}

// add counts n bytes that are about to be queued. first says that nothing else is ready.
func (u *usage) add(n int, first bool) {
	if u.queued += n; u.blocked {
		if first {
			u.readySince = time.Now()
		}
		u.account()
	}
}

// account brings the figures in Bounds up to date.
func (u *usage) account() {
	before, now := u.counted, int64(u.charged+u.kept)
	if u.blocked {
		now += int64(u.queued)
	}
	if u.counted = now; now != before {
		u.bounds.account(u.of, before, now)
	}
}

// clear forgets all bytes: nothing waits any more.
func (u *usage) clear() {
	u.bounds.kept.Add(-int64(u.kept))
	u.queued, u.charged, u.kept = 0, 0, 0
	u.blocked = false
	u.account()
}
