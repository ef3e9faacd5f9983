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
