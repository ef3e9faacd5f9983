package hub

// What a new listener of a channel gets first.

import (
	"slices"

	"redis-relay/relay/resp"
)

// First is a message for one listener, before all that come later on its channel.
type First struct {
	Frame []byte // in RESP2; nobody may change it any more
	Mode  Mode
	Key   *Key // as for DeliverLatest; nil: as for Deliver
}

// SetFirst has find asked what a listener gets first that is subscribed to a channel by its name: behind the
// confirmation, and before all later messages. It is not asked for names that the listener had, or that have moved to
// another hub. With nil, which is so at the beginning, nobody gets anything first. find must not call the hubs.
func (g *Group) SetFirst(find func(channel string) (first First, found bool)) { g.first = find }

// ForgotFirst says that find may not know any more what it knew. Upstreams are asked again for listeners whose
// subscription is not active yet.
func (g *Group) ForgotFirst() { g.forgotten++ }

// andFirst returns what to call in place of the done of Subscribe.
func (g *Group) andFirst(l *Listener, kind resp.Kind, names []string, done func(refused error)) func(error) {
	if g.first == nil || kind != resp.Message || l.interestOnly() {
		return done
	}
	return func(refused error) {
		done(refused)
		if refused == nil && g.first != nil {
			g.deliverFirst(l, names)
		}
	}
}

// deliverFirst gives a listener the first messages of names, as far as it is still subscribed to them.
func (g *Group) deliverFirst(l *Listener, names []string) {
	for _, name := range names {
		if !slices.ContainsFunc(g.hubs, func(h *Hub) bool { return h.topics[resp.Message][name].has(l) }) {
			continue
		}
		if first, found := g.first(name); found {
			g.deliverTo(l, name, &first)
		}
	}
}

// deliverTo queues a message for one listener.
func (d *dispatcher) deliverTo(l *Listener, name string, first *First) {
	d.FanOut()
	r := &d.run
	mode := first.Mode
	if first.Key != nil {
		mode |= modeLatest
	}
	r.begin(nil, nil, resp.Message, []byte(name), mode, first.Frame)
	if first.Key != nil {
		r.keys = append(r.keys, *first.Key)
	}
	d.dispatch(l)
	if d.onMissed != nil {
		r.tellMissed(d.onMissed)
	}
	r.frames, r.resp3 = nil, nil
	l.out.writeEarly()
}

// learning is whether it is known what the listener of a pending subscription gets first.
type learning struct {
	asked     int    // how often, also if there was nothing to ask; 0: not since there is a connection
	open      bool   // the answer is still to come
	held      bool   // the subscription could be active but for that
	forgotten uint64 // Group.forgotten when it was asked
}

// maxAsked is how often a subscription asks what its listener gets first, if that is forgotten meanwhile.
const maxAsked = 3

// learn finds out what a listener gets first. It is called behind the commands that subscribe: what Redis carries out
// later, the listener hears, or it is what comes first.
func (h *Hub) learn(s *pendingSubscribe) {
	s.learning.asked++
	if h.group != nil {
		s.learning.forgotten = h.group.forgotten
	}
	if s.kind != resp.Message || s.listener.interestOnly() || h.group == nil || h.group.first == nil {
		return
	}
	s.learning.open = true
	if !h.up.Learn(s.names, func() { h.learned(s) }) {
		s.learning.open = false
	}
}

// learned goes on with a subscription.
func (h *Hub) learned(s *pendingSubscribe) {
	s.learning.open = false
	if !s.learning.held {
		return // its answer is still to come
	}
	s.learning.held = false
	if !h.connected {
		h.awaitConnection(s)
		return
	}
	h.activate(s)
}

// mustLearn reports whether a subscription waits for what its listener gets first.
func (h *Hub) mustLearn(s *pendingSubscribe) bool {
	if h.connected && h.mustAsk(s) {
		h.learn(s)
	}
	s.learning.held = s.learning.open
	return s.learning.held
}

// mustAsk reports whether it was not asked what a listener gets first since there is a connection, or since that was
// forgotten.
func (h *Hub) mustAsk(s *pendingSubscribe) bool {
	l := &s.learning
	stale := h.group != nil && l.forgotten != h.group.forgotten && l.asked < maxAsked
	return !l.open && (l.asked == 0 || stale)
}
