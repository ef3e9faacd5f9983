package hub

// The end of a connection to Redis, and the subscriptions over the next one.

import "redis-relay/relay/resp"

// maxUnanswered is how many commands of a restoration may be unanswered: messages come behind the answers, and
// must not wait for 100,000 of them.
const maxUnanswered = 2

// restoration subscribes over a new connection all that is wanted.
type restoration struct {
	requests   *requests
	queue      [resp.Kinds][]string // names that were not asked for
	unanswered int                  // commands
	cancelled  bool                 // the connection is lost, or there is a later restoration
	done       func()
}

// Restore says that a connection stands. The hub asks for all names that are wanted. done is called when Redis has
// answered for all of them; not if the connection is lost before.
func (h *Hub) Restore(done func()) {
	h.cancelRestore()
	r := &restoration{requests: &h.requests, done: func() { h.restored(done) }}
	h.restore, h.away = r, false
	for kind := range h.topics {
		for name, t := range h.topics[kind] {
			if t.wanted > 0 && !t.local {
				r.queue[kind] = append(r.queue[kind], name)
			}
		}
	}
	r.next()
}

// cancelRestore gives up a restoration that is under way.
func (h *Hub) cancelRestore() {
	if h.restore != nil {
		h.restore.cancelled = true
		h.restore = nil
	}
}

// restored activates the subscriptions that waited for the connection.
func (h *Hub) restored(done func()) {
	h.restore, h.connected = nil, true
	for _, s := range h.waiting.takeAll() {
		if s.waiting { // still: those before it may have ended that
			s.waiting = false
			h.activate(s)
		}
	}
	done()
}

// add takes names that are wanted by now, too.
func (r *restoration) add(kind resp.Kind, names []string) {
	r.queue[kind] = append(r.queue[kind], names...)
	r.next()
}

// next asks for the next names. It calls done when all names are answered.
func (r *restoration) next() {
	for r.unanswered < maxUnanswered {
		kind, names := r.take()
		if len(names) == 0 {
			break
		}
		r.unanswered++
		r.requests.subscribePart(kind, names, func(lost bool, _ error) {
			if r.unanswered--; !lost && !r.cancelled {
				r.next()
			}
		})
	}
	if r.unanswered == 0 {
		r.done()
	}
}

// take takes the names of one command off the queue.
func (r *restoration) take() (kind resp.Kind, names []string) {
	for k := range r.queue {
		for len(r.queue[k]) > 0 && len(names) < r.requests.namesPerCommand {
			name := r.queue[k][0]
			r.queue[k] = r.queue[k][1:]
			if t := r.requests.topics.topics[k][name]; t != nil && t.wanted > 0 && !t.requested {
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

// Lost says that the connection to Redis is lost: messages of every name may be lost until Restore is done. The
// listeners of each name for which disconnect returns true are disconnected. Lost returns how many those are.
func (h *Hub) Lost(disconnect func(kind resp.Kind, name string) bool) (disconnected int) {
	h.FanOut()
	h.connected, h.away = false, true
	h.cancelRestore()
	for kind := range h.topics {
		for name, t := range h.topics[kind] {
			confirmed := t.confirmed
			t.requested, t.confirmed = false, false
			if confirmed && len(t.listeners) > 0 && disconnect(resp.Kind(kind), name) {
				disconnected += t.disconnect(ReasonGap)
			}
			h.forgetUnused(resp.Kind(kind), name, t)
		}
	}
	h.group.lost(h)
	return disconnected
}
