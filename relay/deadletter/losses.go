package deadletter

// Letters that are lost: counted, and told.

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// tellEvery is the least time between two Loss.
const tellEvery = 10 * time.Second

// Loss is letters that are not kept.
type Loss struct {
	Letters uint64 // since the last Loss
	Cause   string // of the last one, for people
}

// losses are what is counted of lost letters.
type losses struct {
	some    chan struct{} // has a value when there is a loss to tell of
	noRoom  atomic.Uint64
	refused atomic.Uint64
	ended   atomic.Uint64

	heldUp atomic.Pointer[string] // why Redis has taken nothing at the last attempt; nil: it has

	mu    sync.Mutex
	cause string // of the last one; guarded by mu
}

func (l *losses) add(to *atomic.Uint64, letters int, cause string) {
	to.Add(uint64(letters))
	l.mu.Lock()
	l.cause = cause
	l.mu.Unlock()
	select {
	case l.some <- struct{}{}:
	default:
	}
}

func (l *losses) total() uint64 { return l.noRoom.Load() + l.refused.Load() + l.ended.Load() }

// lostForRoom counts a letter that finds no room, and says what those wait for that have it.
func (w *Writer) lostForRoom() {
	cause := "more came than dead_letters.rate lets through, or than Redis takes"
	if why := w.losses.heldUp.Load(); why != nil {
		cause = "too many wait, since Redis takes none: " + *why
	}
	w.losses.add(&w.losses.noRoom, 1, cause)
}

// tellLosses tells of losses until ctx ends, and returns how many were told.
func (w *Writer) tellLosses(ctx context.Context) (told uint64) {
	for {
		select {
		case <-w.losses.some:
		case <-ctx.Done():
			return told
		}
		told = w.tellOnce(told)
		select {
		case <-time.After(tellEvery):
		case <-ctx.Done():
			return told
		}
	}
}

// tellOnce tells of the losses beyond those that were told, and returns how many there are now.
func (w *Writer) tellOnce(told uint64) (now uint64) {
	if now = w.losses.total(); now > told {
		w.losses.mu.Lock()
		cause := w.losses.cause
		w.losses.mu.Unlock()
		w.tell(Loss{now - told, cause})
	}
	return now
}
