package checks

// The pool of checks by itself: checks are gates that the tests open.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/loop"
	"redis-relay/relay/monitor"
	"redis-relay/relay/policy"
	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// gates is a checker that decides nothing at once. A payload "wait…" passes when the gates
// are opened, "bad…" is refused, all others pass.
type gates struct {
	open   chan struct{} // closed by unlock
	opened atomic.Bool
	made   atomic.Int64 // checks begun
	stand  atomic.Int64 // checks that came to the gates, ever
	inner  func()       // called in each check; nil: nothing

	stopped atomic.Pointer[func() bool] // of the last check
}

var errBad = errors.New("bad")

func newGates() *gates { return &gates{open: make(chan struct{})} }

// unlock opens the gates.
func (g *gates) unlock() {
	g.opened.Store(true)
	close(g.open)
}

// shut is how many checks wait until the gates are opened.
func (g *gates) shut() int {
	if g.opened.Load() {
		return 0
	}
	return int(g.stand.Load())
}

func (g *gates) Scan(payload []byte) (kind, key []byte, decided bool, err error) {
	return payload[:1], nil, false, nil
}

func (g *gates) Brief([]byte) (decided bool, err error) { return false, nil }

func (g *gates) Validate(payload []byte, stopped func() bool) error {
	g.stopped.Store(&stopped)
	g.made.Add(1)
	if g.inner != nil {
		g.inner()
	}
	switch {
	case strings.HasPrefix(string(payload), "wait"):
		g.stand.Add(1)
		<-g.open
	case strings.HasPrefix(string(payload), "bad"):
		return errBad
	}
	return nil
}

// poolScene is a pool on a loop, whose messages end in a list.
type poolScene struct {
	t        *testing.T
	pool     *Pool
	gates    *gates
	rules    *policy.Rules
	route    *route.Route
	counters *monitor.Route
	last     policy.LastMessage
	check    *Check       // owned by the loop
	memory   atomic.Int64 // what the pool may hold
	end      func()       // ends the pool, and waits for that; the loop goes on
	heard    []string     // owned by the loop: "kind channel payload", and "!" if it was refused; "n lost channel"
}

// newPoolScene returns a scene that ends with the test, whose gates are opened then at the latest.
func newPoolScene(t *testing.T, parallel int) *poolScene {
	t.Helper()
	g := newGates()
	cfg := config.Default()
	cfg.Limits.Payload = maxWaiting * 2
	rules, err := policy.New(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &poolScene{t: t, gates: g, rules: rules, route: &route.Route{Checker: g, Subscribe: true}}
	s.memory.Store(maxWaiting)
	s.counters = monitor.New("").Route("x")
	exams := NewExaminations(new(atomic.Int64))
	exams.room.Store(math.MaxInt64)
	l := runLoop(t)
	s.pool = New(l, s.hear, s.lose, exams, &s.memory)
	s.pool.parallel = parallel
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.pool.Run(ctx)
	}()
	s.end = func() {
		cancel()
		<-done
	}
	t.Cleanup(func() {
		if !g.opened.Load() {
			g.unlock()
		}
		s.end()
	})
	return s
}

// runLoop returns a loop that runs until the test ends.
func runLoop(t *testing.T) *loop.Loop {
	t.Helper()
	l, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

// inLoop has the loop do f, and returns when that is done.
func (s *poolScene) inLoop(f func()) {
	s.t.Helper()
	if !s.pool.loop.Call(f) {
		s.t.Fatal("the loop has ended")
	}
}

// settle waits until all is done that can be done without opening the gates.
func (s *poolScene) settle() {
	s.t.Helper()
	redistest.Eventually(s.t, redistest.DefaultTimeout, "the checks have come to the gates", func() (settled bool) {
		s.inLoop(func() {
			p := s.pool
			settled = p.active == s.gates.shut() && (p.active == p.parallel || len(p.todo) == 0)
		})
		return settled
	})
}

// empty expects that the pool holds nothing.
func (s *poolScene) empty() {
	s.t.Helper()
	s.inLoop(func() {
		if p := s.pool; p.bytes != 0 || len(p.queues) != 0 || p.active != 0 {
			s.t.Errorf("%d bytes, %d queues, %d checks are left", p.bytes, len(p.queues), p.active)
		}
	})
}

func (s *poolScene) hear(m *Message) {
	line := fmt.Sprintf("%s %s %s", m.Kind, m.Channel, m.Payload)
	if m.check.Invalid != nil {
		line += "!"
	}
	s.heard = append(s.heard, line)
}

func (s *poolScene) lose(l *Loss) {
	s.heard = append(s.heard, fmt.Sprintf("%d lost %s", l.Messages, l.Channel))
}

// take returns all that was handed on since it was asked last.
func (s *poolScene) take() (heard []string) {
	s.t.Helper()
	s.inLoop(func() { heard, s.heard = s.heard, nil })
	return heard
}

// says expects all that was handed on since it was asked last.
func (s *poolScene) says(want ...string) {
	s.t.Helper()
	if heard := s.take(); !slices.Equal(heard, want) {
		s.t.Errorf("got %q, want %q", heard, want)
	}
}

// delivery is a message as the tap hands it on.
func delivery(kind resp.Kind, channel, payload string) *resp.Delivery {
	args := [][]byte{[]byte(channel), []byte(payload)}
	if kind == resp.PMessage {
		args = append([][]byte{[]byte("*")}, args...)
	}
	d := new(resp.Delivery)
	if tok, _, err := resp.ScanServer(resp.AppendMessage(nil, resp.RESP2, kind.String(), args...), d); tok != resp.IsDelivery {
		panic(err)
	}
	return d
}

// comes adds a message that must be checked.
func (s *poolScene) comes(kind resp.Kind, channel, payload string) {
	s.t.Helper()
	s.inLoop(func() {
		d := delivery(kind, channel, payload)
		v, isCopy := s.last.Judge(s.rules, s.route, d)
		if !isCopy {
			s.check = NewCheck(v)
		}
		s.pool.Add(s.route, s.counters, d, s.check, isCopy)
	})
}

// follows adds a message that was judged at once, if it must wait for another.
func (s *poolScene) follows(channel, payload string) (held bool) {
	s.t.Helper()
	s.inLoop(func() {
		if held = s.pool.HasWaiting([]byte(channel)); held {
			s.pool.Add(s.route, s.counters, delivery(resp.Message, channel, payload), NewCheck(&policy.Verdict{}), false)
		}
	})
	return held
}

func TestSlowCheckHoldsItsOwnChannel(t *testing.T) {
	s := newPoolScene(t, 2)
	s.comes(resp.Message, "a", "wait")
	s.comes(resp.Message, "a", "bad")
	s.comes(resp.SMessage, "a", "x")
	if !s.follows("a", "y") {
		t.Error("a message overtakes one of its channel")
	}
	s.comes(resp.Message, "b", "x")
	s.settle()
	s.says("message b x")
	if s.follows("b", "y") || s.follows("c", "y") {
		t.Error("a channel without a queue is held")
	}
	s.gates.unlock()
	s.settle()
	s.says("message a wait", "message a bad!", "smessage a x", "message a y")
	if s.follows("a", "y") {
		t.Error("a channel is held when its messages are gone")
	}
	s.empty()
}

// TestBarrierOfThePool passes what is held when it is asked, and waits for nothing that
// comes later.
func TestBarrierOfThePool(t *testing.T) {
	s := newPoolScene(t, 2)
	var passed bool
	var before []string // heard before the barrier was passed
	barrier := func() {
		s.inLoop(func() {
			passed = false
			s.pool.Barrier(func() { passed, before = true, slices.Clone(s.heard) })
		})
	}
	hasPassed := func() (yes bool) {
		s.inLoop(func() { yes = passed })
		return yes
	}
	barrier()
	if !hasPassed() {
		t.Error("an empty pool is waited for")
	}
	s.comes(resp.Message, "a", "wait")
	s.comes(resp.Message, "b", "wait")
	s.comes(resp.Message, "a", "x")
	barrier()
	s.follows("a", "y")
	s.follows("b", "y")
	s.settle()
	if hasPassed() {
		t.Error("passed while messages are held")
	}
	s.gates.unlock()
	s.settle()
	if !hasPassed() {
		t.Error("not passed, and nothing is held")
	}
	for _, m := range []string{"message a wait", "message a x", "message b wait"} {
		if !slices.Contains(before, m) {
			t.Errorf("passed by %q, which is held; heard are %q", m, before)
		}
	}
	s.empty()
}

// TestCopiesShareACheck has a message come by its channel and by two patterns,
// before and after it is judged.
func TestCopiesShareACheck(t *testing.T) {
	s := newPoolScene(t, 2)
	s.comes(resp.Message, "a", "wait")
	s.comes(resp.PMessage, "a", "wait")
	s.settle()
	s.gates.unlock()
	s.settle()
	s.comes(resp.PMessage, "a", "wait")
	s.settle()
	s.says("message a wait", "pmessage a wait", "pmessage a wait")
	if n := s.gates.made.Load(); n != 1 {
		t.Errorf("%d checks, want 1", n)
	}
	s.comes(resp.Message, "a", "wait") // the same bytes, and another message
	s.settle()
	if n := s.gates.made.Load(); n != 2 {
		t.Errorf("%d checks, want 2", n)
	}
}

func TestChecksRunInParallel(t *testing.T) {
	s := newPoolScene(t, 3)
	for range 5 {
		s.comes(resp.Message, "a", "wait")
	}
	s.settle()
	if n := s.gates.made.Load(); n != 3 {
		t.Errorf("%d checks at once, want 3", n)
	}
	s.gates.unlock()
	s.settle()
	if n := s.gates.made.Load(); n != 5 {
		t.Errorf("%d checks, want 5", n)
	}
}

// TestFullPoolLosesInOrder fills half the room with one channel, and then the rest.
// What is lost is told in its place among the messages of its channel.
func TestFullPoolLosesInOrder(t *testing.T) {
	s := newPoolScene(t, 1)
	third := strings.Repeat("x", maxWaiting/3)
	s.comes(resp.Message, "a", "wait")
	s.comes(resp.Message, "a", third)
	s.comes(resp.Message, "a", third+"y")
	s.comes(resp.PMessage, "a", third+"y") // a copy counts once
	s.comes(resp.Message, "a", third+"z")
	s.comes(resp.Message, "a", "x")
	s.comes(resp.Message, "a", third)
	s.comes(resp.Message, "b", third)
	s.comes(resp.Message, "c", third) // there is no room for its first
	s.comes(resp.Message, "c", "x")
	s.settle()
	s.says("1 lost c")
	s.gates.unlock()
	s.settle()
	var a, others []string
	for _, line := range s.take() {
		line = line[:min(len(line), 20)]
		if strings.Contains(line, " a") {
			a = append(a, line)
		} else {
			others = append(others, line)
		}
	}
	x := strings.Repeat("x", 10)
	if want := []string{"message a wait", "message a " + x, "2 lost a", "message a x", "1 lost a"}; !slices.Equal(a, want) {
		t.Errorf("of a: %q, want %q", a, want)
	}
	if want := []string{"message b " + x, "message c x"}; !slices.Equal(others, want) {
		t.Errorf("of others: %q, want %q", others, want)
	}
	s.empty()
}

// TestBound has the pool take what fits, and not a message more; and one that is alone,
// however large.
func TestBound(t *testing.T) {
	t.Run("its own", func(t *testing.T) { testBound(t, 1<<40, maxWaiting) })
	t.Run("less room", func(t *testing.T) { testBound(t, 4<<20, 4<<20) })
}

func testBound(t *testing.T, memory, bound int) {
	s := newPoolScene(t, 1)
	s.memory.Store(int64(memory))
	payload := "wait" + strings.Repeat("x", 100<<10)
	for i := range 2 * bound / len(payload) {
		s.comes(resp.Message, fmt.Sprint(i%4), payload)
	}
	s.inLoop(func() {
		if held := s.pool.bytes; held > bound || held < bound*9/10 {
			t.Errorf("%d bytes are held, want up to %d", held, bound)
		}
	})
	s.gates.unlock()
	s.settle()
	s.take()
	s.comes(resp.Message, "a", strings.Repeat("x", bound))
	s.settle()
	if heard := s.take(); len(heard) != 1 || !strings.HasPrefix(heard[0], "message") {
		t.Errorf("one alone is not taken: %.40q", heard)
	}
}

// TestEndWhileBusy ends the pool while a check is made.
func TestEndWhileBusy(t *testing.T) {
	s := newPoolScene(t, 1)
	s.comes(resp.Message, "a", "wait")
	s.comes(resp.Message, "a", "x")
	s.settle()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.end()
	}()
	redistest.Eventually(t, redistest.DefaultTimeout, "the check is told to stop", func() bool {
		return (*s.gates.stopped.Load())()
	})
	select {
	case <-ended:
		t.Error("the pool ended before its worker")
	default:
	}
	s.gates.unlock()
	<-ended
	s.comes(resp.Message, "a", "x") // changes nothing any more
	s.inLoop(func() {
		if s.pool.active != 0 {
			t.Errorf("%d checks after the end", s.pool.active)
		}
	})
	if made := s.gates.made.Load(); made != 1 {
		t.Errorf("%d checks were made, want 1", made)
	}
}

// TestPoolKeepsOrder adds messages of many channels, of which some are judged
// already, and lets the checks take turns at random.
func TestPoolKeepsOrder(t *testing.T) {
	const channels, messages = 7, 3000
	s := newPoolScene(t, 4)
	s.gates.inner = func() {
		for range rand.IntN(4) {
			runtime.Gosched()
		}
	}
	want, got := map[string][]string{}, map[string][]string{} // got is owned by the loop
	note := func(list map[string][]string, channel, payload string) {
		list[channel] = append(list[channel], payload)
	}
	s.inLoop(func() {
		s.pool.dispatch = func(m *Message) { note(got, string(m.Channel), string(m.Payload)) }
	})
	for i := range messages {
		channel, payload := fmt.Sprint(rand.IntN(channels)), fmt.Sprint(i)
		note(want, channel, payload)
		if i%3 > 0 {
			s.comes(resp.Message, channel, payload)
		} else if !s.follows(channel, payload) {
			s.inLoop(func() { note(got, channel, payload) })
		}
	}
	s.settle()
	s.empty()
	for channel := range want {
		if !slices.Equal(got[channel], want[channel]) {
			t.Errorf("channel %s: got %v, want %v", channel, got[channel], want[channel])
		}
	}
}
