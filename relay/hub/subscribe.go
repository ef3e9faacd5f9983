package hub

// Subscribing: from the call to the active subscription.

import (
	"slices"

	"redis-relay/relay/resp"
)

// Subscribe begins to subscribe l to names, none of which it may be subscribed to. Redis is asked for the names
// that it does not have yet. done is called in order with the messages: when l is subscribed to all names, or
// with the error for which it is subscribed to none. It may be called before Subscribe returns. Without a
// connection it waits for the next one; if l unsubscribes from all names before, done is called then. names is
// kept.
func (h *Hub) Subscribe(l *Listener, kind resp.Kind, names []string, done func(refused error)) {
	h.subscribe(&pendingSubscribe{listener: l, kind: kind, names: names, done: done})
}

func (h *Hub) subscribe(s *pendingSubscribe) {
	l, kind, names := s.listener, s.kind, s.names
	ask, local := h.addWanted(l, kind, names)
	if local {
		h.activate(s)
		return
	}
	l.pendingAt(h).addSubscribe(s)
	switch {
	case h.restore != nil:
		h.awaitConnection(s)
		h.restore.add(kind, ask)
	case !h.connected:
		h.awaitConnection(s)
	case len(ask) > 0:
		h.requests.subscribe(kind, ask, func(lost bool, refused error) { h.answered(s, lost, refused) })
		h.learn(s)
	default:
		h.up.Fence(kind, names, func(lost bool) { h.answered(s, lost, nil) })
		h.learn(s)
	}
}

// answered continues a subscription when its answer has come, in order with the messages.
func (h *Hub) answered(s *pendingSubscribe, lost bool, refused error) {
	switch {
	case refused != nil: // whatever was asked since
		h.FanOut()
		h.refuse(s, refused)
		return
	case lost:
		h.awaitConnection(s)
		return
	}
	if len(s.listener.pendingAt(h).unsubscribes) == 0 {
		h.activate(s)
		return
	}
	// Messages of an earlier subscription to the same name may still be on their way.
	h.up.AwaitDelivered(s.kind, s.names, func() {
		if !h.connected {
			h.awaitConnection(s)
			return
		}
		h.activate(s)
	})
}

// awaitConnection has a subscription wait for the next connection.
func (h *Hub) awaitConnection(s *pendingSubscribe) {
	s.learning.asked = 0
	if s.ended == len(s.names) {
		h.activate(s)
		return
	}
	h.waiting.add(s)
}

// activate makes a subscription active, without the names that were unsubscribed since.
//
// If Redis has refused one of the names, the subscription is refused. If a name is still unanswered, its
// command was refused and the names are asked for one by one: the subscription waits for a fence, which comes
// after that answer.
func (h *Hub) activate(s *pendingSubscribe) {
	h.FanOut()
	for _, name := range s.names {
		switch t := h.topics[s.kind][name]; {
		case t == nil || s.unsubscribed[name]:
		case t.refused != nil && !t.requested:
			h.refuse(s, t.refused)
			return
		case t.requested && !t.confirmed:
			h.up.Fence(s.kind, s.names, func(lost bool) { h.answered(s, lost, nil) })
			return
		}
	}
	if h.mustLearn(s) || s.gate != nil && s.gate(s) {
		return
	}
	l := s.listener
	l.pendingAt(h).removeSubscribe(s)
	h.removeListener(l, s.kind, l.pendingAt(h).supersede(s.kind, s.names)) // all messages of those have come
	for _, name := range s.names {
		if !s.unsubscribed[name] {
			h.addListener(l, s.kind, name)
		}
	}
	s.done(nil)
}

// refuse ends a subscription that Redis has refused.
func (h *Hub) refuse(s *pendingSubscribe, refused error) {
	s.listener.pendingAt(h).removeSubscribe(s)
	names := slices.DeleteFunc(slices.Clone(s.names), func(name string) bool {
		_, unsubscribed := s.unsubscribed[name]
		return unsubscribed
	})
	unwanted, _ := h.removeWanted(s.listener, s.kind, names)
	h.requests.unsubscribe(s.kind, unwanted, func(bool) {})
	h.forgetAllUnused(s.kind, names)
	s.done(refused)
}
