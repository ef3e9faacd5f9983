package hub

// A name that somebody on this host listens to.

import "slices"

// topic is a name. There may be very many: it has no name of its own, and is as small as can be.
type topic struct {
	local        bool  // made by this relay: Redis knows nothing of it
	requested    bool  // Redis was asked for it over the present connection, and not to let go of it since
	confirmed    bool  // Redis has confirmed it, and not its end, among the messages that came so far
	interestOnly uint8 // which silent listeners are among those that listen
	lastServed   uint32
	wanted       int32 // subscriptions that were begun and not ended, by the commands that came so far
	counted      int32 // of these, those of listeners that are not silent
	unanswered   int32 // commands for it that Redis has not answered
	listeners    []*Listener
	refused      error // what Redis said when it was asked last; nil: it has not refused
}

// heard tells whether anybody listens, be it silently.
func (t *topic) hasListeners() bool { return len(t.listeners) > 0 || t.interestOnly&^pinningBit != 0 }

// want counts a subscription that begins, or with -1 one that ends.
func (t *topic) addWanted(l *Listener, n int32) {
	t.wanted += n
	if !l.interestOnly() {
		t.counted += n
	}
}

// add makes l listen, and returns by how much the listeners have become more.
func (t *topic) add(l *Listener) int {
	if l.interestOnly() {
		t.interestOnly |= l.bit
		return 0
	}
	t.listeners = append(t.listeners, l)
	return 1
}

// drop takes l off, and returns by how much the listeners have become fewer.
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

// end disconnects those that listen, and returns how many were not about to end.
func (t *topic) disconnect(why Reason) (ended int) {
	for _, l := range t.listeners {
		if !l.stopped {
			ended++
		}
		l.disconnect(why)
	}
	return ended
}

// count returns the listeners by the commands that came so far, and whether Redis counts this relay
// by those that were sent so far.
func (t *topic) counts() (listeners, upstream int) {
	if t.requested && !t.local {
		upstream = 1
	}
	return int(t.counted), upstream
}

// one picks the next listener in turn that has room for n bytes, or nil when
// none has.
func (t *topic) nextWithRoom(n int) *Listener {
	for range t.listeners {
		t.lastServed++
		if l := t.listeners[int(t.lastServed)%len(t.listeners)]; !l.stopped && !l.out.Full(n) {
			return l
		}
	}
	return nil
}
