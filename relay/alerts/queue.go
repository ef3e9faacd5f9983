package alerts

// The alerts that wait to be sent.

import "sync"

// maxWaiting is how many messages may wait.
const maxWaiting = 256

// queue has the alerts to be sent, in order. It is safe for concurrent use.
type queue struct {
	wake chan struct{} // has room for one; never closed

	mu      sync.Mutex
	waiting []Alert        // guarded by mu
	kinds   map[string]int // how many wait of each kind; guarded by mu
	dropped uint64         // so far; guarded by mu
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1), kinds: map[string]int{}} }

// add queues an alert. If too many wait, one is dropped.
func (q *queue) add(a Alert) {
	q.mu.Lock()
	if !q.merge(&a) {
		if len(q.waiting) == maxWaiting {
			i := q.victim()
			q.kinds[q.waiting[i].Kind]--
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			q.dropped++
		}
		q.waiting = append(q.waiting, a)
		q.kinds[a.Kind]++
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// merge makes one message of an alert that waits to be told as raised and its end, or of two alerts of the same
// cause that are over at once. mu is held.
func (q *queue) merge(a *Alert) bool {
	if a.State == Raised {
		return false
	}
	for i := range q.waiting {
		w := &q.waiting[i]
		switch {
		case w.ID == a.ID:
			*w = *a
			return true
		case w.Once && a.Once && w.key == a.key:
			since, times := w.Since, w.Times
			*w = *a
			w.Since, w.Times = since, times+a.Times
			return true
		}
	}
	return false
}

// victim chooses a message to drop: of the kind of which the most wait, the oldest that is not the end of an alert of
// which the receiver may know; if there is none, the oldest. mu is held.
func (q *queue) victim() (index int) {
	most := ""
	for kind, n := range q.kinds {
		if n > q.kinds[most] {
			most = kind
		}
	}
	oldest := -1
	for i := range q.waiting {
		switch w := &q.waiting[i]; {
		case w.Kind != most:
		case w.State == Raised || w.Once:
			return i
		case oldest < 0:
			oldest = i
		}
	}
	return oldest
}

// take removes and returns the oldest message.
func (q *queue) take() (a Alert, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return Alert{}, false
	}
	a = q.waiting[0]
	q.waiting = q.waiting[1:]
	q.kinds[a.Kind]--
	return a, true
}

// drop counts a message that was taken and is not sent.
func (q *queue) drop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped++
}

// stats returns how many messages wait, and how many were dropped so far.
func (q *queue) stats() (waiting int, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting), q.dropped
}
