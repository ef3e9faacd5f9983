package hub

// The registry of interest.

import (
	"redis-relay/relay/resp"
)

// Upstream is the connection to Redis as the hub needs it. Redis carries out what is asked in
// order. done is called once, never before the method returns, in that order, and in order with
// Deliver: lost says that the connection ended before Redis had answered, and what became of it is
// not known; refused is the error that Redis answered.
type Upstream interface {
	Subscribe(kind resp.Kind, names []string, done func(lost bool, refused error))
	Unsubscribe(kind resp.Kind, names []string, done func(lost bool, refused error))
	// Fence asks for an answer that changes nothing.
	Fence(done func(lost bool))
	// AwaitDelivered calls done when all messages of names that came before are queued for their listeners: at
	// once, if none is held up on its way.
	AwaitDelivered(kind resp.Kind, names []string, done func())
	// Released says that the hub forgets a name: nobody wants it, and Redis does not send it. Neither it
	// nor Refused may change anything at the hub.
	Released(kind resp.Kind, name string)
	// Refused says that Redis does not let a name be subscribed.
	Refused(kind resp.Kind, name string, err error)
}

// Hub connects names to listeners.
type Hub struct {
	// Fixed after construction.
	up              Upstream
	isLocal         func(name string) bool // names that are made here and not upstream
	namesPerCommand int                    // names in one command

	topics     [resp.Kinds]map[string]*topic
	patterns   patterns        // those of topics[resp.PMessage], by what they match
	active     [resp.Kinds]int // active subscriptions of listeners, over all topics
	run        run
	unreported []*Listener // missed messages that were not reported yet
	stats      Stats

	connected bool                // Redis is told of changes as they come
	restore   *restoration        // nil: none is under way
	waiting   []*pendingSubscribe // subscriptions that wait for a connection
	stale     int                 // of these, those that do not any more
}

// New returns an empty hub, which has no connection to Redis: see Restore. reserve tells which
// names are local: they are never asked of up.
func New(up Upstream, reserve func(name string) bool) *Hub {
	h := &Hub{up: up, isLocal: reserve, namesPerCommand: namesPerCommand, patterns: newPatterns()}
	for k := range h.topics {
		h.topics[k] = map[string]*topic{}
	}
	return h
}

// topic finds a topic or makes it.
func (h *Hub) topic(kind resp.Kind, name string) *topic {
	t := h.topics[kind][name]
	if t == nil {
		t = &topic{local: h.isLocal(name)}
		h.topics[kind][name] = t
		if kind == resp.PMessage {
			h.patterns.add(name, t)
		}
	}
	return t
}

// tidy forgets a topic that nobody is interested in, and that Redis has let go of.
func (h *Hub) forgetUnused(kind resp.Kind, name string, t *topic) {
	if t.wanted > 0 || t.unanswered > 0 || len(t.listeners) > 0 || t.interestOnly != 0 {
		return
	}
	if !t.local {
		h.up.Released(kind, name)
	}
	delete(h.topics[kind], name)
	if kind == resp.PMessage {
		h.patterns.remove(name)
	}
}

func (h *Hub) forgetAllUnused(kind resp.Kind, names []string) {
	for _, name := range names {
		if t := h.topics[kind][name]; t != nil {
			h.forgetUnused(kind, name, t)
		}
	}
}

// SetRESP3 chooses the form in which l gets its messages from now on.
func (h *Hub) SetRESP3(l *Listener, on bool) {
	h.FanOut()
	l.resp3 = on
}

// End disconnects the listeners of a name and returns how many those are.
func (h *Hub) Disconnect(kind resp.Kind, name string, why Reason) (ended int) {
	h.FanOut()
	if t := h.topics[kind][name]; t != nil {
		ended = t.disconnect(why)
	}
	return ended
}

// Audience counts whom on this host a message on channel reaches that is sent to Redis now: the
// listeners, one by one, and the subscriptions that Redis counts of this relay.
func (h *Hub) Audience(kind resp.Kind, channel []byte) (listeners, upstream int) {
	if t := h.topics[kind][string(channel)]; t != nil {
		listeners, upstream = t.counts()
	}
	if kind == resp.Message {
		for _, t := range h.patterns.matching(channel) {
			l, u := t.counts()
			listeners, upstream = listeners+l, upstream+u
		}
	}
	return listeners, upstream
}

// Listeners counts the listeners of one name. asked is 1 if Redis counts this relay among its
// own when it carries out what is sent to it now; held is 1 if it did when it sent what comes from
// it now.
func (h *Hub) Listeners(kind resp.Kind, name []byte) (listeners, asked, held int) {
	t := h.topics[kind][string(name)]
	if t == nil {
		return 0, 0, 0
	}
	listeners, asked = t.counts()
	if t.confirmed {
		held = 1
	}
	return listeners, asked, held
}

// Hearers tells who listens to a channel: whether somebody by its name, and by which
// patterns.
func (h *Hub) Subscribers(channel []byte) (exact bool, patterns []string) {
	if t := h.topics[resp.Message][string(channel)]; t != nil {
		exact = t.hasListeners()
	}
	for name, t := range h.patterns.matching(channel) {
		if t.hasListeners() {
			patterns = append(patterns, name)
		}
	}
	return exact, patterns
}

// Names lists the names of a kind that somebody listens to.
func (h *Hub) Names(kind resp.Kind) (names []string) {
	for name, t := range h.topics[kind] {
		if t.hasListeners() {
			names = append(names, name)
		}
	}
	return names
}

// Stats is a snapshot for metrics.
type Stats struct {
	Topics    [resp.Kinds]int // names with local interest
	Listeners [resp.Kinds]int // subscriptions of local connections

	// Messages that one listener did not get, ever, by the reason.
	Dropped, Replaced, Ended uint64
}

// Stats returns the figures of this moment.
func (h *Hub) Stats() Stats {
	s := h.stats
	s.Listeners = h.active
	for k := range h.topics {
		s.Topics[k] = len(h.topics[k])
	}
	return s
}
