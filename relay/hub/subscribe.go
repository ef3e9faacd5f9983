package hub

// Subscriptions that begin.

import (
	"slices"

	"redis-relay/relay/resp"
)

// batch is the number of names in one SUBSCRIBE: enough that 100,000 channels are few
// commands, small enough that Redis serves others in between.
const batch = 500

// joining is a subscription to one or more names that is not active yet. It becomes active as a
// whole, or not at all.
type joining struct {
	listener *Listener
	kind     resp.Kind
	names    []string
	left     map[string]bool // names that were unsubscribed meanwhile; true: that is over
	gone     int             // of left, those that are over
	waits    bool            // for a connection, in Hub.waiting
	over     bool
	done     func(refused error)
}

// Subscribe begins to subscribe l to names, of which it must have none yet: Redis is asked for those
// that it does not have. done is called when l hears all of them, in order with the messages, or with
// the error for which it hears none. names is kept. While there is no connection that may take long;
// if l unsubscribes from all of them meanwhile, done is called then.
func (h *Hub) Subscribe(l *Listener, kind resp.Kind, names []string, done func(refused error)) {
	j := &joining{listener: l, kind: kind, names: names, done: done}
	var ask []string
	local := true
	for _, name := range names {
		t := h.topic(kind, name)
		t.want(l, 1)
		local = local && t.local
		if !t.local && !t.asked {
			ask = append(ask, name)
		}
	}
	if local {
		h.joined(j)
		return
	}
	l.begin(j)
	switch {
	case h.restore != nil:
		h.wait(j)
		h.restore.add(kind, ask)
	case !h.connected:
		h.wait(j)
	case len(ask) > 0:
		h.ask(kind, ask, func(lost bool, refused error) { h.answered(j, lost, refused) })
	default:
		h.up.Fence(func(lost bool) { h.answered(j, lost, nil) })
	}
}

// begin notes a subscription that is not active yet.
func (l *Listener) begin(j *joining) {
	if l.joining == nil {
		l.joining = map[resp.Name]*joining{}
	}
	for _, name := range j.names {
		l.joining[resp.Name{Kind: j.kind, Text: name}] = j
	}
}

// forget ends what begin noted.
func (l *Listener) forget(j *joining) {
	if j.over = true; l.joining == nil {
		return
	}
	for _, name := range j.names {
		if l.joining[resp.Name{Kind: j.kind, Text: name}] == j {
			delete(l.joining, resp.Name{Kind: j.kind, Text: name})
		}
	}
	if len(l.joining) == 0 {
		l.joining = nil
	}
}

// ask asks Redis for names, and calls done when it has answered for each of them: with the first error.
func (h *Hub) ask(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	together := gather((len(names)+h.batch-1)/h.batch, done)
	for part := range slices.Chunk(names, h.batch) {
		h.askPart(kind, part, together)
	}
}

// gather returns what to call for each of n answers; done is called with the last one, and the first error.
func gather(n int, done func(lost bool, refused error)) func(lost bool, refused error) {
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
func (h *Hub) askPart(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	for _, name := range names {
		t := h.topics[kind][name]
		t.asked, t.refused = true, nil
		t.flying++
	}
	h.up.Subscribe(kind, names, func(lost bool, refused error) {
		for _, name := range names {
			t := h.topics[kind][name]
			t.flying--
			if !lost && refused == nil {
				t.held = true
			}
		}
		switch {
		case refused == nil:
		case len(names) > 1:
			h.askEach(kind, names, done)
			return
		default:
			h.refuse(kind, names[0], refused)
		}
		h.tidyAll(kind, names)
		done(lost, refused)
	})
}

// askEach asks for names one by one, as far as they are still wanted: what was sent since they were
// asked for has changed nothing of that, or will be answered, too.
func (h *Hub) askEach(kind resp.Kind, names []string, done func(lost bool, refused error)) {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		t := h.topics[kind][name]
		defer h.tidy(kind, name, t)
		return t.wants == 0 || t.flying > 0
	})
	if len(names) == 0 {
		done(false, nil)
		return
	}
	together := gather(len(names), done)
	for _, name := range names {
		h.askPart(kind, []string{name}, together)
	}
}

// refuse notes that Redis does not let a name be subscribed, unless it was asked again since. Those that
// wait for it are refused when their own answer comes; those that listened to it before a loss are
// disconnected.
func (h *Hub) refuse(kind resp.Kind, name string, err error) {
	h.FanOut()
	h.up.Refused(kind, name, err)
	t := h.topics[kind][name]
	if t.asked && t.flying > 0 {
		return
	}
	t.asked, t.refused = false, err
	t.end(ReasonRefused)
}

// answered goes on with a subscription whose place in the order of messages has come.
func (h *Hub) answered(j *joining, lost bool, refused error) {
	switch {
	case refused != nil: // whatever was asked since
		h.FanOut()
		h.failed(j, refused)
		return
	case lost:
		h.wait(j)
		return
	}
	if len(j.listener.ending) == 0 {
		h.joined(j)
		return
	}
	h.up.HearOut(j.kind, j.names, func() { // it may still hear the same name by its former subscription
		if !h.connected {
			h.wait(j)
			return
		}
		h.joined(j)
	})
}

// wait has a subscription wait for the next connection.
func (h *Hub) wait(j *joining) {
	if j.gone == len(j.names) {
		h.joined(j)
		return
	}
	j.waits = true
	h.waiting = append(h.waiting, j)
}

// joined makes a subscription active, unless Redis has refused a name of it, or is still to answer for
// one: then the names of a command that was refused are asked for one by one, in which that answer
// comes behind what was sent meanwhile.
func (h *Hub) joined(j *joining) {
	h.FanOut()
	for _, name := range j.names {
		switch t := h.topics[j.kind][name]; {
		case t == nil || j.left[name]: // it has unsubscribed, and Redis has let go of it
		case t.refused != nil && !t.asked:
			h.failed(j, t.refused)
			return
		case t.asked && !t.held:
			h.up.Fence(func(lost bool) { h.answered(j, lost, nil) })
			return
		}
	}
	j.listener.forget(j)
	h.drop(j.listener, j.kind, j.listener.takeOver(j.kind, j.names)) // all messages of those have come
	for _, name := range j.names {
		if t := h.topics[j.kind][name]; t != nil && !j.left[name] {
			h.subs[j.kind] += t.add(j.listener)
		}
	}
	j.done(nil)
}

// failed gives a subscription up.
func (h *Hub) failed(j *joining, refused error) {
	j.listener.forget(j)
	names := slices.DeleteFunc(slices.Clone(j.names), func(name string) bool {
		_, left := j.left[name]
		return left
	})
	unheard, _ := h.unwant(j.listener, j.kind, names)
	h.release(j.kind, unheard, func(bool) {})
	h.tidyAll(j.kind, names)
	j.done(refused)
}
