package hub

// A name that somebody on this host listens to.

import (
	"slices"

	"redis-relay/relay/resp"
)

// topic is guarded by Hub.mu.
type topic struct {
	name    string
	kind    resp.Kind
	local   bool // made by this relay: Redis knows nothing of it
	held    bool // Redis has confirmed it
	turn    uint32
	subs    []*Listener
	waiting []*Pending
}

func (t *topic) unused() bool { return len(t.subs) == 0 && len(t.waiting) == 0 }

// drop takes l off, and reports whether it listened.
func (t *topic) drop(l *Listener) bool {
	i := slices.Index(t.subs, l)
	if i < 0 {
		return false
	}
	last := len(t.subs) - 1
	t.subs[i], t.subs[last] = t.subs[last], nil
	t.subs = t.subs[:last]
	return true
}

// waitingFor returns the subscription of l that still waits, or nil.
func (t *topic) waitingFor(l *Listener) *Pending {
	i := slices.IndexFunc(t.waiting, func(p *Pending) bool { return p.listener == l })
	if i < 0 {
		return nil
	}
	return t.waiting[i]
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
