package hub

// A name that somebody on this host listens to.

import "slices"

// topic is a name. There may be very many: it has no name of its own, and is as small as can be.
type topic struct {
	local   bool  // made by this relay: Redis knows nothing of it
	asked   bool  // Redis was asked for it over the present connection, and not to let go of it since
	held    bool  // Redis has confirmed it, and not its end, among the messages that came so far
	silent  uint8 // which silent listeners are among those that listen
	turn    uint32
	wants   int32 // subscriptions that were begun and not ended, by the commands that came so far
	counts  int32 // of these, those of listeners that are not silent
	flying  int32 // commands for it that Redis has not answered
	subs    []*Listener
	refused error // what Redis said when it was asked last; nil: it has not refused
}

// heard tells whether anybody listens, be it silently.
func (t *topic) heard() bool { return len(t.subs) > 0 || t.silent&^watchers != 0 }

// want counts a subscription that begins, or with -1 one that ends.
func (t *topic) want(l *Listener, n int32) {
	t.wants += n
	if !l.silent() {
		t.counts += n
	}
}

// add makes l listen, and returns by how much the listeners have become more.
func (t *topic) add(l *Listener) int {
	if l.silent() {
		t.silent |= l.bit
		return 0
	}
	t.subs = append(t.subs, l)
	return 1
}

// drop takes l off, and returns by how much the listeners have become fewer.
func (t *topic) drop(l *Listener) int {
	if l.silent() {
		t.silent &^= l.bit
		return 0
	}
	i := slices.Index(t.subs, l)
	if i < 0 {
		return 0
	}
	last := len(t.subs) - 1
	t.subs[i], t.subs[last] = t.subs[last], nil
	t.subs = t.subs[:last]
	return 1
}

// end disconnects those that listen, and returns how many were not about to end.
func (t *topic) end(why Reason) (ended int) {
	for _, l := range t.subs {
		if !l.ended {
			ended++
		}
		l.endFor(why)
	}
	return ended
}

// count returns the listeners by the commands that came so far, and whether Redis counts this relay
// by those that were sent so far.
func (t *topic) count() (listeners, upstream int) {
	if t.asked && !t.local {
		upstream = 1
	}
	return int(t.counts), upstream
}

// one picks the next listener in turn that has room for n bytes, or nil when
// none has.
func (t *topic) one(n int) *Listener {
	for range t.subs {
		t.turn++
		if l := t.subs[int(t.turn)%len(t.subs)]; !l.ended && !l.out.Full(n) {
			return l
		}
	}
	return nil
}
