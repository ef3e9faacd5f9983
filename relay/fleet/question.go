package fleet

// One question, and what comes in for it.

import (
	"context"
	"time"
)

const (
	maxNames = 512     // of a question: Redis serves nobody else while it counts
	maxBytes = 8 << 10 // of its names, unless a single one is longer
)

// question is what a relay wants to know at one moment, for all who ask.
type question struct {
	complete chan struct{} // closed when nobody is left to answer
	done     chan struct{} // closed when counts and err are there

	// Guarded by Fleet.mu until the question is asked, then fixed.
	number uint64
	names  []name
	index  map[name]int
	size   int // bytes of names
	cost   int // bytes of memory for them, about

	// Guarded by Fleet.mu.
	relays   int     // that are to answer
	sent     bool    // relays is known
	answered int     // of these
	own      bool    // this relay among them
	shares   []int64 // of each name, of all that answered
	closed   bool    // what comes now is too late

	// Fixed once done is closed.
	counts []int64
	err    error
}

// place is where the count of a name will be.
type place struct {
	question *question
	index    int
}

func newQuestion() *question {
	return &question{complete: make(chan struct{}), done: make(chan struct{}), index: map[name]int{}}
}

func (q *question) full() bool { return len(q.names) >= maxNames || q.size >= maxBytes }

// add returns the place of a name.
func (q *question) add(n name) int {
	i, has := q.index[n]
	if !has {
		i = len(q.names)
		q.index[n] = i
		q.names = append(q.names, n)
		q.shares = append(q.shares, 0)
		q.size += len(n.name)
		q.cost += costOf(len(n.name))
	}
	return i
}

// costOf is about how many bytes of memory a name takes.
func costOf(name int) int { return name + 100 }

// expectLocked says how many relays are to answer.
func (q *question) expectLocked(relays int) {
	q.relays, q.sent = relays, true
	q.checkLocked()
}

// takeLocked adds the shares of one relay.
func (q *question) takeLocked(shares []int64, own bool) {
	q.own = q.own || own
	for i, n := range shares {
		q.shares[i] += n
	}
	q.answered++
	q.checkLocked()
}

// checkLocked notices that nobody is left to answer.
func (q *question) checkLocked() {
	if q.sent && q.answered == q.relays {
		close(q.complete)
	}
}

// await returns when all relays have answered, or patience is over.
func (q *question) await(ctx context.Context) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-q.complete:
	case <-timer.C:
	case <-ctx.Done():
	}
}
