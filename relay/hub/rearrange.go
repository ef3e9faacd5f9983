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
	g.eachWanted(func(l *Listener, kind resp.Kind, name string) {
		was, is := before(kind, name), places(kind, name)
		for i := range g.hubs {
			m := move{l, kind, i}
			switch {
			case is.Has(i) && !was.Has(i):
				joins[m] = append(joins[m], name)
			case was.Has(i) && !is.Has(i):
				leaves[m] = append(leaves[m], name)
			}
		}
	})
	answered := g.afterParts(done)
	for m, names := range joins {
		for _, part := range m.parts(names) {
			answered.unanswered++
			g.join(m, part, answered.one)
		}
	}
	for m, names := range leaves {
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
	s := &groupSubscribe{group: g, listener: m.listener, kind: m.kind, moved: true, gone: map[string]bool{}}
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

// eachWanted calls f once for each name that a listener is subscribed to, or has begun to be.
func (g *Group) eachWanted(f func(l *Listener, kind resp.Kind, name string)) {
	type wanted struct {
		listener *Listener
		resp.Name
	}
	seen := map[wanted]bool{}
	once := func(l *Listener, kind resp.Kind, name string) {
		if w := (wanted{l, resp.Name{Kind: kind, Text: name}}); !seen[w] {
			seen[w] = true
			f(l, kind, name)
		}
	}
	for _, h := range g.hubs {
		for kind := range h.topics {
			for name, t := range h.topics[kind] {
				for _, l := range t.listeners {
					once(l, resp.Kind(kind), name)
				}
				for bit, l := range g.interestOnly {
					if t.interestOnly&bit != 0 {
						once(l, resp.Kind(kind), name)
					}
				}
			}
		}
	}
	for l, list := range g.pending {
		for _, s := range list {
			for _, p := range s.parts {
				for _, name := range s.left(p.names) {
					once(l, s.kind, name)
				}
			}
		}
	}
}
