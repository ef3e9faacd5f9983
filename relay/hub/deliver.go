package hub

// Fan-out: from a message to the queues of its listeners.

import (
	"slices"
	"time"

	"redis-relay/relay/resp"
)

// Mode is how one message is handed out.
type Mode uint8

// The modes; zero is: to all, and disconnect those that cannot keep up.
const (
	ModeDrop   Mode = 1 << iota // a listener that cannot keep up misses this message
	ModeOne                     // to one listener in turn
	modeLatest                  // a listener that cannot keep up gets the newest of each Key
)

// missedEvery is the time between two reports that a listener misses messages.
const reportInterval = 10 * time.Second

// Deliver queues a frame for the listeners of a name and returns how many there
// are. frame is RESP2. It and name must not be changed before Flusher.BuffersReusable allows it.
// The listeners' queues have it after FanOut.
func (h *Hub) Deliver(kind resp.Kind, name, frame []byte, mode Mode) (listeners int) {
	t := h.run.topicOf(kind, name)
	if t == nil {
		t = h.topics[kind][string(name)]
	}
	if t == nil || len(t.listeners) == 0 {
		return 0
	}
	if !h.run.extend(t, mode, frame) {
		h.FanOut()
		h.run.begin(t, kind, name, mode, frame)
	}
	if mode&ModeOne != 0 {
		return 1
	}
	return len(t.listeners)
}

// DeliverLatest is Deliver for a message of which only the newest of its key matters
// to a listener that is behind. The key must not be changed before Settled allows it either.
func (h *Hub) DeliverLatest(kind resp.Kind, name, frame []byte, mode Mode, key Key) (listeners int) {
	if listeners = h.Deliver(kind, name, frame, mode|modeLatest); listeners > 0 {
		h.run.keys = append(h.run.keys, key)
	}
	return listeners
}

// FanOut hands what Deliver has collected to its listeners. It costs nothing when there is nothing.
func (h *Hub) FanOut() {
	r := &h.run
	t := r.topic
	if t == nil {
		return
	}
	r.topic = nil
	if r.mode&ModeOne != 0 {
		h.dispatchToOne(t)
	} else {
		for _, l := range t.listeners {
			h.dispatch(l)
		}
	}
	r.frames, r.resp3 = nil, nil
}

// Settle is told, at the end of each turn, whether nothing is kept of what was fanned out: see
// Flusher.BuffersReusable. The hub then uses memory of its own again.
func (h *Hub) ReuseBuffers(free bool) { h.run.reuse(free) }

// giveToOne gives the run to a listener that has room. When none has, it is
// dropped, whatever the mode says, on the account of the next in turn.
func (h *Hub) dispatchToOne(t *topic) {
	if l := t.nextWithRoom(len(h.run.frames)); l != nil {
		h.dispatch(l)
		return
	}
	n := uint64(len(h.run.starts))
	for range t.listeners {
		if l := t.listeners[int(t.lastServed)%len(t.listeners)]; !l.stopped {
			h.countMissed(l, Missed{Dropped: n})
			return
		}
		t.lastServed++
	}
	h.stats.Ended += n
}

func (h *Hub) dispatch(l *Listener) {
	r := &h.run
	frames := r.frames
	if l.resp3 {
		frames = r.pushes()
	}
	switch {
	case l.stopped:
		h.stats.Ended += uint64(len(r.starts))
	case r.mode&modeLatest != 0:
		replaced, dropped := l.out.appendLatest(r, frames)
		h.countMissed(l, Missed{uint64(dropped), uint64(replaced)})
	default:
		switch why := l.out.tryAppend(frames); {
		case why == "":
		case r.mode&ModeDrop != 0:
			h.countMissed(l, Missed{Dropped: uint64(len(r.starts))})
		default:
			h.stats.Ended += uint64(len(r.starts))
			l.disconnect(why)
		}
	}
}

// missed counts messages that a listener does not get, and goes on without.
func (h *Hub) countMissed(l *Listener, m Missed) {
	if m == (Missed{}) {
		return
	}
	h.stats.Dropped += m.Dropped
	h.stats.Replaced += m.Replaced
	l.unreported.Dropped += m.Dropped
	l.unreported.Replaced += m.Replaced
	if !l.awaitsReport {
		l.awaitsReport = true
		h.unreported = append(h.unreported, l)
	}
}

// Report tells listeners of the messages that they missed, as far as that is due. It may deliver
// more: call FanOut afterwards.
func (h *Hub) Report() {
	if len(h.unreported) == 0 {
		return
	}
	now := time.Now()
	var due []*Listener
	h.unreported = slices.DeleteFunc(h.unreported, func(l *Listener) bool {
		if now.Sub(l.reported) < reportInterval {
			return false
		}
		l.reported, l.awaitsReport = now, false
		due = append(due, l)
		return true
	})
	for _, l := range due {
		missed := l.unreported
		l.unreported = Missed{}
		l.report(missed)
	}
}
