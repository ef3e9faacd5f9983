package hub

// Several upstreams: random commands, losses, refusals and moves, compared with what listeners want.

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"redis-relay/relay/resp"
)

// groupSession is a listener as a connection has it: it knows what it is subscribed to.
type groupSession struct {
	*Listener
	names  map[resp.Name]int    // with the number of the command that has subscribed to it
	places map[resp.Name]Places // of those, where they have been since
	ended  bool                 // it is to be disconnected
}

// groupRun is one run of the test.
type groupRun struct {
	t        *testing.T
	random   *rand.Rand
	group    *Group
	redis    []*redis
	up       []bool
	tried    []bool // there was a connection, or an attempt has failed
	sessions []*groupSession
	nats     *groupSession
	where    map[resp.Name]Places
	commands int
	open     int // commands without an answer
	late     map[latecomer]bool
}

var groupNames = []resp.Name{
	{Kind: resp.Message, Text: "a"},
	{Kind: resp.Message, Text: "b"},
	{Kind: resp.Message, Text: "c"},
	{Kind: resp.PMessage, Text: "*"},
	{Kind: resp.PMessage, Text: "a*"},
	{Kind: resp.PMessage, Text: "b*"},
}

func newGroupRun(t *testing.T, seed uint64) *groupRun {
	m := &groupRun{t: t, random: rand.New(rand.NewPCG(seed, 0)), up: make([]bool, 3), tried: make([]bool, 3), late: map[latecomer]bool{}}
	var hubs []*Hub
	for i := range m.up {
		r := &redis{t: t, refuses: map[string]error{}, learns: []string{"b", "c"}}
		if i == 0 {
			r.hub = New(r, func(string) bool { return false })
		} else {
			r.hub = NewBeside(hubs[0], r)
		}
		m.redis, hubs = append(m.redis, r), append(hubs, r.hub)
	}
	m.scatter()
	m.group = NewGroup(m.places(), m.isLate, hubs...)
	m.group.SetFirst(func(string) (First, bool) { return First{}, false })
	m.nats = &groupSession{Listener: NewInterestOnlyListener(0), names: map[resp.Name]int{}, places: map[resp.Name]Places{}}
	m.sessions = append(m.sessions, m.nats)
	return m
}

// scatter chooses other places for all names.
func (m *groupRun) scatter() {
	m.where = map[resp.Name]Places{}
	for _, n := range groupNames {
		if m.where[n] = 1 << m.random.IntN(3); n.Kind == resp.PMessage || m.random.IntN(4) == 0 {
			m.where[n] |= Places(m.random.IntN(8))
		}
	}
	for l := range m.late {
		if !m.where[l.Name].Has(l.place) {
			delete(m.late, l)
		}
	}
	for _, s := range m.sessions {
		for n := range s.places {
			s.places[n] &= m.where[n]
		}
	}
}

func (m *groupRun) places() func(resp.Kind, string) Places {
	where := m.where
	return func(kind resp.Kind, name string) Places { return where[resp.Name{Kind: kind, Text: name}] }
}

// subscribe subscribes to some names that a session does not have, as one command.
func (m *groupRun) subscribe(s *groupSession) {
	kind := resp.Kind(m.random.IntN(2))
	var names []string
	for _, n := range groupNames {
		if _, has := s.names[n]; !has && n.Kind == kind && m.random.IntN(2) == 0 && (s != m.nats || len(names) == 0) {
			names = append(names, n.Text)
		}
	}
	if len(names) == 0 {
		return
	}
	m.commands++
	number, answered := m.commands, false
	for _, name := range names {
		n := resp.Name{Kind: kind, Text: name}
		s.names[n], s.places[n] = number, m.where[n]
	}
	m.open++
	m.group.Subscribe(s.Listener, kind, names, func(refused error) {
		if answered {
			m.t.Fatal("answered twice")
		}
		answered = true
		m.open--
		for _, name := range names {
			switch n := (resp.Name{Kind: kind, Text: name}); {
			case s.names[n] != number:
			case refused != nil:
				delete(s.names, n)
			default:
				m.expectLate(s, n)
			}
		}
	})
}

// unsubscribe ends some subscriptions of a session; all: all of them.
func (m *groupRun) unsubscribe(s *groupSession, all bool) {
	for kind := range resp.Kind(resp.Kinds) {
		var names []string
		for n := range s.names {
			if n.Kind == kind && (all || m.random.IntN(2) == 0) {
				names = append(names, n.Text)
				delete(s.names, n)
				for i := range m.up {
					delete(m.late, latecomer{s, n, i})
				}
			}
		}
		if len(names) > 0 {
			m.open++
			m.group.Unsubscribe(s.Listener, kind, names, func() { m.open-- })
		}
	}
}

func (m *groupRun) step() {
	i := m.random.IntN(len(m.redis))
	r := m.redis[i]
	switch m.random.IntN(12) {
	case 0:
		s := &groupSession{names: map[resp.Name]int{}, places: map[resp.Name]Places{}}
		s.Listener = NewListener(&Outbox{}, func(Reason) { s.ended = true }, nil)
		m.sessions = append(m.sessions, s)
	case 1:
		m.turn(i)
	case 2:
		r.refuses = map[string]error{}
		if m.random.IntN(3) == 0 {
			r.refuses[groupNames[m.random.IntN(len(groupNames))].Text] = errors.New("NOPERM")
		}
	case 3:
		m.scatter()
		m.open++
		m.group.Rearrange(m.places(), func() { m.open-- })
	case 4, 5, 6:
		m.subscribe(m.sessions[m.random.IntN(len(m.sessions))])
	case 7:
		m.unsubscribe(m.sessions[m.random.IntN(len(m.sessions))], false)
	default:
		if m.up[i] {
			r.answer()
		}
	}
	m.hangUp()
}

// turn connects a hub, disconnects it, or has an attempt fail.
func (m *groupRun) turn(i int) {
	tried := m.tried[i]
	switch m.tried[i] = true; {
	case m.up[i]:
		m.up[i] = false
		m.redis[i].lose(notify)
	case !tried && m.random.IntN(2) == 0:
		m.redis[i].hub.Unreachable()
	default:
		m.up[i] = true
		m.redis[i].restore()
	}
}

// hangUp ends the sessions that the hub has disconnected.
func (m *groupRun) hangUp() {
	m.sessions = slices.DeleteFunc(m.sessions, func(s *groupSession) bool {
		if s.ended {
			m.unsubscribe(s, true)
		}
		return s.ended
	})
}

// settle brings all connections back, and has everything answered.
func (m *groupRun) settle() {
	for i, r := range m.redis {
		r.refuses = map[string]error{}
		if !m.up[i] {
			m.up[i], m.tried[i] = true, true
			r.restore()
		}
	}
	for answered := true; answered; {
		answered = false
		for _, r := range m.redis {
			answered = r.answer() || answered
		}
		m.hangUp()
	}
}

// check compares the hubs with what the sessions have.
func (m *groupRun) check() {
	if m.open != 0 {
		m.t.Errorf("%d commands are not answered", m.open)
	}
	m.checkLate()
	for i, r := range m.redis {
		for _, n := range groupNames {
			want := []*Listener{}
			for _, s := range m.sessions {
				if _, has := s.names[n]; has && m.where[n].Has(i) && s != m.nats {
					want = append(want, s.Listener)
				}
			}
			_, nats := m.nats.names[n]
			nats = nats && m.where[n].Has(i) && !m.group.absent[subscription{m.nats.Listener, n.Kind, n.Text, i}]
			m.compare(i, n, r.hub.topics[n.Kind][n.Text], want, nats)
		}
	}
	if len(m.group.pending) > 0 {
		m.t.Errorf("%d are pending", len(m.group.pending))
	}
}

func (m *groupRun) compare(place int, n resp.Name, t *topic, want []*Listener, nats bool) {
	if t == nil {
		t = &topic{}
	}
	same := len(t.listeners) == len(want)
	for _, l := range want {
		same = same && slices.Contains(t.listeners, l)
	}
	wanted := len(want)
	if nats {
		wanted++
	}
	confirmed := t.confirmed || nats && wanted == 1 && t.refused != nil // NATS clients are told in another way
	if !same || int(t.wanted) != wanted || (t.interestOnly != 0) != nats || confirmed != (wanted > 0) {
		m.t.Errorf("hub %d, %v: %d listeners, want %d; nats %v, want %v; %d wanted, confirmed %v",
			place, n, len(t.listeners), len(want), t.interestOnly != 0, nats, t.wanted, t.confirmed)
	}
}

func TestGroupAtRandom(t *testing.T) {
	first := rand.Uint64()
	t.Log("first seed", first)
	for i := range uint64(sequences) {
		m := newGroupRun(t, first+i)
		for range 120 {
			m.step()
		}
		m.settle()
		m.check()
		for _, s := range m.sessions {
			m.unsubscribe(s, true)
		}
		m.settle()
		m.sessions = m.sessions[:1]
		m.check()
		if len(m.group.absent) > 0 {
			t.Errorf("left: %v", m.group.absent)
		}
		if t.Failed() {
			t.Fatal("seed", first+i)
		}
	}
}
