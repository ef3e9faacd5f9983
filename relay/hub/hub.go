package hub

// The registry of interest, and fan-out.

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"redis-relay/relay/resp"
)

// Upstream is the Redis side as the hub needs it. Both methods are called with
// Hub.mu held and must return at once.
type Upstream interface {
	// Want says that the first listener of a name came, or the last one left, or
	// that one is still wanted that was refused or lost. It reports whether Redis
	// has the name subscribed now. If not, and it is wanted, Confirmed or Refused
	// follows; if so, and it is not, Released.
	Want(kind resp.Kind, name string, want bool) (held bool)
	// Held tells whether Redis has the name subscribed now, for all that it has
	// answered. It is asked only for names that are wanted, or that Redis is to let go
	// of.
	Held(kind resp.Kind, name string) bool
}

// Mode is how one message is handed out.
type Mode uint8

// The modes; zero is: to all, and disconnect who cannot keep up.
const (
	ModeDrop   Mode = 1 << iota // who cannot keep up misses this message
	ModeOne                     // to one listener in turn
	modeLatest                  // who cannot keep up gets the newest of each Key
)

// lockedNames is how many names of a command are dealt with while messages wait.
const lockedNames = 256

// missedEvery is the time between two reports that a listener misses messages.
const missedEvery = 10 * time.Second

// Hub connects names to listeners.
type Hub struct {
	// Fixed after construction.
	up      Upstream
	reserve func(name string) bool // names that are made here and not upstream

	dropped  atomic.Uint64 // messages not queued for one listener, whose queue was full
	replaced atomic.Uint64 // messages that a newer one took the place of, for one listener
	ended    atomic.Uint64 // messages not queued for one listener, which was being disconnected
	changes  atomic.Int64  // in changing, for a look without a lock

	mu sync.Mutex // Guards what follows.

	topics   [resp.Kinds]map[string]*topic
	patterns patterns                          // those of topics[resp.PMessage], by what they match
	changing [resp.Kinds]map[*change]struct{}  // what is under way
	parting  [resp.Kinds]map[string][]*Parting // names, and who is about to let go of them
	subs     [resp.Kinds]int                   // listeners over all topics
	run      run
	dirty    []*Listener // have something to be flushed
	spare    []*Listener // the array of an earlier dirty list
	late     []*Listener // missed messages that were not reported yet

	flushing int  // Flushes under way
	kept     bool // one of them left something unwritten since Settled
}

// New returns an empty hub. reserve tells which names are local: they are never
// asked of up.
func New(up Upstream, reserve func(name string) bool) *Hub {
	h := &Hub{up: up, reserve: reserve, patterns: newPatterns()}
	for k := range h.topics {
		h.topics[k] = map[string]*topic{}
		h.changing[k] = map[*change]struct{}{}
		h.parting[k] = map[string][]*Parting{}
	}
	return h
}

// topicLocked finds a topic or makes it, and asks Redis for what it does not
// hold: for the first time, or again after a refusal.
func (h *Hub) topicLocked(kind resp.Kind, name string) *topic {
	t := h.topics[kind][name]
	if t == nil {
		local := h.reserve(name)
		t = &topic{local: local, held: local, asked: local}
		h.topics[kind][name] = t
		if kind == resp.PMessage {
			h.patterns.add(name, t)
		}
	}
	if t.asked {
		return t
	}
	t.asked = true
	if h.up.Want(kind, name, true) {
		h.heldLocked(kind, name, t) // Confirmed, which may be on its way, finds nothing left to do
	}
	return t
}

// heldLocked notes that Redis has a topic. If it was to let go of it, it does not.
func (h *Hub) heldLocked(kind resp.Kind, name string, t *topic) {
	h.releasedLocked(kind, name)
	t.held = true
	for w := t.waiting; w != nil; w = w.next {
		w.pending.confirmedLocked()
	}
}

// Leave ends l's subscription to names. One that still waits, and must be left as
// a whole, is given up with ErrLeft. After it returns nothing of them is queued
// for l any more. When all of the channels it returns are closed, Redis has let go of
// the names that nobody listens to now.
func (h *Hub) Leave(l *Listener, kind resp.Kind, names ...string) (released []<-chan struct{}) {
	for part := range slices.Chunk(names, lockedNames) {
		released = append(released, h.leave(l, kind, part)...)
		runtime.Gosched() // to the reader from Redis, if it waits for the lock
	}
	return released
}

func (h *Hub) leave(l *Listener, kind resp.Kind, names []string) (released []<-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fanOutLocked()
	var unheard []string
	for _, name := range names {
		t := h.topics[kind][name]
		if t == nil {
			continue
		}
		if p := t.unwait(l); p != nil {
			h.failLocked(p, ErrLeft)
		}
		h.subs[kind] -= t.drop(l)
		if t.unused() && h.forgetLocked(kind, name, t) {
			unheard = append(unheard, name)
		}
	}
	return h.releaseLocked(kind, unheard)
}

// forgetLocked drops a topic that nobody is interested in, and reports whether
// Redis has still to let go of it.
func (h *Hub) forgetLocked(kind resp.Kind, name string, t *topic) bool {
	delete(h.topics[kind], name)
	if kind == resp.PMessage {
		h.patterns.remove(name)
	}
	return !t.local && h.up.Want(kind, name, false)
}

// SetRESP3 chooses the form in which l gets its messages from now on.
func (h *Hub) SetRESP3(l *Listener, on bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fanOutLocked()
	l.resp3 = on
}

// Confirmed says that Redis has subscribed a name.
func (h *Hub) Confirmed(kind resp.Kind, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[kind][name]
	// The confirmation may be of an earlier life of this topic: ask.
	if t == nil || t.held || !h.up.Held(kind, name) {
		return
	}
	h.heldLocked(kind, name, t)
}

// Refused says that Redis will not subscribe a name. A subscription that waits
// for it is refused as a whole, with err; who listened to it before is
// disconnected.
func (h *Hub) Refused(kind resp.Kind, name string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fanOutLocked()
	h.releasedLocked(kind, name)
	t := h.topics[kind][name]
	if t == nil || t.held {
		return
	}
	t.asked = false
	for _, l := range t.subs {
		l.endLocked(ReasonRefused)
	}
	for w := t.waiting; w != nil; w = w.next {
		p := w.pending
		h.failLocked(p, err)
		if p.entered > 0 { // before a loss, and may have heard something of the rest
			p.listener.endLocked(ReasonRefused)
		}
	}
}

// Lost says that the connection to Redis is gone: messages of every name may be
// lost from now until Confirmed. Listeners of a name for which disconnect
// reports true are ended, and hear nothing more. It returns how many those are.
func (h *Hub) Lost(disconnect func(kind resp.Kind, name string) bool) (ended int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fanOutLocked()
	for kind := range h.parting {
		for name := range h.parting[kind] {
			h.releasedLocked(resp.Kind(kind), name)
		}
	}
	for kind := range h.topics {
		for name, t := range h.topics[kind] {
			if t.local || !t.held {
				continue
			}
			t.held = false
			h.up.Want(resp.Kind(kind), name, true)
			for w := t.waiting; w != nil; w = w.next {
				w.pending.missing++
			}
			if len(t.subs) == 0 || !disconnect(resp.Kind(kind), name) {
				continue
			}
			for _, l := range t.subs {
				if !l.ended {
					ended++
				}
				l.endLocked(ReasonGap)
			}
		}
	}
	return ended
}

// Deliver queues a frame for the listeners of a name and returns how many there
// are. frame is RESP2. It and name must not be changed before Settled allows it.
// Nothing is written before Flush.
func (h *Hub) Deliver(kind resp.Kind, name, frame []byte, mode Mode) (listeners int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.deliverLocked(kind, name, frame, mode)
}

// DeliverLatest is Deliver for a message of which only the newest of its key matters
// to who is behind. The key must not be changed before Settled allows it either.
func (h *Hub) DeliverLatest(kind resp.Kind, name, frame []byte, mode Mode, key Key) (listeners int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if listeners = h.deliverLocked(kind, name, frame, mode|modeLatest); listeners > 0 {
		h.run.keys = append(h.run.keys, key)
	}
	return listeners
}

func (h *Hub) deliverLocked(kind resp.Kind, name, frame []byte, mode Mode) (listeners int) {
	t := h.run.of(kind, name)
	if t == nil {
		t = h.topics[kind][string(name)]
	}
	if t == nil || len(t.subs) == 0 {
		return 0
	}
	if !h.run.extend(t, mode, frame) {
		h.fanOutLocked()
		h.run.begin(t, kind, name, mode, frame)
	}
	if mode&ModeOne != 0 {
		return 1
	}
	return len(t.subs)
}

// fanOutLocked hands the run to its listeners.
func (h *Hub) fanOutLocked() {
	r := &h.run
	t := r.topic
	if t == nil {
		return
	}
	r.topic = nil
	if r.mode&ModeOne != 0 {
		h.giveToOneLocked(t)
	} else {
		for _, l := range t.subs {
			h.giveLocked(l)
		}
	}
	r.frames, r.resp3 = nil, nil
}

// giveToOneLocked gives the run to a listener that has room. When none has, it is
// dropped, whatever the mode says, on the account of the next in turn.
func (h *Hub) giveToOneLocked(t *topic) {
	if l := t.one(len(h.run.frames)); l != nil {
		h.giveLocked(l)
	} else if len(t.subs) > 0 {
		h.missedLocked(t.subs[int(t.turn)%len(t.subs)], Missed{Dropped: uint64(len(h.run.starts))})
	}
}

func (h *Hub) giveLocked(l *Listener) {
	r := &h.run
	frames := r.frames
	if l.resp3 {
		frames = r.pushes()
	}
	switch {
	case l.ended:
		h.ended.Add(uint64(len(r.starts)))
	case r.mode&modeLatest != 0:
		replaced, dropped := l.out.appendLatest(r, frames)
		h.missedLocked(l, Missed{uint64(dropped), uint64(replaced)})
		h.dirtyLocked(l)
	default:
		switch why := l.out.queue(frames, false); {
		case why == "":
			h.dirtyLocked(l)
		case r.mode&ModeDrop != 0:
			h.missedLocked(l, Missed{Dropped: uint64(len(r.starts))})
		default:
			h.ended.Add(uint64(len(r.starts)))
			l.endLocked(why)
		}
	}
}

// missedLocked counts messages that a listener does not get, and goes on without.
func (h *Hub) missedLocked(l *Listener, m Missed) {
	if m == (Missed{}) {
		return
	}
	h.dropped.Add(m.Dropped)
	h.replaced.Add(m.Replaced)
	l.untold.Dropped += m.Dropped
	l.untold.Replaced += m.Replaced
	if !l.late {
		l.late = true
		h.late = append(h.late, l)
	}
}

// report is what a listener is to be told by Listener.missed.
type report struct {
	listener *Listener
	missed   Missed
}

// reportsLocked returns the reports that are due.
func (h *Hub) reportsLocked() (due []report) {
	if len(h.late) == 0 {
		return nil
	}
	now := time.Now()
	h.late = slices.DeleteFunc(h.late, func(l *Listener) bool {
		if now.Sub(l.told) < missedEvery {
			return false
		}
		due = append(due, report{l, l.untold})
		l.told, l.untold, l.late = now, Missed{}, false
		return true
	})
	return due
}

func (h *Hub) dirtyLocked(l *Listener) {
	if !l.dirty {
		l.dirty = true
		h.dirty = append(h.dirty, l)
	}
}

// Flush writes what Deliver has queued, as far as each socket takes it.
func (h *Hub) Flush() {
	h.mu.Lock()
	h.fanOutLocked()
	dirty := h.dirty
	h.dirty, h.spare = h.spare, nil
	h.flushing++
	for _, l := range dirty {
		l.dirty = false
	}
	reports := h.reportsLocked()
	h.mu.Unlock()

	kept := false
	for _, l := range dirty {
		if !l.out.Flush() {
			kept = true
		}
	}

	clear(dirty)
	h.mu.Lock()
	h.spare = dirty[:0]
	h.flushing--
	h.kept = h.kept || kept
	h.mu.Unlock()
	for _, r := range reports {
		r.listener.missed(r.missed)
	}
}

// Settled reports whether nothing is kept of the frames that Deliver was given
// since Settled was called last: they may then be changed. One goroutine may call
// it, which delivers the frames it asks for.
func (h *Hub) Settled() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	settled := !h.kept && h.flushing == 0 && len(h.dirty) == 0 && h.run.topic == nil
	h.kept = false
	h.run.settle(settled)
	return settled
}

// WaitFor returns a subscription of anybody on this host that a message on
// channel would reach and that is not active yet, or nil. A publisher waits for
// it, so that who subscribed first also hears.
func (h *Hub) WaitFor(kind resp.Kind, channel []byte) *Pending {
	if h.changes.Load() == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.topics[kind][string(channel)]; t != nil {
		if p := t.undecided(); p != nil {
			return p
		}
	}
	if kind == resp.Message && len(h.changing[resp.PMessage]) > 0 {
		for _, t := range h.patterns.matching(channel) {
			if p := t.undecided(); p != nil {
				return p
			}
		}
	}
	return nil
}

// Audience counts who on this host a message on channel reaches: the listeners,
// one by one, and the subscriptions that Redis sees of this relay.
func (h *Hub) Audience(kind resp.Kind, channel []byte) (listeners, upstream int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.topics[kind][string(channel)]; t != nil {
		listeners, upstream = t.count()
	}
	if kind == resp.Message {
		for _, t := range h.patterns.matching(channel) {
			l, u := t.count()
			listeners, upstream = listeners+l, upstream+u
		}
	}
	return listeners, upstream
}

// Listeners counts the listeners of one name and tells whether Redis counts
// this relay among its own.
func (h *Hub) Listeners(kind resp.Kind, name []byte) (listeners, upstream int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t := h.topics[kind][string(name)]; t != nil {
		return t.count()
	}
	if h.redisLocked(kind, string(name)) != nil && h.up.Held(kind, string(name)) {
		upstream = 1
	}
	return 0, upstream
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
	h.mu.Lock()
	defer h.mu.Unlock()
	s := Stats{
		Listeners: h.subs,
		Dropped:   h.dropped.Load(), Replaced: h.replaced.Load(), Ended: h.ended.Load(),
	}
	for k := range h.topics {
		s.Topics[k] = len(h.topics[k])
	}
	return s
}
