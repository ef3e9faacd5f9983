package deadletter

// What waits to be sent, in bounded memory.

import (
	"slices"
	"sync"
)

// queue holds letters, and the room that is promised to messages that may become letters. Its methods may be called
// from anywhere, but for take: by one goroutine.
type queue struct {
	some chan struct{} // has a value when there is something

	mu      sync.Mutex // guards what follows
	room    int64      // bytes
	used    int64      // bytes of letters, of those under way and of promised ones
	letters []Letter
	sending int  // letters that were taken, and are not done
	closed  bool // nothing is sent any more
}

// reserve takes room for a letter, and reports whether there is any.
func (q *queue) reserve(weight int64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.used+weight > q.room {
		return false
	}
	q.used += weight
	return true
}

// free gives room back.
func (q *queue) free(weight int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used -= weight
}

// done ends letters that were taken, and gives their room back.
func (q *queue) done(letters int, weight int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sending -= letters
	q.used -= weight
}

// push adds a letter whose room was reserved, and reports false, with the room given back, if the queue is closed.
func (q *queue) push(l Letter) bool {
	q.mu.Lock()
	closed := q.closed
	if closed {
		q.used -= l.weight()
	} else {
		q.letters = append(q.letters, l)
	}
	q.mu.Unlock()
	select {
	case q.some <- struct{}{}:
	default:
	}
	return !closed
}

// close refuses letters from now on, unless some wait: then it reports false.
func (q *queue) close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = len(q.letters) == 0
	return q.closed
}

// next returns how many letters go into the next batch: the oldest, and those behind it that go to the same stream, at
// most so many, and at most maxBatchBytes unless the first is larger.
func (q *queue) next(most int) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var bytes int64
	for n < min(most, len(q.letters)) {
		l := &q.letters[n]
		if bytes += l.weight(); n > 0 && (l.Stream != q.letters[0].Stream || bytes > maxBatchBytes) {
			break
		}
		n++
	}
	return n
}

// take removes the next batch, which has at most so many letters. Their room stays taken. Nil: there are none.
func (q *queue) take(most int) *batch {
	n := q.next(most)
	if n == 0 {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	b := &batch{letters: slices.Clone(q.letters[:n])}
	for i := range b.letters {
		b.weight += b.letters[i].weight()
	}
	q.sending += n
	clear(q.letters[:n])
	if q.letters = q.letters[n:]; len(q.letters) == 0 {
		q.letters = nil // with the memory behind it
	}
	return b
}

// waiting returns how many letters wait, those that are being sent among them, and how many bytes are taken.
func (q *queue) waiting() (letters int, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.letters) + q.sending, q.used
}

func (q *queue) setRoom(bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.room = bytes
}
