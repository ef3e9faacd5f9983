package hub

// Subscriptions that end.

import (
	"slices"

	"redis-relay/relay/resp"
)

// Unsubscribe ends l's subscriptions to names, all of which it has begun. done is called when l hears
// nothing of them any more: when what was published before has been queued for it. Local names end at
// once, and while there is no connection, or what was lost is being restored, so do all. names is kept.
func (h *Hub) Unsubscribe(l *Listener, kind resp.Kind, names []string, done func()) {
	leaving := l.withdraw(kind, names)
	unheard, local := h.countUnsubscribed(l, kind, names)
	leave := func(names []string) {
		for _, j := range leaving {
			h.complete(j, names)
		}
	}
	if !h.connected {
		h.sendUnsubscribes(kind, unheard, func(bool) {})
		leave(names)
		h.deactivate(l, kind, names)
		done()
		return
	}
	if len(local) > 0 {
		leave(local)
		h.deactivate(l, kind, local)
		names = slices.DeleteFunc(slices.Clone(names), h.isLocal)
	}
	last := func(bool) {
		var e *pendingUnsubscribe
		over := false
		h.up.AwaitDelivered(kind, names, func() {
			over = true
			ended := names
			if e != nil {
				l.removeUnsubscribing(e)
				ended = e.names
			}
			leave(names)
			h.deactivate(l, kind, ended)
			done()
		})
		if !over {
			e = l.addUnsubscribing(kind, names)
		}
	}
	switch {
	case len(names) == 0:
		last(false)
	case len(unheard) > 0:
		h.sendUnsubscribes(kind, unheard, last)
	default:
		h.up.Fence(last)
	}
}

// ending is subscriptions that Redis has ended, while messages of them may still be on their way.
type pendingUnsubscribe struct {
	kind  resp.Kind
	names []string // without those that the listener has come back to, or ended once more
}

func (l *Listener) addUnsubscribing(kind resp.Kind, names []string) *pendingUnsubscribe {
	if l.unsubscribing == nil {
		l.unsubscribing = map[resp.Name]*pendingUnsubscribe{}
	}
	l.takeUnsubscribing(kind, names)
	e := &pendingUnsubscribe{kind, names}
	for _, name := range names {
		l.unsubscribing[resp.Name{Kind: kind, Text: name}] = e
	}
	return e
}

// endedBy forgets an ending that is over.
func (l *Listener) removeUnsubscribing(e *pendingUnsubscribe) {
	for _, name := range e.names {
		delete(l.unsubscribing, resp.Name{Kind: e.kind, Text: name})
	}
	if len(l.unsubscribing) == 0 {
		l.unsubscribing = nil
	}
}

// takeOver takes names out of the endings under way, and returns those that were there.
func (l *Listener) takeUnsubscribing(kind resp.Kind, names []string) (taken []string) {
	if len(l.unsubscribing) == 0 {
		return nil
	}
	for _, name := range names {
		if e := l.unsubscribing[resp.Name{Kind: kind, Text: name}]; e != nil {
			delete(l.unsubscribing, resp.Name{Kind: kind, Text: name})
			e.names = slices.DeleteFunc(slices.Clone(e.names), func(other string) bool { return other == name })
			taken = append(taken, name)
		}
	}
	return taken
}

// InOrder calls done in order with the messages that Redis sends: behind those that it has sent by now.
func (h *Hub) Fence(done func()) {
	if !h.connected {
		done()
		return
	}
	h.up.Fence(func(bool) {
		h.FanOut()
		done()
	})
}

// leave notes that names end whose subscriptions are not active yet, and returns these.
func (l *Listener) withdraw(kind resp.Kind, names []string) (leaving []*pendingSubscribe) {
	if len(l.subscribing) == 0 {
		return nil
	}
	var last *pendingSubscribe
	for _, name := range names {
		j := l.subscribing[resp.Name{Kind: kind, Text: name}]
		if j == nil {
			continue
		}
		delete(l.subscribing, resp.Name{Kind: kind, Text: name})
		if j.unsubscribed == nil {
			j.unsubscribed = map[string]bool{}
		}
		j.unsubscribed[name] = false
		if j != last && !slices.Contains(leaving, j) {
			leaving = append(leaving, j)
		}
		last = j
	}
	return leaving
}

// leaveNow notes that names of a subscription are over. If it is still not active, it will be without
// them.
func (h *Hub) complete(j *pendingSubscribe, names []string) {
	if j.done {
		return
	}
	for _, name := range names {
		if over, left := j.unsubscribed[name]; left && !over {
			j.unsubscribed[name] = true
			j.ended++
		}
	}
	if j.waiting && j.ended == len(j.names) {
		h.stopWaiting(j)
		h.activate(j)
	}
}

// waitNoMore forgets a subscription that waits for a connection.
func (h *Hub) stopWaiting(j *pendingSubscribe) {
	j.waiting = false
	if h.stale++; h.stale > len(h.waiting)/2 {
		h.waiting = slices.DeleteFunc(h.waiting, func(j *pendingSubscribe) bool { return !j.waiting })
		h.stale = 0
	}
}

// unwant counts subscriptions that end. It returns the names that Redis is to let go of, and those that
// are local.
func (h *Hub) countUnsubscribed(l *Listener, kind resp.Kind, names []string) (unheard, local []string) {
	for _, name := range names {
		t := h.topics[kind][name]
		t.addWanted(l, -1)
		switch {
		case t.local:
			local = append(local, name)
		case t.wanted == 0 && t.requested:
			t.requested = false
			unheard = append(unheard, name)
		}
	}
	return unheard, local
}

// release has Redis let go of names, and calls done when it has.
func (h *Hub) sendUnsubscribes(kind resp.Kind, names []string, done func(lost bool)) {
	left := (len(names) + h.namesPerCommand - 1) / h.namesPerCommand
	for part := range slices.Chunk(names, h.namesPerCommand) {
		for _, name := range part {
			h.topics[kind][name].unanswered++
		}
		h.up.Unsubscribe(kind, part, func(lost bool, _ error) {
			h.FanOut()
			for _, name := range part {
				t := h.topics[kind][name]
				t.unanswered--
				t.confirmed = false
			}
			if left--; left == 0 {
				done(lost)
			}
			h.forgetAllUnused(kind, part)
		})
	}
}

// drop takes l off its names.
func (h *Hub) deactivate(l *Listener, kind resp.Kind, names []string) {
	h.FanOut()
	for _, name := range names {
		if t := h.topics[kind][name]; t != nil {
			h.active[kind] -= t.remove(l)
			h.forgetUnused(kind, name, t)
		}
	}
}
