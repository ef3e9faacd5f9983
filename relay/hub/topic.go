package hub

// One name that is wanted on this host.

import "slices"

// topic is one name. There may be very many topics: a topic does not hold its name, and is as small as can be.
type topic struct {
	local        bool  // this relay serves it itself; Redis knows nothing of it
	requested    bool  // Redis was asked for it over this connection, and not to end it since
	confirmed    bool  // by the messages that have come so far, Redis has it subscribed
	interestOnly uint8 // the bits of the interest-only listeners that are subscribed
	lastServed   uint32
	wanted       int32 // subscriptions that were begun and not ended, by the commands that have come so far
	counted      int32 // of these, subscriptions of listeners that are not interest-only
	unanswered   int32 // commands for it that Redis has not answered
	made         int32 // when, in seconds since registry.start
	listeners    []*Listener
	refused      error // Redis's answer, if it refused the last request; nil: it did not
}

// hasListeners tells whether anybody is subscribed, other than the pinning listener.
func (t *topic) hasListeners() bool { return len(t.listeners) > 0 || t.interestOnly&^pinningBit != 0 }

// addWanted counts n subscriptions of l that begin; -1: one that ends.
func (t *topic) addWanted(l *Listener, n int32) {
	t.wanted += n
	if !l.interestOnly() {
		t.counted += n
	}
}

// add subscribes l, and returns how many listeners there are more.
func (t *topic) add(l *Listener) int {
	if l.interestOnly() {
		t.interestOnly |= l.bit
		return 0
	}
	t.listeners = append(t.listeners, l)
	return 1
}

// remove unsubscribes l, and returns how many listeners there are fewer.
func (t *topic) remove(l *Listener) int {
	if l.interestOnly() {
		t.interestOnly &^= l.bit
		return 0
	}
	i := slices.Index(t.listeners, l)
	if i < 0 {
		return 0
	}
	last := len(t.listeners) - 1
	t.listeners[i], t.listeners[last] = t.listeners[last], nil
	t.listeners = t.listeners[:last]
	return 1
}

// has tells whether a listener is subscribed. It looks at those first that came last. A nil topic has none.
func (t *topic) has(l *Listener) bool {
	if t == nil {
		return false
	}
	for _, other := range slices.Backward(t.listeners) {
		if other == l {
			return true
		}
	}
	return false
}

// disconnect disconnects the listeners, and returns how many of them were not stopped before.
func (t *topic) disconnect(why Reason) (disconnected int) {
	for _, l := range t.listeners {
		if !l.stopped {
			disconnected++
		}
		l.disconnect(why)
	}
	return disconnected
}

// counts returns the listeners by the commands that have come so far, and 1 if Redis counts this relay by the
// commands that were sent so far.
func (t *topic) counts() (listeners, upstream int) {
	if t.requested && !t.local {
		upstream = 1
	}
	return int(t.counted), upstream
}

// nextWithRoom returns the next listener, in turn, that has room for n bytes; nil: none has.
func (t *topic) nextWithRoom(n int) *Listener {
	for range t.listeners {
		t.lastServed++
		if l := t.listeners[int(t.lastServed)%len(t.listeners)]; !l.stopped && !l.out.Full(n) {
			return l
		}
	}
	return nil
}

// nextAny returns the listener that was served last, or the next one that is not stopped; nil: all are stopped.
func (t *topic) nextAny() *Listener {
	for range t.listeners {
		if l := t.listeners[int(t.lastServed)%len(t.listeners)]; !l.stopped {
			return l
		}
		t.lastServed++
	}
	return nil
}
