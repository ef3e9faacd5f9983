package hub

// A name that somebody on this host listens to.

import "slices"

// topic is guarded by Hub.mu. There may be very many: it has no name of its own,
// and is as small as can be.
type topic struct {
	local   bool  // made by this relay: Redis knows nothing of it
	asked   bool  // the upstream knows that it is wanted
	held    bool  // Redis has confirmed it
	silent  uint8 // which silent listeners are among those who listen
	watched bool  // by the relay itself
	turn    uint32
	subs    []*Listener
	waiting *waiter // subscriptions that are not active yet
}

// waiter is a place in the list of those who wait for a topic.
type waiter struct {
	pending *Pending
	next    *waiter
}

func (t *topic) unused() bool { return !t.heard() && t.waiting == nil && !t.watched }

// heard tells whether anybody listens, be it silently.
func (t *topic) heard() bool { return len(t.subs) > 0 || t.silent != 0 }

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

// unwait takes off the subscription of l that waits, and returns it, or nil.
func (t *topic) unwait(l *Listener) *Pending {
	for w := &t.waiting; *w != nil; w = &(*w).next {
		if p := (*w).pending; p.listener == l {
			*w = (*w).next
			return p
		}
	}
	return nil
}

// undecided returns a subscription that waits and was not refused, or nil.
func (t *topic) undecided() *Pending {
	for w := t.waiting; w != nil; w = w.next {
		if w.pending.err == nil {
			return w.pending
		}
	}
	return nil
}

func (t *topic) count() (listeners, upstream int) {
	if t.held && !t.local {
		upstream = 1
	}
	return len(t.subs), upstream
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
