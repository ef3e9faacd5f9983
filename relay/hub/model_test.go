package hub

// The hub at random, against a Redis that carries out commands in their order and answers late.

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/resp"
)

const modelNames = 5 // of each kind

// wanted is one subscription of one listener to one name, from Subscribe to the end of Unsubscribe.
type wanted struct {
	call          *call
	of            resp.Name
	active        bool // done was called
	refused       bool
	unsubscribing bool // Unsubscribe was called
	ended         bool // and its done
}

// call is one Subscribe or Unsubscribe. Its place in Redis's order is that of a mark behind its commands.
type call struct {
	number int
	done   bool
	lost   bool // the connection was, or there was none
}

// actor is a listener.
type actor struct {
	*Listener
	pins     bool
	retired  bool
	subs     map[resp.Name]*wanted // by name, the newest
	received []string
	expect   []string
}

// model drives a hub, and knows what has to come of it.
type model struct {
	t       *testing.T
	what    string // the seed
	random  *rand.Rand
	hub     *Hub
	redis   *slowRedis
	actors  []*actor
	calls   int
	message int
	open    map[*actor][]*wanted // all that are not over
	log     []string
}

func (m *model) fail(format string, args ...any) {
	m.t.Helper()
	m.t.Fatalf("%s: %s\n%s", m.what, fmt.Sprintf(format, args...), strings.Join(m.log, "\n"))
}

func (m *model) note(format string, args ...any) { m.log = append(m.log, fmt.Sprintf(format, args...)) }

func newModel(t *testing.T, seed uint64) *model {
	m := &model{
		t: t, what: fmt.Sprintf("seed %d", seed), random: rand.New(rand.NewPCG(seed, 0)),
		open: map[*actor][]*wanted{},
	}
	m.redis = &slowRedis{
		model: m, subscribed: map[resp.Name]bool{}, subscribedSeen: map[resp.Name]bool{},
		refuses: map[resp.Name]bool{}, ever: map[resp.Name]bool{},
	}
	m.hub = New(m.redis, func(name string) bool { return strings.HasPrefix(name, "local") })
	m.hub.requests.namesPerCommand = 2
	for range 4 {
		m.actors = append(m.actors, m.newActor())
	}
	interestOnly := &actor{Listener: NewInterestOnlyListener(1)}
	pinning := &actor{Listener: NewPinningListener(), pins: true}
	for _, a := range []*actor{interestOnly, pinning} {
		a.subs = map[resp.Name]*wanted{}
		m.actors = append(m.actors, a)
	}
	m.redis.refusals = m.random.IntN(2) == 0
	return m
}

func (m *model) newActor() *actor {
	bounds := new(Bounds)
	bounds.Queue.Store(1 << 30)
	out := NewOutbox(noSocket{}, bounds, new(Flusher), func(Reason) {}, nil)
	return &actor{Listener: NewListener(out, func(Reason) {}, func(Missed) {}), subs: map[resp.Name]*wanted{}}
}

// noSocket is never written to.
type noSocket struct{}

func (noSocket) FD() int            { return -1 }
func (noSocket) AwaitWritable(bool) {}

func (m *model) randomName() resp.Name {
	name := fmt.Sprint("n", m.random.IntN(modelNames))
	if m.random.IntN(8) == 0 {
		name = "local"
	}
	return resp.Name{Kind: resp.Kind(m.random.IntN(resp.Kinds)), Text: name}
}

// step does one thing.
func (m *model) step() {
	a := m.actors[m.random.IntN(len(m.actors))]
	switch n := m.random.IntN(100); {
	case n < 22:
		m.subscribe(a)
	case n < 42:
		m.unsubscribe(a)
	case n < 43:
		m.replace(m.random.IntN(4))
	case n < 60:
		m.redis.carryOut()
	case n < 78:
		m.redis.answer()
	case n < 95:
		m.redis.publish(m.randomName())
	case n < 97 && m.redis.refusals:
		m.redis.refuse(m.randomName())
	case n < 98 && m.random.IntN(2) == 0:
		m.redis.answerEverything()
	case n < 98:
		m.redis.lose()
	default:
		m.redis.connect()
	}
	m.check()
}

func (m *model) subscribe(a *actor) {
	if a.retired {
		return
	}
	kind := resp.Kind(m.random.IntN(resp.Kinds))
	var names []string
	for range 1 + m.random.IntN(4) {
		w := m.randomName()
		old := a.subs[resp.Name{Kind: kind, Text: w.Text}]
		if slices.Contains(names, w.Text) || old != nil && !old.unsubscribing && !old.refused {
			continue
		}
		if old != nil && a.interestOnly() && !old.ended {
			continue // once at a time
		}
		names = append(names, w.Text)
	}
	if len(names) == 0 {
		return
	}
	c := m.begin()
	m.note("%d: %s subscribe %s %v", c.number, m.nameOf(a), kind, names)
	var list []*wanted
	for _, name := range names {
		s := &wanted{call: c, of: resp.Name{Kind: kind, Text: name}}
		a.subs[resp.Name{Kind: kind, Text: name}] = s
		list = append(list, s)
		m.open[a] = append(m.open[a], s)
	}
	local := !slices.ContainsFunc(names, func(name string) bool { return name != "local" })
	m.hub.Subscribe(a.Listener, kind, names, func(refused error) {
		m.note("%d: done, %v", c.number, refused)
		m.finish(c, local)
		for _, s := range list {
			s.active, s.refused = refused == nil, refused != nil
			if s.active && !s.unsubscribing && !local && s.of.Text != "local" && !m.redis.subscribedSeen[s.of] {
				m.fail("call %d is done, and Redis has not confirmed %v", c.number, s.of)
			}
		}
		everRefused := func(n string) bool { return m.redis.ever[resp.Name{Kind: kind, Text: n}] }
		if refused != nil && !slices.ContainsFunc(names, everRefused) {
			m.fail("call %d was refused, and nothing was to be", c.number)
		}
	})
	m.redis.mark(c)
	if local && !c.done {
		m.fail("local names are to be had at once")
	}
}

func (m *model) unsubscribe(a *actor) {
	if a.retired {
		return
	}
	kind := resp.Kind(m.random.IntN(resp.Kinds))
	var names []string
	for w, s := range a.subs {
		if w.Kind == kind && !s.unsubscribing && !s.refused {
			names = append(names, w.Text)
		}
	}
	slices.Sort(names)
	m.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	if len(names) > 0 {
		m.unsubscribeNames(a, kind, names[:1+m.random.IntN(len(names))])
	}
}

func (m *model) unsubscribeNames(a *actor, kind resp.Kind, names []string) {
	c := m.begin()
	m.note("%d: %s unsubscribe %s %v", c.number, m.nameOf(a), kind, names)
	var list []*wanted
	for _, name := range names {
		s := a.subs[resp.Name{Kind: kind, Text: name}]
		s.unsubscribing, s.ended = true, name == "local"
		list = append(list, s)
	}
	local := !slices.ContainsFunc(names, func(name string) bool { return name != "local" })
	m.hub.Unsubscribe(a.Listener, kind, names, func() {
		m.note("%d: done", c.number)
		m.finish(c, local)
		for _, s := range list {
			if s.ended = true; !s.call.done && !m.redis.tainted && !s.call.lost && s.of.Text != "local" {
				m.fail("call %d is done before call %d", c.number, s.call.number)
			}
		}
	})
	m.redis.mark(c)
}

// replace ends a connection, and makes another.
func (m *model) replace(i int) {
	a := m.actors[i]
	m.note("%s goes", m.nameOf(a))
	m.hub.FanOut()
	a.Stop()
	for kind := range resp.Kind(resp.Kinds) {
		var names []string
		for w, s := range a.subs {
			if w.Kind == kind && !s.unsubscribing && !s.refused {
				names = append(names, w.Text)
			}
		}
		if slices.Sort(names); len(names) > 0 {
			m.unsubscribeNames(a, kind, names)
		}
	}
	a.retired = true
	m.compare(a)
	m.actors[i] = m.newActor()
	m.actors = append(m.actors, a) // it is still counted
}

func (m *model) begin() *call {
	m.calls++
	return &call{number: m.calls, lost: !m.redis.connected}
}

// finish checks that a call is done once, and in its place.
func (m *model) finish(c *call, local bool) {
	if c.done {
		m.fail("call %d is done twice", c.number)
	}
	c.done = true
	if !local && !c.lost && !m.redis.losing && m.redis.pendingBefore(c) {
		m.fail("call %d is done before its place has come", c.number)
	}
}

func (m *model) nameOf(a *actor) string { return fmt.Sprint("l", slices.Index(m.actors, a)) }

// delivered notes who has to hear a message.
func (m *model) delivered(w resp.Name, text string) {
	for _, a := range m.actors {
		if a.interestOnly() || a.stopped {
			continue
		}
		for _, s := range m.open[a] {
			if s.active && !s.ended && s.of == w {
				a.expect = append(a.expect, text)
			}
		}
	}
}

// compare has what a listener heard be what it had to hear.
func (m *model) compare(a *actor) {
	if a.interestOnly() {
		return
	}
	for _, b := range a.out.output.ready {
		for len(b) > 0 {
			d, n := parseFrame(b)
			a.received = append(a.received, d)
			b = b[n:]
		}
	}
	a.out.output.ready, a.out.usage.queued = nil, 0
	if !slices.Equal(a.received, a.expect) {
		m.fail("%s heard %v\nwant %v", m.nameOf(a), a.received, a.expect)
	}
	a.received, a.expect = nil, nil
}

func parseFrame(b []byte) (text string, n int) {
	s := string(b)
	end := strings.Index(s, "\n")
	return s[:end], end + 1
}

func (m *model) check() {
	if m.random.IntN(4) == 0 {
		m.hub.FanOut()
		for _, a := range m.actors {
			m.compare(a)
		}
	}
	for kind := range resp.Kind(resp.Kinds) {
		for i := range modelNames + 1 {
			name := fmt.Sprint("n", i)
			if i == modelNames {
				name = "local"
			}
			m.checkName(resp.Name{Kind: kind, Text: name})
		}
	}
}

func (m *model) checkName(w resp.Name) {
	listeners, heard := 0, false
	for _, a := range m.actors {
		if s := a.subs[w]; s != nil && !a.interestOnly() && !s.unsubscribing && !s.refused {
			listeners++
		}
		for _, s := range m.open[a] {
			heard = heard || s.of == w && s.active && !s.ended && !a.pins
		}
	}
	got, requested, confirmed := m.hub.Listeners(w.Kind, []byte(w.Text))
	if got != listeners {
		m.fail("%v has %d listeners, want %d", w, got, listeners)
	}
	if want := m.redis.subscribedSeen[w]; (confirmed == 1) != want && !m.redis.tainted {
		m.fail("%v: confirmed %d, want %v", w, confirmed, want)
	}
	exact := len(m.redis.ever) == 0 || m.redis.quiet()
	if want := m.redis.willSubscribe(w); m.redis.connected && exact && (requested == 1) != want {
		m.fail("%v: requested %d, want %v", w, requested, want)
	}
	t := m.hub.topics[w.Kind][w.Text]
	if is := t != nil && t.hasListeners(); is != heard && !m.redis.tainted {
		m.fail("%v is heard: %v, want %v", w, is, heard)
	}
	if t != nil && (t.wanted < 0 || t.counted < 0 || t.unanswered < 0) {
		m.fail("%v: %+v", w, t)
	}
}

// end has all listeners leave, and all that is under way come to its end.
func (m *model) end() {
	for i := range 4 {
		m.replace(i)
	}
	for _, a := range m.actors {
		for kind := range resp.Kind(resp.Kinds) {
			var names []string
			for w, s := range a.subs {
				if w.Kind == kind && !s.unsubscribing && !s.refused {
					names = append(names, w.Text)
				}
			}
			if slices.Sort(names); len(names) > 0 {
				m.unsubscribeNames(a, kind, names)
			}
		}
	}
	m.redis.connect()
	m.redis.answerEverything()
	m.check()
	if !m.redis.connected {
		m.fail("it is not restored")
	}
	for k := range m.hub.topics {
		for name, t := range m.hub.topics[k] {
			m.fail("a topic is left: %s %q %+v", resp.Kind(k), name, t)
		}
	}
	for w, subscribed := range m.redis.subscribed {
		if subscribed {
			m.fail("Redis still has %v", w)
		}
	}
	waiting := len(m.hub.waiting.list)
	if s := m.hub.Stats(); s.Listeners != [resp.Kinds]int{} || waiting > 0 || len(m.hub.patterns.byPrefix) > 0 {
		m.fail("something is left: %+v, %d wait", s, waiting)
	}
	for _, a := range m.actors {
		if m.compare(a); a.pending.subscribes != nil {
			m.fail("%s is still subscribing", m.nameOf(a))
		}
		for _, s := range m.open[a] {
			if !s.call.done {
				m.fail("call %d was never done", s.call.number)
			}
		}
	}
}
