package hub

// Subscriptions that begin.

import (
	"slices"

	"redis-relay/relay/resp"
)

// batch is the number of names in one SUBSCRIBE: enough that 100,000 channels are few
// commands, small enough that Redis serves others in between.
const namesPerCommand = 500

// joining is a subscription to one or more names that is not active yet. It becomes active as a
// whole, or not at all.
type pendingSubscribe struct {
	listener     *Listener
	kind         resp.Kind
	names        []string
	unsubscribed map[string]bool // names that were unsubscribed meanwhile; true: that is over
	ended        int             // of left, those that are over
	waiting      bool            // for a connection, in Hub.waiting
	done         bool
	answer       func(refused error)
}

// Subscribe begins to subscribe l to names, of which it must have none yet: Redis is asked for those
// that it does not have. done is called when l hears all of them, in order with the messages, or with
// the error for which it hears none. names is kept. While there is no connection that may take long;
// if l unsubscribes from all of them meanwhile, done is called then.
func (h *Hub) Subscribe(l *Listener, kind resp.Kind, names []string, done func(refused error)) {
	j := &pendingSubscribe{listener: l, kind: kind, names: names, answer: done}
	var ask []string
	local := true
	for _, name := range names {
		t := h.topic(kind, name)
		t.addWanted(l, 1)
		local = local && t.local
		if !t.local && !t.requested {
			ask = append(ask, name)
		}
	}
	if local {
		h.activate(j)
		return
	}
	l.addPending(j)
	switch {
	case h.restore != nil:
		h.waitForConnection(j)
		h.restore.add(kind, ask)
	case !h.connected:
		h.waitForConnection(j)
	case len(ask) > 0:
		h.sendSubscribes(kind, ask, func(lost bool, refused error) { h.answered(j, lost, refused) })
	default:
		h.up.Fence(func(lost bool) { h.answered(j, lost, nil) })
	}
}

// begin notes a subscription that is not active yet.
func (l *Listener) addPending(j *pendingSubscribe) {
	if l.subscribing == nil {
		l.subscribing = map[resp.Name]*pendingSubscribe{}
	}
	for _, name := range j.names {
		l.subscribing[resp.Name{Kind: j.kind, Text: name}] = j
	}
}

// forget ends what begin noted.
func (l *Listener) removePending(j *pendingSubscribe) {
	if j.done = true; l.subscribing == nil {
		return
	}
	for _, name := range j.names {
		if l.subscribing[resp.Name{Kind: j.kind, Text: name}] == j {
			delete(l.subscribing, resp.Name{Kind: j.kind, Text: name})
		}
	}
	if len(l.subscribing) == 0 {
		l.subscribing = nil
	}
}

// ask asks Redis for names, and calls done when it has answered for each of them: with the first error.
func (h *Hub) sendSubscribes(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	together := collect((len(names)+h.namesPerCommand-1)/h.namesPerCommand, done)
	for part := range slices.Chunk(names, h.namesPerCommand) {
		h.sendSubscribe(kind, part, together)
	}
}

// gather returns what to call for each of n answers; done is called with the last one, and the first error.
func collect(n int, done func(lost bool, refused error)) func(lost bool, refused error) {
	var first error
	return func(lost bool, refused error) {
		if first == nil {
			first = refused
		}
		if n--; n == 0 {
			done(lost, first)
		}
	}
}

// askPart asks for the names of one command. If Redis refuses that, each name is asked for by itself, to
// learn which one it was.
func (h *Hub) sendSubscribe(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	for _, name := range names {
		t := h.topics[kind][name]
		t.requested, t.refused = true, nil
		t.unanswered++
	}
	h.up.Subscribe(kind, names, func(lost bool, refused error) {
		for _, name := range names {
			t := h.topics[kind][name]
			t.unanswered--
			if !lost && refused == nil {
				t.confirmed = true
			}
		}
		switch {
		case refused == nil:
		case len(names) > 1:
			h.subscribeEach(kind, names, done)
			return
		default:
			h.markRefused(kind, names[0], refused)
		}
		h.forgetAllUnused(kind, names)
		done(lost, refused)
	})
}

// askEach asks for names one by one, as far as they are still wanted: what was sent since they were
// asked for has changed nothing of that, or will be answered, too.
func (h *Hub) subscribeEach(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		t := h.topics[kind][name]
		defer h.forgetUnused(kind, name, t)
		return t.wanted == 0 || t.unanswered > 0
	})
	if len(names) == 0 {
		done(false, nil)
		return
	}
	together := collect(len(names), done)
	for _, name := range names {
		h.sendSubscribe(kind, []string{name}, together)
	}
}

// refuse notes that Redis does not let a name be subscribed, unless it was asked again since. Those that
// wait for it are refused when their own answer comes; those that listened to it before a loss are
// disconnected.
func (h *Hub) markRefused(kind resp.Kind, name string, err error) {
	h.FanOut()
	h.up.Refused(kind, name, err)
	t := h.topics[kind][name]
	if t.requested && t.unanswered > 0 {
		return
	}
	t.requested, t.refused = false, err
	t.disconnect(ReasonRefused)
}

// answered goes on with a subscription whose place in the order of messages has come.
func (h *Hub) answered(j *pendingSubscribe, lost bool, refused error) {
	switch {
	case refused != nil: // whatever was asked since
		h.FanOut()
		h.fail(j, refused)
		return
	case lost:
		h.waitForConnection(j)
		return
	}
	if len(j.listener.unsubscribing) == 0 {
		h.activate(j)
		return
	}
	h.up.AwaitDelivered(j.kind, j.names, func() { // it may still hear the same name by its former subscription
		if !h.connected {
			h.waitForConnection(j)
			return
		}
		h.activate(j)
	})
}

// wait has a subscription wait for the next connection.
func (h *Hub) waitForConnection(j *pendingSubscribe) {
	if j.ended == len(j.names) {
		h.activate(j)
		return
	}
	j.waiting = true
	h.waiting = append(h.waiting, j)
}

// joined makes a subscription active, unless Redis has refused a name of it, or is still to answer for
// one: then the names of a command that was refused are asked for one by one, in which that answer
// comes behind what was sent meanwhile.
func (h *Hub) activate(j *pendingSubscribe) {
	h.FanOut()
	for _, name := range j.names {
		switch t := h.topics[j.kind][name]; {
		case t == nil || j.unsubscribed[name]: // it has unsubscribed, and Redis has let go of it
		case t.refused != nil && !t.requested:
			h.fail(j, t.refused)
			return
		case t.requested && !t.confirmed:
			h.up.Fence(func(lost bool) { h.answered(j, lost, nil) })
			return
		}
	}
	j.listener.removePending(j)
	h.deactivate(j.listener, j.kind, j.listener.takeUnsubscribing(j.kind, j.names)) // all messages of those have come
	for _, name := range j.names {
		if t := h.topics[j.kind][name]; t != nil && !j.unsubscribed[name] {
			h.active[j.kind] += t.add(j.listener)
		}
	}
	j.answer(nil)
}

// failed gives a subscription up.
func (h *Hub) fail(j *pendingSubscribe, refused error) {
	j.listener.removePending(j)
	names := slices.DeleteFunc(slices.Clone(j.names), func(name string) bool {
		_, left := j.unsubscribed[name]
		return left
	})
	unheard, _ := h.countUnsubscribed(j.listener, j.kind, names)
	h.sendUnsubscribes(j.kind, unheard, func(bool) {})
	h.forgetAllUnused(j.kind, names)
	j.answer(refused)
}
