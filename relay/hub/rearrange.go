package hub

// Names that move from one hub of a Group to another.

import "redis-relay/relay/resp"

// move is what one listener subscribes, or unsubscribes, at one hub because names move.
type move struct {
	listener *Listener
	kind     resp.Kind
	place    int
}

// Rearrange takes over other places of names. Listeners are subscribed at the new places, in commands that are sent
// before Rearrange returns, and leave the old ones. done is called when all new subscriptions stand.
func (g *Group) Rearrange(places func(kind resp.Kind, name string) Places, done func()) {
	before := g.places
	g.places = places
	if len(g.hubs) == 1 {
		done()
		return
	}
	joins, leaves := map[move][]string{}, map[move][]string{}
	for l, names := range g.wanted {
		for n := range names {
			was, is := before(n.Kind, n.Text), places(n.Kind, n.Text)
			for i := range g.hubs {
				m := move{l, n.Kind, i}
				switch {
				case is.Has(i) && !was.Has(i):
					joins[m] = append(joins[m], n.Text)
				case was.Has(i) && !is.Has(i):
					leaves[m] = append(leaves[m], n.Text)
				}
			}
		}
	}
	answered := newCountdown(done)
	for m, names := range joins {
		for _, part := range m.parts(names) {
			answered.unanswered++
			g.join(m, part, answered.one)
		}
	}
	for m, names := range leaves {
		for _, s := range g.pending[m.listener] {
			s.leave(m, names)
		}
		g.unsubscribeAt(m.place, m.listener, m.kind, names, func() {})
	}
	answered.one()
}

// parts returns the names in which they are subscribed: as a whole, or one by one for a listener that cannot be
// disconnected if a name is refused.
func (m *move) parts(names []string) (parts [][]string) {
	if !m.listener.interestOnly() {
		return [][]string{names}
	}
	for _, name := range names {
		parts = append(parts, []string{name})
	}
	return parts
}

// join subscribes a listener to names that have moved. If a subscription to them is pending, that waits for this one,
// too.
func (g *Group) join(m move, names []string, done func()) {
	s := &groupSubscribe{group: g, listener: m.listener, kind: m.kind, names: names, moved: true, gone: map[string]bool{}}
	s.done = func(refused error) {
		if refused != nil && !m.listener.interestOnly() {
			m.listener.disconnect(ReasonRefused)
		}
		done()
	}
	g.pending[m.listener] = append(g.pending[m.listener], s)
	s.add(m.place, names)
	s.ask()
}
