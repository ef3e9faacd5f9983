package hub

// A subscription at several hubs, from the call to the last answer.

import (
	"slices"
	"time"

	"redis-relay/relay/resp"
)

// groupSubscribe is a subscription of which not all hubs have answered.
type groupSubscribe struct {
	group    *Group
	listener *Listener
	kind     resp.Kind
	names    []string
	parts    []*groupPart
	moved    bool            // names have moved: the listener goes on as if it were subscribed, whatever is answered
	asking   bool            // parts are still being asked: done is not called
	gone     map[string]bool // names that were unsubscribed since
	refused  error
	over     time.Time // when done was called; zero: it was not
	done     func(refused error)
}

// groupPart is the names of a subscription that one hub has.
type groupPart struct {
	place    int
	names    []string
	answered bool
	released bool              // it becomes active together with the others
	held     *pendingSubscribe // the hub could make it active; nil: it could not, or the subscription is over
}

// add adds a part, unless it has no names.
func (s *groupSubscribe) add(place int, names []string) {
	if len(names) > 0 {
		s.parts = append(s.parts, &groupPart{place: place, names: names})
	}
}

// ask asks the hubs for what was added.
func (s *groupSubscribe) ask() {
	s.asking = true
	for _, p := range s.parts {
		at := &pendingSubscribe{
			listener: s.listener, kind: s.kind, names: p.names, done: func(refused error) { s.answer(p, refused) },
		}
		if len(s.parts) > 1 {
			at.gate = func(at *pendingSubscribe) bool { return s.hold(p, at) }
		}
		s.group.hubs[p.place].subscribe(at)
	}
	s.asking = false
	s.check()
}

// hold keeps a part from becoming active before the others.
func (s *groupSubscribe) hold(p *groupPart, at *pendingSubscribe) (held bool) {
	if !s.over.IsZero() {
		return false
	}
	p.answered, p.held = true, at
	s.check()
	return true
}

// lost says that a hub has lost its connection, and with it what it had confirmed.
func (s *groupSubscribe) lost(h *Hub) {
	for _, p := range s.parts {
		if at := p.held; at != nil && p.place == h.place {
			p.answered, p.held = false, nil
			h.awaitConnection(at)
		}
	}
	s.check()
}

// answer takes the answer of a hub.
func (s *groupSubscribe) answer(p *groupPart, refused error) {
	p.answered = true
	switch names := s.left(p.names); {
	case refused != nil:
		for _, name := range names {
			s.group.absent[subscription{s.listener, s.kind, name, p.place}] = true
		}
		if s.refused = refused; !s.over.IsZero() && !s.listener.interestOnly() {
			s.listener.disconnect(ReasonRefused)
		}
	case !s.over.IsZero() && !p.released && len(names) > 0:
		s.group.late(p.place, s.kind, names, s.over)
	}
	s.check()
}

// left returns the names that were not unsubscribed since.
func (s *groupSubscribe) left(names []string) []string {
	if len(s.gone) == 0 {
		return names
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return s.gone[name] })
}

// cancel notes that names are unsubscribed.
func (s *groupSubscribe) cancel(kind resp.Kind, names []string) {
	if s.kind != kind {
		return
	}
	for _, name := range names {
		s.gone[name] = true
	}
}

// leave notes that names have moved away from a hub.
func (s *groupSubscribe) leave(m move, names []string) {
	for _, p := range s.parts {
		if s.kind == m.kind && p.place == m.place {
			p.names = slices.DeleteFunc(slices.Clone(p.names), func(name string) bool { return slices.Contains(names, name) })
		}
	}
}

// check calls done when it is time, and forgets the subscription when all hubs have answered.
func (s *groupSubscribe) check() {
	if s.asking {
		return
	}
	if s.over.IsZero() && (s.refused != nil || !slices.ContainsFunc(s.parts, s.mustWait)) {
		s.finish()
	}
	if !slices.ContainsFunc(s.parts, func(p *groupPart) bool { return !p.answered }) {
		s.group.forget(s)
	}
}

// mustWait tells whether a part has to be answered before the subscription is confirmed.
func (s *groupSubscribe) mustWait(p *groupPart) bool {
	if p.answered {
		return false
	}
	if !s.group.hubs[p.place].away {
		return true
	}
	return slices.ContainsFunc(p.names, func(name string) bool {
		return !s.gone[name] && !slices.ContainsFunc(s.parts, func(other *groupPart) bool {
			return other != p && other.answered && slices.Contains(other.names, name)
		})
	})
}

// finish calls done. If a hub has refused, the others are left, wherever the names are by now.
func (s *groupSubscribe) finish() {
	s.over = time.Now()
	if refused := s.refused; refused == nil || s.moved {
		s.release() // which may find that a hub refuses by now: then the listener is disconnected
		s.done(refused)
		return
	}
	s.group.Unsubscribe(s.listener, s.kind, s.left(s.names), func() {})
	s.done(s.refused)
}

// release makes the parts active that were held.
func (s *groupSubscribe) release() {
	s.asking = true
	for _, p := range s.parts {
		p.released = p.answered
		if at := p.held; at != nil {
			p.held, at.gate = nil, nil
			s.group.hubs[p.place].activate(at)
		}
	}
	s.asking = false
}

// forget drops a subscription that is complete.
func (g *Group) forget(s *groupSubscribe) {
	list := slices.DeleteFunc(g.pending[s.listener], func(other *groupSubscribe) bool { return other == s })
	if g.pending[s.listener] = list; len(list) == 0 {
		delete(g.pending, s.listener)
	}
}
