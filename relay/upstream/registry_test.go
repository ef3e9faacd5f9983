package upstream

// The registry against a model of Redis: whatever happens, what is wanted and
// what is held come together.

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"redis-relay/relay/resp"
)

// model is Redis as the registry sees it: it answers commands in order, and
// refuses a command as a whole when it may not subscribe one of its names.
type model struct {
	t       *testing.T
	reg     registry
	denied  map[name]bool
	held    map[name]bool
	wanted  map[name]bool
	refused map[name]bool // told to the registry's owner since the last want
	leaving map[name]bool // of which the owner is to hear that Redis has let go
	inbox   []*command
	partial int // names of inbox[0] that are confirmed
}

func newModel(t *testing.T, denied ...name) *model {
	m := &model{t: t, denied: map[name]bool{}}
	for _, n := range denied {
		m.denied[n] = true
	}
	m.held, m.wanted, m.refused, m.leaving = map[name]bool{}, map[name]bool{}, map[name]bool{}, map[name]bool{}
	return m
}

// want says what is news: the same twice only of a name that was refused.
func (m *model) want(n name, want bool) {
	if m.wanted[n] == want && !(want && m.refused[n]) {
		return
	}
	isHeld := m.reg.want(n, want)
	if m.wanted[n] = want; !want {
		delete(m.wanted, n)
	}
	delete(m.refused, n)
	delete(m.leaving, n)
	if isHeld && !want {
		m.leaving[n] = true
	}
	if want && isHeld && !m.held[n] {
		m.t.Fatalf("%q is said to be held, and Redis does not have it", n.name)
	}
}

// send moves what is queued onto the wire.
func (m *model) send() {
	for list := m.reg.commands(time.Now()); len(list) > 0; list = m.reg.commands(time.Now()) {
		names := 0
		for _, c := range list {
			names += len(c.names)
			m.inbox = append(m.inbox, c)
		}
		if names > batchSize || names == 0 {
			m.t.Fatalf("%d names in one batch of commands", names)
		}
	}
	if m.unanswered() > maxFlying || m.reg.asked != m.unanswered() {
		m.t.Fatalf("%d names fly, the registry counts %d", m.unanswered(), m.reg.asked)
	}
	if len(m.reg.flying) != len(m.inbox) {
		m.t.Fatalf("%d commands fly, Redis has %d to answer", len(m.reg.flying), len(m.inbox))
	}
}

// unanswered counts the names that Redis has still to answer for.
func (m *model) unanswered() (n int) {
	for _, c := range m.inbox {
		n += len(c.names)
	}
	return n - m.partial
}

// answer lets Redis give its next answer. It reports false when there is none.
func (m *model) answer() bool {
	if len(m.inbox) == 0 {
		return false
	}
	c := m.inbox[0]
	if m.partial == 0 && c.subscribe && slices.ContainsFunc(c.names, func(s string) bool { return m.denied[name{c.kind, s}] }) {
		m.inbox = m.inbox[1:]
		m.refuse(c)
		return true
	}
	n := name{c.kind, c.names[m.partial]}
	if m.partial++; m.partial == len(c.names) {
		m.inbox, m.partial = m.inbox[1:], 0
	}
	if m.held[n] = c.subscribe; !c.subscribe {
		delete(m.held, n)
		delete(m.leaving, n)
	}
	got, wanted, err := m.reg.confirm(c.kind, c.subscribe, n.name)
	if err != nil || got != n || wanted != m.wanted[n] {
		m.t.Fatalf("confirm %q: got %q, wanted %v, %v", n.name, got.name, wanted, err)
	}
	return true
}

func (m *model) refuse(c *command) {
	n, known, gone, err := m.reg.refuse()
	if err != nil || known != (len(c.names) == 1) {
		m.t.Fatalf("refuse %d names: got %q, %v, %v", len(c.names), n.name, known, err)
	}
	if known {
		if n.name != c.names[0] || !m.denied[n] {
			m.t.Fatalf("%q is said to be refused, Redis refused %q", n.name, c.names[0])
		}
		m.refused[n] = true
		gone = append(gone, n)
	}
	for _, n := range gone {
		delete(m.leaving, n)
	}
}

// lose ends the life.
func (m *model) lose() {
	for n := range m.held {
		if m.wanted[n] {
			m.reg.want(n, true)
		}
	}
	clear(m.held)
	clear(m.leaving)
	m.inbox, m.partial = nil, 0
	m.reg.reset()
}

// settle lets everything be said and answered.
func (m *model) settle() {
	for range 1_000_000 {
		m.send()
		if !m.answer() && len(m.reg.queue) == 0 {
			return
		}
	}
	m.t.Fatal("it never comes to rest")
}

// check compares both sides after settle.
func (m *model) check() {
	m.t.Helper()
	if !m.reg.settled() {
		m.t.Fatal("not settled")
	}
	for n := range m.wanted {
		if m.denied[n] == m.held[n] {
			m.t.Errorf("%q is wanted: held %v, denied %v", n.name, m.held[n], m.denied[n])
		}
		if m.denied[n] && !m.refused[n] {
			m.t.Errorf("%q is denied, and nobody was told", n.name)
		}
		if got := m.reg.holds(n); got != m.held[n] {
			m.t.Errorf("%q: held %v on Redis, %v here", n.name, m.held[n], got)
		}
	}
	for n := range m.held {
		if !m.wanted[n] {
			m.t.Errorf("%q is held, and nobody wants it", n.name)
		}
	}
	for n := range m.leaving {
		m.t.Errorf("%q is not held, and nobody was told", n.name)
	}
	left := 0
	for _, names := range m.reg.names {
		left += len(names)
	}
	denied := len(m.wanted) - len(m.held)
	if left != denied {
		m.t.Errorf("%d names are remembered, %d are wanted and not held", left, denied)
	}
	if count, example := m.reg.missing(); count != denied || count > 0 && !m.denied[example] {
		m.t.Errorf("%d are missing, %q among them; %d are denied", count, example.name, denied)
	}
}

// TestRegistryConverges drives it at random; the seed of a failure is its name.
func TestRegistryConverges(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			names := make([]name, 1+rng.IntN(40))
			for i := range names {
				names[i] = name{resp.Kind(rng.IntN(resp.Kinds)), fmt.Sprint("c", i)}
			}
			m := newModel(t)
			if seed%2 == 0 {
				for _, n := range names[:len(names)/4] {
					m.denied[n] = true
				}
			}
			for range 400 {
				switch x := rng.IntN(100); {
				case x < 50:
					m.want(names[rng.IntN(len(names))], rng.IntN(2) == 0)
				case x < 65:
					m.send()
				case x < 99:
					m.answer()
				default:
					m.lose()
				}
			}
			m.settle()
			m.check()
			for n := range maps.Clone(m.wanted) {
				m.want(n, false)
			}
			m.settle()
			m.check()
		})
	}
}

// TestRegistryBatches: many names are few commands, of which few fly at a time.
func TestRegistryBatches(t *testing.T) {
	m := newModel(t)
	for i := range 1702 {
		m.want(name{resp.Message, fmt.Sprint("c", i)}, true)
	}
	m.want(name{resp.PMessage, "p*"}, true)
	m.send()
	m.wantFlying("[500 500]")
	for range batchSize - 1 {
		m.answer()
	}
	m.send()
	m.wantFlying("[500 500]") // and not a command for each answer
	m.answer()
	m.send()
	m.wantFlying("[500 500]")
	for range batchSize {
		m.answer()
	}
	m.send()
	m.wantFlying("[1 202 500]")
	m.settle()
	m.check()
}

// wantFlying compares how many names the commands under way have.
func (m *model) wantFlying(want string) {
	m.t.Helper()
	sizes := []int{}
	for _, c := range m.inbox {
		sizes = append(sizes, len(c.names))
	}
	slices.Sort(sizes)
	if got := fmt.Sprint(sizes); got != want {
		m.t.Errorf("commands of %s names are under way, want %s", got, want)
	}
}

// TestRegistryFindsTheRefusedName of a batch, and the others get through.
func TestRegistryFindsTheRefusedName(t *testing.T) {
	bad := name{resp.Message, "c777"}
	m := newModel(t, bad)
	for i := range 1000 {
		m.want(name{resp.Message, fmt.Sprint("c", i)}, true)
	}
	m.settle()
	m.check()
	if len(m.held) != 999 || len(m.refused) != 1 || !m.refused[bad] {
		t.Errorf("%d are held, refused %v", len(m.held), m.refused)
	}
	// It is asked for again when it is wanted again, and in the next life.
	delete(m.denied, bad)
	m.lose()
	m.settle()
	m.check()
	if !m.held[bad] {
		t.Error("not asked for again in the next life")
	}
}

func TestRegistryAsksARefusedNameAgain(t *testing.T) {
	n := name{resp.Message, "a"}
	m := newModel(t, n)
	m.want(n, true)
	m.settle()
	if !m.refused[n] {
		t.Fatal("not refused")
	}
	delete(m.denied, n)
	m.want(n, false)
	m.want(n, true)
	m.settle()
	m.check()
}

// TestRegistryForgetsARefusedName that nobody wants any more.
func TestRegistryForgetsARefusedName(t *testing.T) {
	n := name{resp.Message, "a"}
	m := newModel(t, n)
	m.want(n, true)
	m.send()
	m.want(n, false)
	m.settle()
	m.check()
}

// TestRegistryTellsOfTheRestOfARefusedBatch that nobody wants any more: it is not asked
// for again, and who left waits for it.
func TestRegistryTellsOfTheRestOfARefusedBatch(t *testing.T) {
	bad, good := name{resp.Message, "bad"}, name{resp.Message, "good"}
	m := newModel(t, bad)
	for _, want := range []bool{true, false} {
		m.want(bad, want)
		m.want(good, want)
		m.send()
	}
	m.settle()
	m.check()
}

// TestRegistryUnsubscribeRefused: a user without the right to UNSUBSCRIBE keeps
// the name, but never loses one that is wanted again.
func TestRegistryUnsubscribeRefused(t *testing.T) {
	n := name{resp.Message, "a"}
	m := newModel(t)
	m.want(n, true)
	m.settle()
	m.want(n, false)
	m.send()
	m.want(n, true)
	m.inbox = nil
	if got, known, gone, err := m.reg.refuse(); known || len(gone) > 0 || err != nil {
		t.Errorf("a refused UNSUBSCRIBE: got %q, %v, %v, %v", got.name, known, gone, err)
	}
	m.settle()
	m.check()
}

func TestRegistryOutOfStep(t *testing.T) {
	var r registry
	begin := func(names ...string) {
		r = registry{}
		for _, n := range names {
			r.want(name{resp.Message, n}, true)
		}
		r.commands(time.Now())
	}
	cases := []struct {
		name string
		do   func() error
	}{
		{"confirmation of nothing", func() error {
			begin()
			_, _, err := r.confirm(resp.Message, true, "a")
			return err
		}},
		{"another name", func() error {
			begin("a")
			_, _, err := r.confirm(resp.Message, true, "b")
			return err
		}},
		{"another order", func() error {
			begin("a", "b")
			_, _, err := r.confirm(resp.Message, true, "b")
			return err
		}},
		{"another kind", func() error {
			begin("a")
			_, _, err := r.confirm(resp.PMessage, true, "a")
			return err
		}},
		{"the opposite", func() error {
			begin("a")
			_, _, err := r.confirm(resp.Message, false, "a")
			return err
		}},
		{"twice", func() error {
			begin("a")
			_, _, first := r.confirm(resp.Message, true, "a")
			_, _, err := r.confirm(resp.Message, true, "a")
			if first != nil {
				return nil
			}
			return err
		}},
		{"error to nothing", func() error {
			begin()
			_, _, _, err := r.refuse()
			return err
		}},
	}
	for _, c := range cases {
		if err := c.do(); !errors.Is(err, errOutOfStep) {
			t.Errorf("%s: got %v, want errOutOfStep", c.name, err)
		}
	}
}

// While Redis is away nothing is sent. Whoever comes and goes meanwhile leaves nothing
// behind, and who stays is not forgotten.
func TestNamesThatComeAndGoWithoutAConnection(t *testing.T) {
	m := newModel(t)
	stays := name{resp.Message, "stays"}
	m.want(stays, true)
	for i := range 100_000 {
		n := name{resp.Message, fmt.Sprint("n", i)}
		m.want(n, true)
		m.want(n, false)
		if i%10 == 0 { // one that comes back
			m.want(n, true)
			m.want(n, false)
		}
	}
	open := 0
	for kind := range m.reg.names {
		open += len(m.reg.names[kind])
	}
	if len(m.reg.queue) > 3000 || cap(m.reg.queue) > 8000 || open != 1 {
		t.Errorf("%d names are queued, in room for %d, and %d are open", len(m.reg.queue), cap(m.reg.queue), open)
	}
	m.send()
	for m.answer() {
	}
	if !m.held[stays] || len(m.held) != 1 {
		t.Errorf("Redis holds %v", m.held)
	}
}
