package hub

// A subscription on its way: from the command to the last confirmation.

import (
	"errors"
	"runtime"
	"slices"

	"redis-relay/relay/resp"
)

// ErrLeft ends a subscription whose listener left before Redis had answered.
var ErrLeft = errors.New("the subscription was given up")

// Pending is a subscription to one or more names that is not active yet. It
// becomes active as a whole, or not at all: no name is heard before Redis has
// confirmed every one. From then on the names are heard a few at a time, so that
// messages of others need not wait for very many.
type Pending struct {
	change

	// Fixed after construction.
	listener *Listener
	wake     func()
	ready    chan struct{} // never closed

	// Guarded by Hub.mu until done is closed, then fixed.
	missing int // names that Redis has not confirmed
	entered int // names, the first ones, that the listener listens to already
	err     error
}

// Ready gives a value when Enter is worth calling: Redis has answered.
func (p *Pending) Ready() <-chan struct{} { return p.ready }

// Done is closed when it is decided: the subscription is active, was refused, or
// the listener has left.
func (p *Pending) Done() <-chan struct{} { return p.done }

// Err says why the subscription was refused, or ErrLeft; nil if it is active.
// Valid once Done is closed.
func (p *Pending) Err() error { return p.err }

// confirmedLocked takes one name off those that are missing.
func (p *Pending) confirmedLocked() {
	if p.missing--; p.missing == 0 {
		p.readyLocked()
	}
}

// failLocked decides p, unless it has been decided.
func (h *Hub) failLocked(p *Pending, err error) {
	if p.err == nil {
		p.err = err
		h.endLocked(&p.change)
		p.readyLocked()
	}
}

func (p *Pending) readyLocked() {
	select {
	case p.ready <- struct{}{}:
	default:
	}
	if p.wake != nil {
		p.wake()
	}
}

// Join begins to subscribe l to names, of which it must have none yet: Redis is
// asked for those that it does not hold. The caller goes on with Enter, and ends
// it by Leave of all the names, also when it was refused. names is kept. wake is
// called when Ready has a value, with locks held: it must return at once.
func (h *Hub) Join(l *Listener, kind resp.Kind, names []string, wake func()) *Pending {
	p := &Pending{change: newChange(kind, names), listener: l, wake: wake, ready: make(chan struct{}, 1)}
	h.begin(&p.change)
	for part := range slices.Chunk(names, lockedNames) {
		h.join(p, part)
		runtime.Gosched() // to the reader from Redis, if it waits for the lock
	}
	return p
}

func (h *Hub) join(p *Pending, names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	places := make([]waiter, len(names))
	for i, name := range names {
		t := h.topicLocked(p.kind, name)
		places[i] = waiter{p, t.waiting}
		t.waiting = &places[i]
		if !t.held {
			p.missing++
		}
	}
}

// Enter makes a subscription active if Redis has confirmed every name, and reports
// whether it is. If not, call it again when Ready has a value; after a loss of the
// connection to Redis that may be more than once. An error says that the
// subscription was refused.
func (h *Hub) Enter(p *Pending) (active bool, err error) {
	for more := true; more; {
		active, more, err = h.enter(p)
	}
	return active, err
}

// enter makes the next names heard, if that may be, and reports whether there
// are more.
func (h *Hub) enter(p *Pending) (active, more bool, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.missing > 0 || p.err != nil {
		return false, false, p.err
	}
	h.fanOutLocked()
	part := p.names[p.entered:min(p.entered+lockedNames, len(p.names))]
	for _, name := range part {
		t := h.topics[p.kind][name]
		t.unwait(p.listener)
		h.subs[p.kind] += t.add(p.listener)
	}
	if p.entered += len(part); p.entered < len(p.names) {
		return false, true, nil
	}
	h.endLocked(&p.change)
	return true, false, nil
}
