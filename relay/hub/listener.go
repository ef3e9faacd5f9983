package hub

// One local connection as the hub sees it, and why the hub lets go of it.

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
