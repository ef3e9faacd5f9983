package hub

// Unsubscribing: from the call to the last message.

import (
	"slices"

	"redis-relay/relay/resp"
)

// Unsubscribe ends l's subscriptions to names, all of which it has begun. done is called when l has all messages
// that were published before, in its queue, and gets no more of them. Local names end before Unsubscribe
// returns, and so do all names while there is no connection or the subscriptions are being restored. names is
// kept.
func (h *Hub) Unsubscribe(l *Listener, kind resp.Kind, names []string, done func()) {
	cancelled := l.pendingAt(h).cancel(kind, names)
	unwanted, local := h.removeWanted(l, kind, names)
	end := func(names, active []string) {
		for _, s := range cancelled {
			h.endCancelled(s, names)
		}
		h.FanOut()
		h.removeListener(l, kind, active)
	}
	if !h.connected {
		h.requests.unsubscribe(kind, unwanted, func(bool) {})
		end(names, names)
		done()
		return
	}
	if len(local) > 0 {
		end(local, local)
		names = slices.DeleteFunc(slices.Clone(names), h.isLocal)
	}
	answered := func(bool) {
		h.afterDelivered(l, kind, names, func(active []string) {
			end(names, active)
			done()
		})
	}
	switch {
	case len(names) == 0:
		answered(false)
	case len(unwanted) > 0:
		h.requests.unsubscribe(kind, unwanted, answered)
	default:
		h.up.Fence(kind, names, answered)
	}
}

// afterDelivered calls done when all messages of names that came so far are delivered, with the names that l has
// neither subscribed nor unsubscribed again since.
func (h *Hub) afterDelivered(l *Listener, kind resp.Kind, names []string, done func(active []string)) {
	var u *pendingUnsubscribe
	delivered := false
	h.up.AwaitDelivered(kind, names, func() {
		delivered = true
		active := names
		if u != nil {
			l.pendingAt(h).removeUnsubscribe(u)
			active = u.names
		}
		done(active)
	})
	if !delivered {
		u = l.pendingAt(h).addUnsubscribe(kind, names)
	}
}

// endCancelled completes the unsubscribing of names of a subscription. If the subscription is still pending, it
// will become active without them.
func (h *Hub) endCancelled(s *pendingSubscribe, names []string) {
	if s.completed {
		return
	}
	for _, name := range names {
		if ended, unsubscribed := s.unsubscribed[name]; unsubscribed && !ended {
			s.unsubscribed[name] = true
			s.ended++
		}
	}
	if s.waiting && s.ended == len(s.names) {
		h.waiting.remove(s)
		h.activate(s)
	}
}
