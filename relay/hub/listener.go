package hub

// One local connection as the hub sees it, and why the hub lets go of it.

import "errors"

// Reason says why a listener was disconnected or missed a message. The words
// are labels in logs and metrics.
type Reason string

// The reasons.
const (
	ReasonSlow     Reason = "slow"     // its queue is full: disconnected
	ReasonDropped  Reason = "dropped"  // its queue is full: missed this message
	ReasonGap      Reason = "gap"      // messages may have been lost upstream
	ReasonRefused  Reason = "refused"  // Redis refused a subscription it had
	ReasonShutdown Reason = "shutdown" // the relay ends
)

// ErrLeft ends a subscription whose listener left before Redis had answered.
var ErrLeft = errors.New("the subscription was given up")

// Listener is a connection that can subscribe.
type Listener struct {
	// Fixed after construction.
	out *Outbox
	end func(Reason)

	// Guarded by Hub.mu.
	resp3 bool
	dirty bool // in Hub.dirty
	ended bool // was told to end: hears nothing any more
}

// NewListener returns a listener that hears through out. end is called at most
// once, when the hub gives the listener up; it is called with locks held, so it
// must return at once and call neither the hub nor out.
func NewListener(out *Outbox, end func(Reason)) *Listener {
	return &Listener{out: out, end: end}
}

func (l *Listener) endLocked(why Reason) {
	if !l.ended {
		l.ended = true
		l.end(why)
	}
}

// Pending is a subscription to one or more names of which Redis has not yet
// confirmed all. It becomes active as a whole, or not at all.
type Pending struct {
	// Fixed after construction.
	listener *Listener
	topics   []*topic
	done     chan struct{}
	wake     func()

	// Guarded by Hub.mu until done is closed, then fixed.
	missing int // names not confirmed
	err     error
}

// Done is closed when it is decided: Redis has answered for every name, or the
// listener has left.
func (p *Pending) Done() <-chan struct{} { return p.done }

// Err says why the subscription was refused, or ErrLeft; nil if it is active.
// Valid once Done is closed.
func (p *Pending) Err() error { return p.err }
