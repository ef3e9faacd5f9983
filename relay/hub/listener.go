package hub

// One local connection as the hub sees it, and why it is disconnected.

import "time"

// Reason says why a listener was disconnected or missed a message. The words are labels in logs and metrics.
type Reason string

// The reasons.
const (
	ReasonSlow     Reason = "slow"     // its queue is full: disconnected
	ReasonAge      Reason = "age"      // its oldest unread bytes have waited too long: disconnected
	ReasonMemory   Reason = "memory"   // Bounds.Memory was exceeded, and its backlog was the largest: disconnected
	ReasonDropped  Reason = "dropped"  // its queue is full: missed this message
	ReasonLatest   Reason = "latest"   // it is behind, and a newer message replaced this one
	ReasonEnded    Reason = "ended"    // it is being disconnected: missed this message
	ReasonGap      Reason = "gap"      // messages may have been lost upstream: disconnected
	ReasonRefused  Reason = "refused"  // Redis refused a subscription that it had: disconnected
	ReasonShutdown Reason = "shutdown" // the relay ends: disconnected
)

// Listener is a connection that can subscribe. It belongs to the loop.
type Listener struct {
	// Fixed after construction.
	out          *Outbox // nil: the listener is interest-only
	bit          uint8   // of an interest-only listener, in topic.interestOnly
	disconnected func(Reason)
	report       func(Missed)

	resp3   bool // it gets its messages as RESP3 pushes
	stopped bool // it gets no more messages
	pending pending
	beside  []pending // at the hubs of a Group behind the first

	missed       uint64 // messages, for whatever reason of Missed
	unreported   Missed
	awaitsReport bool      // in dispatcher.unreported
	reported     time.Time // when report was called last
}

// pendingAt returns what the listener has begun at a hub.
func (l *Listener) pendingAt(h *Hub) *pending {
	if h.place == 0 {
		return &l.pending
	}
	for len(l.beside) < h.place {
		l.beside = append(l.beside, pending{})
	}
	return &l.beside[h.place-1]
}

// Missed counts messages that one listener did not get.
type Missed struct {
	Dropped  uint64 // its queue was full
	Replaced uint64 // a newer message replaced them
}

// Missed returns how many messages the listener has missed while it stayed connected.
func (l *Listener) Missed() uint64 { return l.missed }

// NewListener returns a listener that gets its messages through out. end is called at most once, when the hub
// disconnects the listener; it must call neither the hub nor out. missed is called by Hub.Report when the
// listener begins to miss messages, and every ten seconds while that goes on; not for messages that it misses
// because it is disconnected.
func NewListener(out *Outbox, end func(Reason), missed func(Missed)) *Listener {
	return &Listener{out: out, disconnected: end, report: missed}
}

// NewInterestOnlyListener returns a listener that can subscribe, so that Redis is asked for the names, but gets no
// messages: its owner gets them elsewhere. It counts nowhere, and is never disconnected. A hub has at most
// seven, told apart by n from 0 to 6. Each may be subscribed to a name once at a time.
func NewInterestOnlyListener(n int) *Listener { return &Listener{bit: 1 << n} }

// pinningBit is the bit of the pinning listener in topic.interestOnly.
const pinningBit = 1 << 7

// NewPinningListener returns an interest-only listener that keeps names subscribed, and does not even count for
// Hub.Names and Hub.Subscribers. A hub has at most one.
func NewPinningListener() *Listener { return &Listener{bit: pinningBit} }

func (l *Listener) interestOnly() bool { return l.out == nil }

// disconnect has the connection ended, unless the listener is stopped.
func (l *Listener) disconnect(why Reason) {
	if !l.stopped {
		l.stopped = true
		l.disconnected(why)
	}
}

// Stop says that the connection ends: l gets no more messages. Its names must still be unsubscribed.
func (l *Listener) Stop() { l.stopped = true }
