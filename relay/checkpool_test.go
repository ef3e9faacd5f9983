package relay

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
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"redis-relay/relay/monitor"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// gates is a checker that decides nothing at once. A payload "wait…" passes when
// open is closed, "bad…" is refused, all others pass.
type gates struct {
	open  chan struct{}
	made  atomic.Int64 // checks begun
	inner func()       // called in each check; nil: nothing

	stopped atomic.Pointer[func() bool] // of the last check
}

var errBad = errors.New("bad")

func newGates() *gates { return &gates{open: make(chan struct{})} }

func (g *gates) Scan(payload []byte) (kind, key []byte, decided bool, err error) {
	return payload[:1], nil, false, nil
}

func (g *gates) Brief([]byte) (decided bool, err error) { return false, nil }

func (g *gates) Validate(payload []byte, stopped func() bool) error {
	g.made.Add(1)
	g.stopped.Store(&stopped)
	if g.inner != nil {
		g.inner()
	}
	switch {
	case strings.HasPrefix(string(payload), "wait"):
		<-g.open
	case strings.HasPrefix(string(payload), "bad"):
		return errBad
	}
	return nil
}

// poolScene is a pool whose messages end in a list. Its methods that add are for
// one goroutine.
type poolScene struct {
	*checkPool
	gates    *gates
	route    *route.Route
	counters *monitor.Route
	newest   newest
	memory   atomic.Int64 // what the pool may hold
	flushes  atomic.Int64
	end      func() // and wait for it

	mu    sync.Mutex
	heard []string // guarded by mu: "kind channel payload", and "!" if it was refused; "n lost channel"
}

func newPoolScene(parallel int) *poolScene {
	g := newGates()
	s := &poolScene{gates: g, route: &route.Route{Checker: g}}
	s.memory.Store(maxHeld)
	s.counters = monitor.New("").Route("x")
	exams := newExaminations(new(atomic.Int64))
	exams.room.Store(math.MaxInt64)
	s.checkPool = newCheckPool(s.hear, s.lose, func() { s.flushes.Add(1) }, exams, &s.memory)
	s.parallel = parallel
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.run(ctx)
	}()
	s.end = func() {
		cancel()
		<-done
	}
	return s
}

func (s *poolScene) hear(m *heldMessage) {
	line := fmt.Sprintf("%s %s %s", m.Kind, m.Channel, m.Payload)
	if m.check.err != nil {
		line += "!"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, line)
}

func (s *poolScene) lose(l *loss) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, fmt.Sprintf("%d lost %s", l.messages, l.channel))
}

// says expects all that was handed on since it was asked last.
func (s *poolScene) says(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.heard, want) {
		t.Errorf("got %q, want %q", s.heard, want)
	}
	s.heard = nil
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
	d := delivery(kind, channel, payload)
	isCopy := s.newest.isCopy(s.route, d)
	if !isCopy {
		s.newest.begin(s.route, d, judgement{open: newCheck(judgement{})})
	}
	s.add(s.route, s.counters, d, s.newest.open, isCopy)
}

// follows adds a message that was judged at once, if it must wait for another.
func (s *poolScene) follows(channel, payload string) (held bool) {
	if s.holds([]byte(channel)) {
		s.add(s.route, s.counters, delivery(resp.Message, channel, payload), madeCheck(judgement{}), false)
		return true
	}
	return false
}

func TestSlowCheckHoldsItsOwnChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPoolScene(2)
		defer s.end()
		s.comes(resp.Message, "a", "wait")
		s.comes(resp.Message, "a", "bad")
		s.comes(resp.SMessage, "a", "x")
		if !s.follows("a", "y") {
			t.Error("a message overtakes one of its channel")
		}
		s.comes(resp.Message, "b", "x")
		synctest.Wait()
		s.says(t, "message b x")
		if s.follows("b", "y") || s.follows("c", "y") {
			t.Error("a channel without a queue is held")
		}
		close(s.gates.open)
		synctest.Wait()
		s.says(t, "message a wait", "message a bad!", "smessage a x", "message a y")
		if s.follows("a", "y") {
			t.Error("a channel is held when its messages are gone")
		}
		if s.flushes.Load() == 0 {
			t.Error("nothing was flushed")
		}
		if s.bytes != 0 || len(s.queues) != 0 || s.active != 0 {
			t.Errorf("%d bytes, %d queues, %d workers are left", s.bytes, len(s.queues), s.active)
		}
	})
}

// TestBarrierOfThePool passes what is held when it is asked, and waits for nothing that
// comes later.
func TestBarrierOfThePool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPoolScene(2)
		defer s.end()
		passed := false
		s.barrier(func() { passed = true })
		if !passed {
			t.Error("an empty pool is waited for")
		}
		passed = false
		s.comes(resp.Message, "a", "wait")
		s.comes(resp.Message, "b", "wait")
		s.comes(resp.Message, "a", "x")
		s.barrier(func() {
			passed = true
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, m := range []string{"message a wait", "message a x", "message b wait"} {
				if !slices.Contains(s.heard, m) {
					t.Errorf("passed by %q, which is held; heard are %q", m, s.heard)
				}
			}
		})
		s.follows("a", "y")
		s.follows("b", "y")
		synctest.Wait()
		if passed {
			t.Error("passed while messages are held")
		}
		close(s.gates.open)
		synctest.Wait()
		if !passed {
			t.Error("not passed, and nothing is held")
		}
		if s.bytes != 0 || len(s.queues) != 0 {
			t.Errorf("%d bytes, %d queues are left", s.bytes, len(s.queues))
		}
	})
}

// TestCopiesShareACheck has a message come by its channel and by two patterns,
// before and after it is judged.
func TestCopiesShareACheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPoolScene(2)
		defer s.end()
		s.comes(resp.Message, "a", "wait")
		s.comes(resp.PMessage, "a", "wait")
		synctest.Wait()
		close(s.gates.open)
		synctest.Wait()
		s.comes(resp.PMessage, "a", "wait")
		synctest.Wait()
		s.says(t, "message a wait", "pmessage a wait", "pmessage a wait")
		if n := s.gates.made.Load(); n != 1 {
			t.Errorf("%d checks, want 1", n)
		}
		s.comes(resp.Message, "a", "wait") // the same bytes, and another message
		synctest.Wait()
		if n := s.gates.made.Load(); n != 2 {
			t.Errorf("%d checks, want 2", n)
		}
	})
}

func TestChecksRunInParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPoolScene(3)
		defer s.end()
		for range 5 {
			s.comes(resp.Message, "a", "wait")
		}
		synctest.Wait()
		if n := s.gates.made.Load(); n != 3 {
			t.Errorf("%d checks at once, want 3", n)
		}
		close(s.gates.open)
	})
}

// TestFullPoolLosesInOrder fills half the room with one channel, and then the rest.
// What is lost is told in its place among the messages of its channel.
func TestFullPoolLosesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPoolScene(1)
		defer s.end()
		third := strings.Repeat("x", maxHeld/3)
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
		synctest.Wait()
		s.says(t, "1 lost c")
		close(s.gates.open)
		synctest.Wait()
		s.mu.Lock()
		var a, others []string
		for _, line := range s.heard {
			line = line[:min(len(line), 20)]
			if strings.Contains(line, " a") {
				a = append(a, line)
			} else {
				others = append(others, line)
			}
		}
		s.mu.Unlock()
		x := strings.Repeat("x", 10)
		if want := []string{"message a wait", "message a " + x, "2 lost a", "message a x", "1 lost a"}; !slices.Equal(a, want) {
			t.Errorf("of a: %q, want %q", a, want)
		}
		if want := []string{"message b " + x, "message c x"}; !slices.Equal(others, want) {
			t.Errorf("of others: %q, want %q", others, want)
		}
		if s.bytes != 0 || len(s.queues) != 0 {
			t.Errorf("%d bytes, %d queues are left", s.bytes, len(s.queues))
		}
	})
}

// TestBound has the pool take what fits, and not a message more; and one that is alone,
// however large.
func TestBound(t *testing.T) {
	t.Run("its own", func(t *testing.T) { testBound(t, 1<<40, maxHeld) })
	t.Run("less room", func(t *testing.T) { testBound(t, 4<<20, 4<<20) })
}

func testBound(t *testing.T, memory, bound int) {
	synctest.Test(t, func(t *testing.T) {
		s := newPoolScene(1)
		defer s.end()
		s.memory.Store(int64(memory))
		payload := "wait" + strings.Repeat("x", 100<<10)
		for i := range 2 * bound / len(payload) {
			s.comes(resp.Message, fmt.Sprint(i%4), payload)
		}
		if s.bytes > bound || s.bytes < bound*9/10 {
			t.Errorf("%d bytes are held, want up to %d", s.bytes, bound)
		}
		close(s.gates.open)
		synctest.Wait()
		s.heard = nil
		s.comes(resp.Message, "a", strings.Repeat("x", bound))
		synctest.Wait()
		if len(s.heard) != 1 || !strings.HasPrefix(s.heard[0], "message") {
			t.Errorf("one alone is not taken: %.40q", s.heard)
		}
	})
}

// TestEndWhileBusy ends the pool while a check is made.
func TestEndWhileBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newPoolScene(1)
		s.comes(resp.Message, "a", "wait")
		s.comes(resp.Message, "a", "x")
		synctest.Wait()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.end()
		}()
		synctest.Wait()
		select {
		case <-ended:
			t.Error("the pool ended before its worker")
		default:
		}
		if !(*s.gates.stopped.Load())() {
			t.Error("the check is not told to stop")
		}
		close(s.gates.open)
		<-ended
		s.comes(resp.Message, "a", "x") // changes nothing any more
		if s.active != 0 {
			t.Errorf("%d workers after the end", s.active)
		}
	})
}

// TestPoolKeepsOrder adds messages of many channels, of which some are judged
// already, and lets the checks take turns at random.
func TestPoolKeepsOrder(t *testing.T) {
	const channels, messages = 7, 3000
	s := newPoolScene(4)
	s.gates.inner = func() {
		for range rand.IntN(4) {
			runtime.Gosched()
		}
	}
	want := map[string][]string{}
	got := map[string][]string{}
	note := func(list map[string][]string, channel, payload string) {
		list[channel] = append(list[channel], payload)
	}
	var hand sync.Mutex
	busy := map[string]*atomic.Int32{}
	for c := range channels {
		busy[fmt.Sprint(c)] = new(atomic.Int32)
	}
	s.handOn = func(m *heldMessage) {
		channel := string(m.Channel)
		if busy[channel].Add(1) != 1 {
			t.Errorf("two at a time on channel %s", channel)
		}
		hand.Lock()
		note(got, channel, string(m.Payload))
		hand.Unlock()
		busy[channel].Add(-1)
	}
	for i := range messages {
		channel, payload := fmt.Sprint(rand.IntN(channels)), fmt.Sprint(i)
		note(want, channel, payload)
		if i%3 > 0 {
			s.comes(resp.Message, channel, payload)
		} else if !s.follows(channel, payload) {
			hand.Lock()
			note(got, channel, payload)
			hand.Unlock()
		}
	}
	for s.channels.Load() > 0 {
		runtime.Gosched()
	}
	s.end()
	for channel := range want {
		if !slices.Equal(got[channel], want[channel]) {
			t.Errorf("channel %s: got %v, want %v", channel, got[channel], want[channel])
		}
	}
}
