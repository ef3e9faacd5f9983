package hub

// Hubs of several upstreams, as one for those who subscribe.

import (
	"slices"
	"time"

	"redis-relay/relay/resp"
)

// Places is a set of hubs of a Group: bit i stands for hub i.
type Places uint32

// Has tells whether hub i is in the set.
func (p Places) Has(i int) bool { return p&(1<<i) != 0 }

// Group is the hubs of several upstreams, one for each. A name is subscribed at the hubs that its Places say: mostly at
// one; a pattern at all whose channels it may match. The hubs have one dispatcher, so that messages come to a listener
// in the order in which they are delivered. With one hub, subscriptions go to that as they are. Everything belongs to
// the loop.
type Group struct {
	*dispatcher

	// Fixed after construction.
	hubs []*Hub
	late func(place int, kind resp.Kind, names []string, since time.Time)

	places    func(kind resp.Kind, name string) Places // never empty
	first     func(channel string) (First, bool)       // see SetFirst; nil: nobody gets anything first
	forgotten uint64                                   // how often first may have lost what it knew
	wanted    map[*Listener]map[resp.Name]struct{}     // by the commands that have come so far
	pending   map[*Listener][]*groupSubscribe          // of which not all hubs have answered
	absent    map[subscription]bool                    // what a hub has refused behind the listener's back
}

// subscription is a subscription at one hub.
type subscription struct {
	listener *Listener
	kind     resp.Kind
	name     string
	place    int
}

// NewGroup returns a group of hubs: the first was made by New, the others by NewBeside. late is called when a listener
// whose subscription was confirmed at other hubs is subscribed at one that had no connection then: messages published
// since may be missing.
func NewGroup(
	places func(kind resp.Kind, name string) Places,
	late func(place int, kind resp.Kind, names []string, since time.Time), hubs ...*Hub,
) *Group {
	g := &Group{
		dispatcher: hubs[0].dispatcher, hubs: hubs, late: late, places: places,
		wanted: map[*Listener]map[resp.Name]struct{}{}, pending: map[*Listener][]*groupSubscribe{},
		absent: map[subscription]bool{},
	}
	for i, h := range hubs {
		h.place, h.group = i, g
	}
	return g
}

// NewBeside returns a hub for another upstream, which hands messages to listeners together with the first one.
func NewBeside(first *Hub, up Upstream) *Hub { return makeHub(up, first.isLocal, first.dispatcher) }

// Subscribe is Hub.Subscribe, at all places of the names. A hub that has lost its connection, or could not make its
// first one, is not waited for if the others have all of its names: see NewGroup.
func (g *Group) Subscribe(l *Listener, kind resp.Kind, names []string, done func(refused error)) {
	done = g.andFirst(l, kind, names, done)
	if len(g.hubs) == 1 {
		g.hubs[0].Subscribe(l, kind, names, done)
		return
	}
	g.note(l, kind, names)
	s := &groupSubscribe{group: g, listener: l, kind: kind, names: names, done: done, gone: map[string]bool{}}
	g.pending[l] = append(g.pending[l], s)
	for place, part := range g.split(kind, names) {
		s.add(place, part)
	}
	s.ask()
}

// IsFull tells whether a hub would ask Redis for some of the names that has not answered what it was asked for already.
// Subscribe may be called all the same, but who waits as AwaitRoom says bounds the memory for what waits for Redis.
func (g *Group) IsFull(kind resp.Kind, names [][]byte) bool { return g.full(kind, names) != nil }

// AwaitRoom has done called, once, in a later turn, when that may not be so any more. It reports false, and done is not
// called, if it is not so now.
func (g *Group) AwaitRoom(kind resp.Kind, names [][]byte, done func()) bool {
	h := g.full(kind, names)
	if h != nil {
		h.up.AwaitRoom(done)
	}
	return h != nil
}

// full returns the first hub that has no room for names that it would ask Redis for; nil: there is none.
func (g *Group) full(kind resp.Kind, names [][]byte) *Hub {
	for i, h := range g.hubs {
		asks := func(name []byte) bool {
			return h.wouldAsk(kind, string(name)) && (len(g.hubs) == 1 || g.places(kind, string(name)).Has(i))
		}
		if h.up.IsFull() && slices.ContainsFunc(names, asks) {
			return h
		}
	}
	return nil
}

// note notes that a listener wants names.
func (g *Group) note(l *Listener, kind resp.Kind, names []string) {
	if g.wanted[l] == nil {
		g.wanted[l] = map[resp.Name]struct{}{}
	}
	for _, name := range names {
		g.wanted[l][resp.Name{Kind: kind, Text: name}] = struct{}{}
	}
}

// unnote notes that a listener does not want names any more.
func (g *Group) unnote(l *Listener, kind resp.Kind, names []string) {
	for _, name := range names {
		delete(g.wanted[l], resp.Name{Kind: kind, Text: name})
	}
	if len(g.wanted[l]) == 0 {
		delete(g.wanted, l)
	}
}

// split returns the names that each hub has.
func (g *Group) split(kind resp.Kind, names []string) [][]string {
	parts := make([][]string, len(g.hubs))
	for _, name := range names {
		at := g.places(kind, name)
		for i := range parts {
			if at.Has(i) {
				parts[i] = append(parts[i], name)
			}
		}
	}
	return parts
}

// Unsubscribe is Hub.Unsubscribe, at all places of the names.
func (g *Group) Unsubscribe(l *Listener, kind resp.Kind, names []string, done func()) {
	if len(g.hubs) == 1 {
		g.hubs[0].Unsubscribe(l, kind, names, done)
		return
	}
	for _, s := range g.pending[l] {
		s.cancel(kind, names)
	}
	g.unnote(l, kind, names)
	parts := g.split(kind, names)
	answered := newCountdown(done)
	for i, part := range parts {
		answered.unanswered++
		g.unsubscribeAt(i, l, kind, part, answered.one)
	}
	answered.one()
}

// unsubscribeAt is Hub.Unsubscribe at one hub, but for what that has refused.
func (g *Group) unsubscribeAt(place int, l *Listener, kind resp.Kind, names []string, done func()) {
	if len(g.absent) > 0 {
		var kept []string
		for _, name := range names {
			if s := (subscription{l, kind, name, place}); g.absent[s] {
				delete(g.absent, s)
			} else {
				kept = append(kept, name)
			}
		}
		names = kept
	}
	if len(names) == 0 {
		done()
		return
	}
	g.hubs[place].Unsubscribe(l, kind, names, done)
}

// countdown calls done when all that is counted is answered.
type countdown struct {
	unanswered int
	done       func()
}

// newCountdown returns a countdown with one answer that the caller gives when all parts are begun.
func newCountdown(done func()) *countdown { return &countdown{1, done} }

func (c *countdown) one() {
	if c.unanswered--; c.unanswered == 0 {
		c.done()
	}
}

// Fence is Hub.Fence at all hubs.
func (g *Group) Fence(done func()) {
	answered := newCountdown(done)
	for _, h := range g.hubs {
		answered.unanswered++
		h.Fence(answered.one)
	}
	answered.one()
}

// FenceOf is Hub.Fence at the places of names.
func (g *Group) FenceOf(kind resp.Kind, names []string, done func()) {
	if len(g.hubs) == 1 {
		g.hubs[0].Fence(done)
		return
	}
	answered := newCountdown(done)
	for i, part := range g.split(kind, names) {
		if len(part) > 0 {
			answered.unanswered++
			g.hubs[i].Fence(answered.one)
		}
	}
	answered.one()
}

// lost says that a hub is away: subscriptions do not wait for it that others have.
func (g *Group) lost(h *Hub) {
	if g == nil || len(g.hubs) == 1 {
		return
	}
	for _, list := range g.pending {
		for _, s := range slices.Clone(list) {
			s.lost(h)
		}
	}
}
