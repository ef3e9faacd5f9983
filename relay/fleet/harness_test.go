package fleet

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

// TestMain has relays wait longer for each other: on a busy machine this one may stand still for a while.
func TestMain(m *testing.M) {
	Patience = 2 * time.Second
	m.Run()
}

// sea is a Redis with a fleet on it. All of it belongs to one loop.
type sea struct {
	t         *testing.T
	loop      *loop.Loop
	ships     []*ship
	plain     int64 // subscribers of every name that are no relays
	delay     time.Duration
	questions []int // how many names each had
}

// ship is a relay with as many listeners to every name. What it sends arrives in order, and so does
// what comes back, each after the sea's delay.
type ship struct {
	sea       *sea
	fleet     *Fleet
	listeners int64
	asked     bool  // it has sent a SUBSCRIBE
	counted   bool  // Redis has it
	held      bool  // it knows
	away      bool  // there is no connection
	deaf      bool  // subscribed, and answers nothing
	absent    bool  // not subscribed
	refused   error // what Redis answers to scripts
	up, down  []func()
}

// atSea runs a loop for a sea.
func atSea(t *testing.T) *sea {
	t.Helper()
	l, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return &sea{t: t, loop: l}
}

// do runs f in the loop.
func (s *sea) do(f func()) {
	s.t.Helper()
	if !s.loop.Call(f) {
		s.t.Fatal("the loop has ended")
	}
}

// launch adds a relay. Only in the loop.
func (s *sea) launch(listeners int64) *ship {
	p := &ship{sea: s}
	p.fleet = New(p, Shares{
		Asking:    func(resp.Kind, []byte) int64 { return p.listeners - number(p.asked) },
		Answering: func(resp.Kind, []byte) int64 { return p.listeners - number(p.held) },
	}, "", fmt.Sprint(len(s.ships)), plenty(), s.loop, zap.NewNop())
	s.ships = append(s.ships, p)
	p.listen(listeners)
	return p
}

func number(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

// listen changes the number of listeners.
func (p *ship) listen(n int64) {
	p.listeners = n
	want := n > 0
	if want == p.asked {
		return
	}
	p.asked = want
	p.send(func() {
		p.counted = want
		p.receive(func() { p.held = want })
	})
}

// send has Redis carry something out, behind all that was sent before.
func (p *ship) send(f func()) { p.sea.queue(&p.up, f) }

// receive has the relay hear something, behind all that it was sent before.
func (p *ship) receive(f func()) { p.sea.queue(&p.down, f) }

func (s *sea) queue(list *[]func(), f func()) {
	if s.delay == 0 && len(*list) == 0 {
		f()
		return
	}
	*list = append(*list, f)
	s.loop.AfterFunc(s.delay, func() {
		f := (*list)[0]
		*list = (*list)[1:]
		f()
	})
}

func (s *sea) subscribers() (n int64) {
	n = s.plain
	for _, p := range s.ships {
		n += number(p.counted)
	}
	return n
}

// publish delivers a message to the relays that hear it.
func (s *sea) publish(channel string, payload []byte) (receivers int64) {
	for _, p := range s.ships {
		if p.absent || !slices.Contains(p.fleet.Channels(), channel) {
			continue
		}
		receivers++
		if !p.deaf {
			p.receive(func() {
				p.fleet.Accept(&resp.Delivery{Kind: resp.SMessage, Channel: []byte(channel), Payload: payload})
			})
		}
	}
	return receivers
}

func (p *ship) Ready() bool { return !p.away }

func (p *ship) Eval(_ *upstream.Script, _ []string, done func(any, error), args ...any) {
	p.send(func() {
		if p.refused != nil {
			p.receive(func() { done(nil, p.refused) })
			return
		}
		names := (len(args) - 2) / 2
		p.sea.questions = append(p.sea.questions, names)
		counts := []any{p.sea.publish(args[0].(string), args[1].([]byte))}
		for range names {
			counts = append(counts, p.sea.subscribers())
		}
		p.receive(func() { done(counts, nil) })
	})
}

func (p *ship) Do(done func(any, error), args ...any) {
	p.send(func() {
		var list []any
		for _, n := range args[2:] {
			list = append(list, n, p.sea.subscribers())
		}
		p.receive(func() { done(list, nil) })
	})
}

func (p *ship) Publish(_ uint64, _ bool, channel, payload []byte, _ upstream.Answer) error {
	c, b := string(channel), slices.Clone(payload)
	p.send(func() { p.sea.publish(c, b) })
	return nil
}

// outcome is what Count has told, and how long that took.
type outcome struct {
	counts []int64
	err    error
	took   time.Duration
	atOnce bool // before Count returned
}

// count has a relay count so many names. Only in the loop.
func (p *ship) count(kind resp.Kind, n int) <-chan outcome {
	told := make(chan outcome, 1)
	start, atOnce := time.Now(), true
	p.fleet.Count(kind, names(n), func(counts []int64, err error) {
		told <- outcome{counts, err, time.Since(start), atOnce}
	})
	atOnce = false
	return told
}

func names(n int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = fmt.Append(nil, i)
	}
	return list
}

// expect has a relay count n names, all of which have so many listeners.
func (p *ship) expect(t *testing.T, n int, want int64) outcome {
	t.Helper()
	var told <-chan outcome
	p.sea.do(func() { told = p.count(resp.Message, n) })
	return wait(t, told, n, want)
}

func wait(t *testing.T, told <-chan outcome, n int, want int64) outcome {
	t.Helper()
	select {
	case o := <-told:
		if o.err != nil || len(o.counts) != n {
			t.Fatalf("%d counts, %v", len(o.counts), o.err)
		}
		for i, got := range o.counts {
			if got != want {
				t.Fatalf("name %d has %d listeners, want %d", i, got, want)
			}
		}
		return o
	case <-time.After(30 * time.Second):
		t.Fatal("Count does not call back")
	}
	panic("not reached")
}

// plenty is room for all questions of a test.
func plenty() *atomic.Int64 {
	var room atomic.Int64
	room.Store(1 << 20)
	return &room
}
