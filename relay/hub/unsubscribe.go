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
	leaving := l.leave(kind, names)
	unheard, local := h.unwant(l, kind, names)
	leave := func(names []string) {
		for _, j := range leaving {
			h.leaveNow(j, names)
		}
	}
	if !h.connected {
		h.release(kind, unheard, func(bool) {})
		leave(names)
		h.drop(l, kind, names)
		done()
		return
	}
	if len(local) > 0 {
		leave(local)
		h.drop(l, kind, local)
		names = slices.DeleteFunc(slices.Clone(names), h.reserve)
	}
	last := func(bool) {
		var e *ending
		over := false
		h.up.HearOut(kind, names, func() {
			over = true
			ended := names
			if e != nil {
				l.endedBy(e)
				ended = e.names
			}
			leave(names)
			h.drop(l, kind, ended)
			done()
		})
		if !over {
			e = l.startEnding(kind, names)
		}
	}
	switch {
	case len(names) == 0:
		last(false)
	case len(unheard) > 0:
		h.release(kind, unheard, last)
	default:
		h.up.Fence(last)
	}
}

// ending is subscriptions that Redis has ended, while messages of them may still be on their way.
type ending struct {
	kind  resp.Kind
	names []string // without those that the listener has come back to, or ended once more
}

func (l *Listener) startEnding(kind resp.Kind, names []string) *ending {
	if l.ending == nil {
		l.ending = map[resp.Name]*ending{}
	}
	l.takeOver(kind, names)
	e := &ending{kind, names}
	for _, name := range names {
		l.ending[resp.Name{Kind: kind, Text: name}] = e
	}
	return e
}

// endedBy forgets an ending that is over.
func (l *Listener) endedBy(e *ending) {
	for _, name := range e.names {
		delete(l.ending, resp.Name{Kind: e.kind, Text: name})
	}
	if len(l.ending) == 0 {
		l.ending = nil
	}
}

// takeOver takes names out of the endings under way, and returns those that were there.
func (l *Listener) takeOver(kind resp.Kind, names []string) (taken []string) {
	if len(l.ending) == 0 {
		return nil
	}
	for _, name := range names {
		if e := l.ending[resp.Name{Kind: kind, Text: name}]; e != nil {
			delete(l.ending, resp.Name{Kind: kind, Text: name})
			e.names = slices.DeleteFunc(slices.Clone(e.names), func(other string) bool { return other == name })
			taken = append(taken, name)
		}
	}
	return taken
}

// InOrder calls done in order with the messages that Redis sends: behind those that it has sent by now.
func (h *Hub) InOrder(done func()) {
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
func (l *Listener) leave(kind resp.Kind, names []string) (leaving []*joining) {
	if len(l.joining) == 0 {
		return nil
	}
	var last *joining
	for _, name := range names {
		j := l.joining[resp.Name{Kind: kind, Text: name}]
		if j == nil {
			continue
		}
		delete(l.joining, resp.Name{Kind: kind, Text: name})
		if j.left == nil {
			j.left = map[string]bool{}
		}
		j.left[name] = false
		if j != last && !slices.Contains(leaving, j) {
			leaving = append(leaving, j)
		}
		last = j
	}
	return leaving
}

// leaveNow notes that names of a subscription are over. If it is still not active, it will be without
// them.
func (h *Hub) leaveNow(j *joining, names []string) {
	if j.over {
		return
	}
	for _, name := range names {
		if over, left := j.left[name]; left && !over {
			j.left[name] = true
			j.gone++
		}
	}
	if j.waits && j.gone == len(j.names) {
		h.waitNoMore(j)
		h.joined(j)
	}
}

// waitNoMore forgets a subscription that waits for a connection.
func (h *Hub) waitNoMore(j *joining) {
	j.waits = false
	if h.unneeded++; h.unneeded > len(h.waiting)/2 {
		h.waiting = slices.DeleteFunc(h.waiting, func(j *joining) bool { return !j.waits })
		h.unneeded = 0
	}
}

// unwant counts subscriptions that end. It returns the names that Redis is to let go of, and those that
// are local.
func (h *Hub) unwant(l *Listener, kind resp.Kind, names []string) (unheard, local []string) {
	for _, name := range names {
		t := h.topics[kind][name]
		t.want(l, -1)
		switch {
		case t.local:
			local = append(local, name)
		case t.wants == 0 && t.asked:
			t.asked = false
			unheard = append(unheard, name)
		}
	}
	return unheard, local
}

// release has Redis let go of names, and calls done when it has.
func (h *Hub) release(kind resp.Kind, names []string, done func(lost bool)) {
	left := (len(names) + h.batch - 1) / h.batch
	for part := range slices.Chunk(names, h.batch) {
		for _, name := range part {
			h.topics[kind][name].flying++
		}
		h.up.Unsubscribe(kind, part, func(lost bool, _ error) {
			h.FanOut()
			for _, name := range part {
				t := h.topics[kind][name]
				t.flying--
				t.held = false
			}
			if left--; left == 0 {
				done(lost)
			}
			h.tidyAll(kind, part)
		})
	}
}

// drop takes l off its names.
func (h *Hub) drop(l *Listener, kind resp.Kind, names []string) {
	h.FanOut()
	for _, name := range names {
		if t := h.topics[kind][name]; t != nil {
			h.subs[kind] -= t.drop(l)
			h.tidy(kind, name, t)
		}
	}
}
