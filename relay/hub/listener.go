package hub

// One local connection as the hub sees it, and why the hub lets go of it.

import (
	"time"

	"redis-relay/relay/resp"
)

// Reason says why a listener was disconnected or missed a message. The words
// are labels in logs and metrics.
type Reason string

// The reasons.
const (
	ReasonSlow     Reason = "slow"     // its queue is full: disconnected
	ReasonAge      Reason = "age"      // what it has not read is too old: disconnected
	ReasonMemory   Reason = "memory"   // too much waits for all, and the most for it, or of it: disconnected
	ReasonDropped  Reason = "dropped"  // its queue is full: missed this message
	ReasonLatest   Reason = "latest"   // it is behind: a newer message took the place of this one
	ReasonEnded    Reason = "ended"    // it is being disconnected: missed this message
	ReasonGap      Reason = "gap"      // messages may have been lost upstream
	ReasonRefused  Reason = "refused"  // Redis refused a subscription it had
	ReasonShutdown Reason = "shutdown" // the relay ends
)

// Listener is a connection that can subscribe.
type Listener struct {
	// Fixed after construction.
	out          *Outbox // nil: silent
	bit          uint8   // of a silent one, in topic.silent
	disconnected func(Reason)
	report       func(Missed)

	resp3         bool
	stopped       bool                              // was told to end: hears nothing any more
	subscribing   map[resp.Name]*pendingSubscribe   // subscriptions that are not active yet, nor unsubscribed; nil: none
	unsubscribing map[resp.Name]*pendingUnsubscribe // names that Redis has ended, with messages that may be on their way; nil: none

	unreported   Missed
	awaitsReport bool      // in Hub.late, for untold
	reported     time.Time // when missed was called last
}

// Missed counts messages that one listener did not get.
type Missed struct {
	Dropped  uint64 // its queue was full
	Replaced uint64 // a newer one took the place
}

// NewListener returns a listener that hears through out. end is called at most
// once, when the hub gives the listener up; it must call neither the hub nor out. missed is called by
// Report when the listener begins to miss messages, and every ten seconds
// while it goes on; not for what it misses by being ended.
func NewListener(out *Outbox, end func(Reason), missed func(Missed)) *Listener {
	return &Listener{out: out, disconnected: end, report: missed}
}

// NewSilentListener returns a listener that takes part in subscriptions, so that
// Redis is asked for what it wants, and is never handed a message: who has it
// learns of them elsewhere. It counts nowhere, and is never ended. A hub has at
// most seven, told apart by n, each of which subscribes to a name once at a time.
func NewInterestOnlyListener(n int) *Listener { return &Listener{bit: 1 << n} }

// watchers is the bit of the listener that keeps names subscribed and hears nothing.
const pinningBit = 1 << 7

// NewWatcher returns a silent listener for whom nobody is said to listen: it keeps names subscribed. A
// hub has at most one.
func NewPinningListener() *Listener { return &Listener{bit: pinningBit} }

func (l *Listener) interestOnly() bool { return l.out == nil }

func (l *Listener) disconnect(why Reason) {
	if !l.stopped {
		l.stopped = true
		l.disconnected(why)
	}
}

// Leave has l hear nothing more: its connection ends. What it has subscribed is still to be
// unsubscribed.
func (l *Listener) Stop() { l.stopped = true }
