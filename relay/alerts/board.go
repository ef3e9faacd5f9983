package alerts

// The alerts that stand.

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"redis-relay/relay/monitor"
	"redis-relay/relay/notice"
)

// maxStanding is how many alerts of one kind may stand. One kind takes no room from another.
const maxStanding = 250

// Board makes alerts of notices, and knows those that stand. It is notice.Observer.
type Board struct {
	// Fixed after construction.
	changed func(Alert) // is told of each change, in order; it must not block, and not call the board
	seed    maphash.Seed

	counts map[string]*Count // by kind; what it points to is guarded by mu

	mu       sync.Mutex
	standing map[key]*standing // guarded by mu
	raised   uint64            // guarded by mu
	ignored  uint64            // guarded by mu
}

// Count is how many alerts of a kind there are.
type Count struct {
	Standing int
	Raised   uint64 // so far
}

// key identifies an alert. Of a name only its hash is kept.
type key struct {
	kind      string
	direction monitor.Direction
	client    uint64
	upstream  string
	name      uint64
}

// standing is an alert that stands.
type standing struct {
	Alert
	last  time.Time // when its cause was reported last
	lasts time.Duration
	timer *time.Timer // ends it, unless its cause is reported again; nil: a notice does
}

var _ notice.Observer = (*Board)(nil)

// NewBoard returns a board without alerts. changed is told of each change; nil: nobody is.
func NewBoard(changed func(Alert)) *Board {
	if changed == nil {
		changed = func(Alert) {}
	}
	b := &Board{
		changed: changed, seed: maphash.MakeSeed(), standing: map[key]*standing{}, counts: map[string]*Count{},
	}
	for _, kind := range notice.AlertKinds() {
		b.counts[kind] = &Count{}
	}
	return b
}

// Observe raises or ends the alert of a notice. A notice without an alert, or one that ends what does not stand, does
// nothing.
func (b *Board) Observe(n *notice.Notice, e notice.Event) {
	count := b.counts[n.Alert]
	if count == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.keyOf(n, &e)
	s := b.standing[k]
	switch over := n.Once || e.Disconnected; {
	case n.Ends:
		if s != nil {
			b.end(s, e.Time)
		}
	case s != nil:
		s.report(&e)
		if over {
			b.end(s, e.Time)
		}
	case over:
		a := b.newAlert(k, n, &e)
		a.State, a.Until, a.Once = Ended, e.Time, true
		b.changed(a)
	case count.Standing == maxStanding:
		b.ignored++
	default:
		b.raise(b.newAlert(k, n, &e), n.Lasts)
	}
}

// keyOf returns the key of the alert that a notice is about. An alert about a channel is of that channel, whichever
// client published on it: the notice that ends the alert names none. One of a client is of that client alone.
func (b *Board) keyOf(n *notice.Notice, e *notice.Event) key {
	name, client := e.Channel, e.Client
	if name == "" {
		name = e.Pattern
	}
	switch {
	case n.OfClient:
		name = ""
	case name != "":
		client = 0
	}
	return key{
		kind: n.Alert, direction: e.Direction, client: client, upstream: e.Upstream, name: maphash.String(b.seed, name),
	}
}

// newAlert makes an alert, and counts it. mu is held.
func (b *Board) newAlert(k key, n *notice.Notice, e *notice.Event) Alert {
	b.raised++
	b.counts[n.Alert].Raised++
	return Alert{
		ID: b.raised, Kind: n.Alert, State: Raised, Since: e.Time, Times: 1, Text: summary(n), Do: n.Do,
		Event: details(*e), key: k,
	}
}

// raise has an alert stand. mu is held.
func (b *Board) raise(a Alert, lasts time.Duration) {
	s := &standing{Alert: a, last: time.Now(), lasts: lasts}
	b.standing[a.key] = s
	b.counts[a.Kind].Standing++
	if lasts > 0 {
		s.timer = time.AfterFunc(lasts, func() { b.expire(s) })
	}
	b.changed(a)
}

// report notes that the cause of an alert was reported again.
func (s *standing) report(e *notice.Event) {
	s.Times++
	s.Event, s.last = details(*e), time.Now()
	if s.timer != nil {
		s.timer.Reset(s.lasts)
	}
}

// end ends an alert. mu is held.
func (b *Board) end(s *standing, at time.Time) {
	if s.timer != nil {
		s.timer.Stop()
	}
	delete(b.standing, s.key)
	b.counts[s.Kind].Standing--
	a := s.Alert
	a.State, a.Until = Ended, at
	b.changed(a)
}

// expire ends an alert whose cause was not reported for a while.
func (b *Board) expire(s *standing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.standing[s.key] == s && time.Since(s.last) >= s.lasts { // else it was reported while the timer fired
		b.end(s, time.Now())
	}
}

// Standing returns the alerts that stand, the oldest first.
func (b *Board) Standing() []Alert {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Alert, 0, len(b.standing))
	for _, s := range b.standing {
		list = append(list, s.Alert)
	}
	slices.SortFunc(list, func(x, y Alert) int { return cmp.Compare(x.ID, y.ID) })
	return list
}

// Count returns how many alerts of a kind there are; none of an unknown kind.
func (b *Board) Count(kind string) Count {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.counts[kind]; c != nil {
		return *c
	}
	return Count{}
}

// Ignored returns how many reports raised no alert, because too many of that kind stood.
func (b *Board) Ignored() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ignored
}

// Close stops the timers. Alerts that end by silence then stand for ever.
func (b *Board) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.standing {
		if s.timer != nil {
			s.timer.Stop()
		}
	}
}
