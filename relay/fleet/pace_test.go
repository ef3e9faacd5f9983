package fleet

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

// TestQuestionsShareAPause has many ask in a fleet so large that a pause is due: the next question is
// for all of them, and has the shares of the moment when it is sent.
func TestQuestionsShareAPause(t *testing.T) {
	s := atSea(t)
	var p *ship
	s.do(func() {
		for range 60 {
			p = s.launch(1)
		}
	})
	p.expect(t, 1, 60) // then it knows how large the fleet is
	p.expect(t, 1, 60)
	var third <-chan outcome
	s.do(func() {
		p.fleet.pace.free = time.Now().Add(pause(60)) // as if the one before was sent just now
		third = p.count(resp.Message, 1)
	})
	if o := wait(t, third, 1, 60); o.atOnce {
		t.Error("no pause between two questions of a large fleet")
	}
	var told []<-chan outcome
	s.do(func() {
		p.fleet.pace.free = time.Now().Add(pause(60))
		for range 100 {
			told = append(told, p.count(resp.Message, 2))
		}
		p.listen(5)
	})
	for _, c := range told {
		if o := wait(t, c, 2, 64); o.took > 50*pause(60) { // that is, not one after the other
			t.Errorf("waited for %v", o.took)
		}
	}
	if n, _ := p.fleet.Stats(); n != 4 {
		t.Errorf("%d questions for 103 who asked, want 4", n)
	}
}

// A small fleet need not pause between questions that are asked now and then.
func TestPaceIsForThoseThatAskAllTheTime(t *testing.T) {
	start := time.Now()
	for relays, want := range map[int]int{1: 10_000, 2: 490, 10: 20, 50: 1, 1000: 1} {
		p := pace{relays: relays}
		n := 0
		for ; n < 10_000 && p.due(start) == 0; n++ {
			p.sent(start)
		}
		if n < want || n > want+want/2 {
			t.Errorf("%d relays: %d questions at once, want about %d", relays, n, want)
		}
		for range 100 {
			start = start.Add(p.due(start))
			p.sent(start)
		}
		if got, want := p.due(start), pause(relays); got != want {
			t.Errorf("%d relays: then a question every %v, want %v", relays, got, want)
		}
	}
	for relays, want := range map[int]time.Duration{
		0: 0, 1: 0, 2: 200 * time.Microsecond, 10: 5 * time.Millisecond, 100: 500 * time.Millisecond, 1000: maxPause,
	} {
		if got := pause(relays); got != want {
			t.Errorf("%d relays: a pause of %v, want %v", relays, got, want)
		}
	}
}

// What waits for its counts waits in a room of its own.
func TestQuestionsThatWaitAreBounded(t *testing.T) {
	s := atSea(t)
	s.do(func() {
		p := s.launch(3)
		s.delay = time.Hour
		asked, failed := 0, 0
		for failed == 0 {
			names := make([][]byte, 100)
			for i := range names {
				names[i] = fmt.Appendf(nil, "%0900d", asked*len(names)+i)
			}
			p.fleet.Count(resp.Message, names, func(_ []int64, err error) {
				if failed++; failed == 1 && !errors.Is(err, upstream.ErrBusy) {
					t.Errorf("got %v, want %v", err, upstream.ErrBusy)
				}
			})
			asked++
		}
		if asked != 11 { // the last one was refused
			t.Errorf("%d questions of 100 kB were taken, want 10", asked-1)
		}
		p.fleet.Lost()
		if failed != 11 || p.fleet.bytes != 0 {
			t.Errorf("once they are over: %d have failed, %d bytes", failed, p.fleet.bytes)
		}
		if o := p.count(resp.Message, 1); len(o) != 0 {
			t.Error("refused with room enough")
		}
	})
}
