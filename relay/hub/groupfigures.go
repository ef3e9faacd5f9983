package hub

// What is known of names and channels over all hubs of a Group.

import (
	"slices"
	"time"

	"redis-relay/relay/resp"
)

// Disconnect is Hub.Disconnect at all hubs.
func (g *Group) Disconnect(kind resp.Kind, name string, why Reason) (disconnected int) {
	for _, h := range g.hubs {
		disconnected += h.Disconnect(kind, name, why)
	}
	return disconnected
}

// Subscribers is Hub.Subscribers over all hubs.
func (g *Group) Subscribers(channel []byte) (exact bool, patterns []string) {
	for _, h := range g.hubs {
		e, list := h.Subscribers(channel)
		exact, patterns = exact || e, append(patterns, list...)
	}
	slices.Sort(patterns)
	return exact, slices.Compact(patterns)
}

// HeardFor is Hub.HeardFor over all hubs.
func (g *Group) HeardFor(channel []byte) (d time.Duration) {
	for _, h := range g.hubs {
		d = max(d, h.HeardFor(channel))
	}
	return d
}

// Names lists the names of a kind that anybody is subscribed to.
func (g *Group) Names(kind resp.Kind) (names []string) {
	for _, h := range g.hubs {
		names = append(names, h.Names(kind)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Stats is Hub.Stats over all hubs. A name that several have counts once.
func (g *Group) Stats() Stats {
	s := g.hubs[0].Stats()
	for i, h := range g.hubs[1:] {
		for kind := range h.topics {
			s.Topics[kind] += len(h.topics[kind])
			s.Listeners[kind] += h.active[kind]
			g.withoutCopies(&s, i+1, resp.Kind(kind))
		}
	}
	return s
}

// withoutCopies takes off what an earlier hub has, too.
func (g *Group) withoutCopies(s *Stats, place int, kind resp.Kind) {
	for name, t := range g.hubs[place].topics[kind] {
		for _, h := range g.hubs[:place] {
			if other := h.topics[kind][name]; other != nil {
				s.Topics[kind]--
				s.Listeners[kind] -= min(len(t.listeners), len(other.listeners))
				break
			}
		}
	}
}

// Copies returns how many subscriptions of a kind this host has beside the first one of each name, because several
// upstreams have them.
func (g *Group) Copies(kind resp.Kind) (n int) {
	for i, h := range g.hubs {
		for name, t := range h.topics[kind] {
			if t.requested && slices.ContainsFunc(g.hubs[:i], func(h *Hub) bool {
				other := h.topics[kind][name]
				return other != nil && other.requested
			}) {
				n++
			}
		}
	}
	return n
}
