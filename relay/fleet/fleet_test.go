package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

// sea is a Redis with a fleet on it. It delivers at once.
type sea struct {
	ctx   context.Context // ends the relays
	ships []*ship
	plain int64 // subscribers of every name that are no relays
	delay time.Duration

	mu        sync.Mutex
	questions []int // how many names each had
}

// ship is a relay with as many listeners to every name.
type ship struct {
	sea       *sea
	fleet     *Fleet
	listeners int64
	deaf      bool  // subscribed, and answers nothing
	absent    bool  // not subscribed
	refused   error // what Redis answers to scripts
}

// atSea runs f with an empty sea, in a bubble of its own time.
func atSea(t *testing.T, f func(t *testing.T, s *sea)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f(t, &sea{ctx: ctx})
		cancel()
		synctest.Wait()
	})
}

// launch adds a relay that runs.
func (s *sea) launch(listeners int64) *ship {
	p := &ship{sea: s, listeners: listeners}
	p.fleet = New(p, func(resp.Kind, []byte) int64 { return p.listeners - p.counted() }, fmt.Sprint(len(s.ships)), plenty(), zap.NewNop())
	s.ships = append(s.ships, p)
	go func() { _ = p.fleet.Run(s.ctx) }()
	return p
}

// counted is how often Redis counts the relay: once for any number of listeners.
func (p *ship) counted() int64 { return min(1, p.listeners) }

func (s *sea) subscribers() (n int64) {
	n = s.plain
	for _, p := range s.ships {
		n += p.counted()
	}
	return n
}

func (s *sea) send(channel string, payload []byte) (receivers int64) {
	for _, p := range s.ships {
		if p.absent || !slices.Contains(p.fleet.Channels(), channel) {
			continue
		}
		receivers++
		if !p.deaf {
			p.fleet.Hear(&resp.Delivery{Kind: resp.SMessage, Channel: []byte(channel), Payload: payload})
		}
	}
	return receivers
}

func (p *ship) Eval(_ context.Context, _ *upstream.Script, _ []string, args ...any) (any, error) {
	if p.refused != nil {
		return nil, p.refused
	}
	names := (len(args) - 2) / 2
	p.sea.mu.Lock()
	p.sea.questions = append(p.sea.questions, names)
	p.sea.mu.Unlock()
	time.Sleep(p.sea.delay)
	counts := []any{p.sea.send(args[0].(string), args[1].([]byte))}
	for range names {
		counts = append(counts, p.sea.subscribers())
	}
	return counts, nil
}

func (p *ship) Do(_ context.Context, args ...any) (any, error) {
	var list []any
	for _, n := range args[2:] {
		list = append(list, n, p.sea.subscribers())
	}
	return list, nil
}

func (p *ship) Publish(_ uint64, _ bool, channel, payload []byte, _ upstream.Receipt) error {
	p.sea.send(string(channel), payload)
	return nil
}

func (p *ship) Flush(uint64) {}

// expect has a relay count n names, and tells how long that took.
func (p *ship) expect(t *testing.T, n int, want int64) time.Duration {
	t.Helper()
	names := make([][]byte, n)
	for i := range names {
		names[i] = fmt.Append(nil, i)
	}
	start := time.Now()
	got, err := p.fleet.Count(t.Context(), resp.Message, names)
	if err != nil || len(got) != n {
		t.Fatalf("%d counts, %v", len(got), err)
	}
	for i := range got {
		if got[i] != want {
			t.Fatalf("name %d has %d listeners, want %d", i, got[i], want)
		}
	}
	return time.Since(start)
}

func TestCountsAll(t *testing.T) {
	atSea(t, func(t *testing.T, s *sea) {
		s.plain = 2
		for _, n := range []int64{3, 0, 5} {
			s.launch(n)
		}
		for _, p := range s.ships {
			if took := p.expect(t, 1, 10); took != 0 {
				t.Errorf("waited for %v, and all had answered", took)
			}
		}
		s.ships[0].expect(t, 0, 0)
		s.ships[0].expect(t, 2*maxNames+1, 10)
		if want := []int{1, 1, 1, maxNames, maxNames, 1}; !slices.Equal(s.questions, want) {
			t.Errorf("questions of %v names, want %v", s.questions, want)
		}
	})
}

func TestPatience(t *testing.T) {
	atSea(t, func(t *testing.T, s *sea) {
		s.plain = 2
		asks, silent := s.launch(3), s.launch(5)
		silent.deaf = true
		if took := asks.expect(t, 1, 6); took != patience {
			t.Errorf("waited for %v, want %v", took, patience)
		}
		if _, missing := asks.fleet.Stats(); missing != 1 {
			t.Errorf("%d answers are missing, want 1", missing)
		}
		silent.absent = true // and gone for good, but for what Redis still counts
		if took := asks.expect(t, 1, 6); took > pause(2) {
			t.Errorf("waited for %v, and nobody was left to answer", took)
		}
		silent.absent, silent.deaf = false, false
		if took := asks.expect(t, 1, 10); took > pause(2) {
			t.Errorf("waited for %v, and all answered", took)
		}
	})
}

// TestNotSubscribed has a relay ask whose subscriptions are not there: answers do not
// come back to it.
func TestNotSubscribed(t *testing.T) {
	atSea(t, func(t *testing.T, s *sea) {
		s.plain = 2
		asks, other := s.launch(3), s.launch(5)
		asks.absent = true
		other.expect(t, 1, 8)
		if took := asks.expect(t, 1, 6); took != patience {
			t.Errorf("waited for %v, and the answer cannot come", took)
		}
	})
}

// TestLateAnswer comes when the next question is under way, and is not its answer.
func TestLateAnswer(t *testing.T) {
	atSea(t, func(t *testing.T, s *sea) {
		asks, silent := s.launch(3), s.launch(5)
		silent.deaf = true
		asks.expect(t, 1, 4)
		late := appendQuestion(nil, asks.fleet.life, 1, []name{{resp.Message, "0"}})
		var next sync.WaitGroup
		next.Go(func() { asks.expect(t, 1, 4) })
		time.Sleep(pause(2) + patience/2)
		silent.fleet.Hear(&resp.Delivery{Kind: resp.SMessage, Channel: []byte(Channel), Payload: late})
		next.Wait()
	})
}

// TestOneQuestionAtATime has many ask while one question is under way: the next one
// is for all of them.
func TestOneQuestionAtATime(t *testing.T) {
	atSea(t, func(t *testing.T, s *sea) {
		s.delay = time.Millisecond
		p := s.launch(3)
		s.launch(1)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { p.expect(t, 2, 4) })
			time.Sleep(s.delay / 200)
		}
		all.Wait()
		if n, _ := p.fleet.Stats(); n != 2 {
			t.Errorf("%d questions for 100 who asked within half a round trip, want 2", n)
		}
	})
}

func TestRefusedByRedis(t *testing.T) {
	atSea(t, func(t *testing.T, s *sea) {
		s.plain = 2
		asks, other := s.launch(3), s.launch(5)
		for _, p := range s.ships {
			p.refused, p.absent = upstream.ReplyError("NOPERM"), true
		}
		asks.expect(t, 3, 3+1+2)
		other.expect(t, 3, 1+5+2)
	})
}

func TestNoRedis(t *testing.T) {
	atSea(t, func(t *testing.T, s *sea) {
		p := s.launch(3)
		p.refused = upstream.ErrUnknown
		if _, err := p.fleet.Count(t.Context(), resp.Message, [][]byte{{'a'}}); !errors.Is(err, upstream.ErrUnknown) {
			t.Errorf("got %v, want %v", err, upstream.ErrUnknown)
		}
		p.refused, s.delay = nil, time.Minute
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.fleet.Count(ctx, resp.Message, [][]byte{{'a'}}); !errors.Is(err, upstream.ErrDown) {
			t.Errorf("got %v, want %v", err, upstream.ErrDown)
		}
		time.Sleep(s.delay)
	})
}

func TestPauseGrowsWithTheFleet(t *testing.T) {
	for relays, want := range map[int]time.Duration{
		0: 0, 1: 0, 2: 200 * time.Microsecond, 10: 5 * time.Millisecond, 100: 500 * time.Millisecond, 1000: maxPause,
	} {
		if got := pause(relays); got != want {
			t.Errorf("%d relays: a pause of %v, want %v", relays, got, want)
		}
	}
}

// plenty is room for all questions of a test.
func plenty() *atomic.Int64 {
	var room atomic.Int64
	room.Store(1 << 20)
	return &room
}

// What is asked while Redis does not answer waits in a room of its own.
func TestQuestionsThatWaitAreBounded(t *testing.T) {
	room := plenty()
	f := New(nil, nil, "1", room, zap.NewNop())
	names := make([][]byte, 100)
	for i := range names {
		names[i] = fmt.Appendf(nil, "%0900d", i)
	}
	asked := 0
	for err := error(nil); err == nil; asked++ {
		for i := range names {
			names[i] = fmt.Appendf(nil, "%0900d", asked*len(names)+i)
		}
		if _, err = f.queue(resp.Message, names); err != nil && !errors.Is(err, upstream.ErrBusy) {
			t.Fatal(err)
		}
	}
	if asked != 11 { // the last one was refused
		t.Errorf("%d questions of 100 kB were taken, want 10", asked-1)
	}
	for f.next() != nil {
	}
	if _, err := f.queue(resp.Message, names); err != nil || f.bytes != 100*1000 {
		t.Errorf("once they are asked: %v, %d bytes", err, f.bytes)
	}
}
