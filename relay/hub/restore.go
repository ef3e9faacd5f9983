package hub

// The connection to Redis, as far as it concerns what is subscribed: its end, and the next one.

import "redis-relay/relay/resp"

// maxAsked is how many commands of a restoration may be unanswered: messages come behind the answers,
// and must not wait for 100,000 of them.
const maxUnanswered = 2

// restoration subscribes over a new connection what is wanted.
type restoration struct {
	hub        *Hub
	queue      [resp.Kinds][]string
	unanswered int
	done       func()
}

// Restore says that a connection stands. done is called when Redis has answered for all that is wanted;
// not if the connection is lost before.
func (h *Hub) Restore(done func()) {
	r := &restoration{hub: h, done: done}
	h.restore = r
	for kind := range h.topics {
		for name, t := range h.topics[kind] {
			if t.wanted > 0 && !t.local {
				r.queue[kind] = append(r.queue[kind], name)
			}
		}
	}
	r.next()
}

// add takes names that are wanted by now, too.
func (r *restoration) add(kind resp.Kind, names []string) {
	r.queue[kind] = append(r.queue[kind], names...)
	r.next()
}

// next asks for the next names, or notices that there are none left.
func (r *restoration) next() {
	for r.unanswered < maxUnanswered {
		kind, names := r.nextNames()
		if len(names) == 0 {
			break
		}
		r.unanswered++
		r.hub.sendSubscribe(kind, names, func(lost bool, _ error) {
			if r.unanswered--; !lost && r.hub.restore == r {
				r.next()
			}
		})
	}
	if r.unanswered == 0 {
		r.finish()
	}
}

// take takes the names of one command off the queue.
func (r *restoration) nextNames() (kind resp.Kind, names []string) {
	for k := range r.queue {
		for len(r.queue[k]) > 0 && len(names) < r.hub.namesPerCommand {
			name := r.queue[k][0]
			r.queue[k] = r.queue[k][1:]
			if t := r.hub.topics[k][name]; t != nil && t.wanted > 0 && !t.requested {
				names = append(names, name)
				t.requested = true // not twice in one command
			}
		}
		if len(names) > 0 {
			return resp.Kind(k), names
		}
	}
	return 0, nil
}

func (r *restoration) finish() {
	h := r.hub
	h.restore, h.connected = nil, true
	waiting := h.waiting
	h.waiting, h.stale = nil, 0
	for _, j := range waiting {
		if j.waiting {
			j.waiting = false
			h.activate(j)
		}
	}
	r.done()
}

// Lost says that the connection to Redis is gone: messages of every name may be lost until Restore is
// done. Listeners of a name for which disconnect reports true are ended, and hear nothing more. It
// returns how many those are.
func (h *Hub) Lost(disconnect func(kind resp.Kind, name string) bool) (ended int) {
	h.FanOut()
	h.connected, h.restore = false, nil
	for kind := range h.topics {
		for name, t := range h.topics[kind] {
			held := t.confirmed
			t.requested, t.confirmed = false, false
			if held && len(t.listeners) > 0 && disconnect(resp.Kind(kind), name) {
				ended += t.disconnect(ReasonGap)
			}
			h.forgetUnused(resp.Kind(kind), name, t)
		}
	}
	return ended
}

// Confirmed tells whether Redis has confirmed all that is wanted, and if not, gives an example.
func (h *Hub) Confirmed() (all bool, kind resp.Kind, example string, missing int) {
	for k := range h.topics {
		for name, t := range h.topics[k] {
			if t.wanted > 0 && !t.local && !t.confirmed && t.refused == nil {
				kind, example, missing = resp.Kind(k), name, missing+1
			}
		}
	}
	return missing == 0, kind, example, missing
}
