package fleet

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

func TestCountsAll(t *testing.T) {
	s := atSea(t)
	s.do(func() {
		s.plain = 2
		for _, n := range []int64{3, 0, 5} {
			s.launch(n)
		}
	})
	for _, p := range s.ships {
		if o := p.expect(t, 1, 10); !o.atOnce {
			t.Errorf("waited for %v, and all had answered", o.took)
		}
	}
	s.ships[0].expect(t, 0, 0)
	s.ships[0].expect(t, 2*maxNames+1, 10)
	if want := []int{1, 1, 1, maxNames, maxNames, 1}; !slices.Equal(s.questions, want) {
		t.Errorf("questions of %v names, want %v", s.questions, want)
	}
}

// TestRepliesBehindMessages has Redis answer the script before and behind what it publishes: the
// former from 7.2 on.
func TestRepliesBehindMessages(t *testing.T) {
	s := atSea(t)
	s.do(func() {
		s.launch(3)
		s.launch(4)
		s.delay = time.Millisecond
	})
	s.ships[0].expect(t, 3, 7)
	s.do(func() {
		p := s.ships[0]
		q := newQuestion()
		told := make(chan []int64, 1)
		c := &count{done: func(counts []int64, _ error) { told <- counts }}
		c.places = []place{{q, q.add(resp.Name{Kind: resp.Message, Text: "0"})}}
		q.addWaiter(c)
		q.number, q.sent, p.fleet.asked[1000] = 1000, true, q
		q.addShare(p.fleet.shares.Asking)
		p.fleet.gotCounts(q, []int64{2}, 2)
		p.fleet.answer(true, appendQuestion(nil, p.fleet.runID, 1000, q.names))
		p.fleet.collect([]byte{0xe8, 7, 2, 2}) // two shares for one name: not of this question
		if len(told) != 0 {
			t.Error("told before all have answered")
		}
		p.fleet.collect([]byte{0xe8, 7, 6})
		if got := <-told; got[0] != 2+2+3 {
			t.Errorf("counted %v, want 7", got)
		}
	})
}

// TestCountsInOrder has listeners come and go around questions that are all under way at once: each
// counts those that were there when it was asked.
func TestCountsInOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := atSea(t)
	var p *ship
	s.do(func() {
		p = s.launch(0)
		s.delay = time.Millisecond
	})
	for range 100 {
		var told []<-chan outcome
		var want []int64
		s.do(func() {
			for range 8 {
				if random.IntN(2) == 0 {
					p.listen(random.Int64N(3))
				}
				told, want = append(told, p.count(resp.Message, 2)), append(want, p.listeners)
			}
			p.listen(random.Int64N(3))
		})
		for i := range told {
			wait(t, told[i], 2, want[i])
		}
	}
	if _, missing := p.fleet.Stats(); missing != 0 {
		t.Errorf("%d answers are missing", missing)
	}
}

// TestCountsWhileOthersComeAndGo has listeners of another relay come and go: those who stay are
// always counted, and nobody twice.
func TestCountsWhileOthersComeAndGo(t *testing.T) {
	s := atSea(t)
	s.do(func() {
		s.launch(2)
		s.launch(0)
		s.delay = 300 * time.Microsecond
	})
	for range 100 {
		var told <-chan outcome
		s.do(func() {
			s.ships[1].listen(rand.Int64N(2))
			s.ships[1].listen(rand.Int64N(3))
			told = s.ships[0].count(resp.Message, 1)
		})
		switch o := <-told; {
		case o.err != nil:
			t.Fatal(o.err)
		case o.counts[0] < 2 || o.counts[0] > 4:
			t.Fatalf("%d listeners, want 2 to 4", o.counts[0])
		}
	}
}

func TestPatience(t *testing.T) {
	s := atSea(t)
	var asks, silent *ship
	s.do(func() {
		s.plain = 2
		asks, silent = s.launch(3), s.launch(5)
		silent.deaf = true
	})
	if o := asks.expect(t, 1, 6); o.took < Patience {
		t.Errorf("waited for %v, want %v", o.took, Patience)
	}
	if _, missing := asks.fleet.Stats(); missing != 1 {
		t.Errorf("%d answers are missing, want 1", missing)
	}
	s.do(func() { silent.absent = true }) // and gone for good, but for what Redis still counts
	if o := asks.expect(t, 1, 6); !o.atOnce {
		t.Errorf("waited for %v, and nobody was left to answer", o.took)
	}
	s.do(func() { silent.absent, silent.deaf = false, false })
	if o := asks.expect(t, 1, 10); !o.atOnce {
		t.Errorf("waited for %v, and all answered", o.took)
	}
}

// TestNotSubscribed has a relay ask whose subscriptions are not there: answers do not
// come back to it.
func TestNotSubscribed(t *testing.T) {
	s := atSea(t)
	var asks, other *ship
	s.do(func() {
		s.plain = 2
		asks, other = s.launch(3), s.launch(5)
		asks.absent = true
	})
	other.expect(t, 1, 8)
	if o := asks.expect(t, 1, 6); o.took < Patience {
		t.Errorf("waited for %v, and the answer cannot come", o.took)
	}
}

// TestLateAnswer comes when the next question is under way, and is not its answer.
func TestLateAnswer(t *testing.T) {
	s := atSea(t)
	var asks, silent *ship
	s.do(func() {
		asks, silent = s.launch(3), s.launch(5)
		silent.deaf = true
	})
	asks.expect(t, 1, 4)
	var next <-chan outcome
	s.do(func() {
		next = asks.count(resp.Message, 1)
		silent.fleet.answer(true, appendQuestion(nil, asks.fleet.runID, 1, []resp.Name{{Kind: resp.Message, Text: "0"}}))
		if len(next) != 0 {
			t.Error("an answer to the last question was taken for one to this")
		}
	})
	wait(t, next, 1, 4)
}

func TestRefusedByRedis(t *testing.T) {
	s := atSea(t)
	s.do(func() {
		s.plain = 2
		s.launch(3)
		s.launch(5)
		for _, p := range s.ships {
			p.refused, p.absent = upstream.ReplyError("NOPERM"), true
		}
	})
	s.ships[0].expect(t, 3, 3+1+2)
	s.ships[1].expect(t, 3, 1+5+2)
	var told <-chan outcome
	s.do(func() { told = s.ships[0].count(resp.SMessage, 3) })
	wait(t, told, 3, 3+1+2)
}

func TestNoRedis(t *testing.T) {
	s := atSea(t)
	var p *ship
	s.do(func() {
		p = s.launch(3)
		p.refused = upstream.ErrUnknown
		if o := <-p.count(resp.Message, 1); !errors.Is(o.err, upstream.ErrUnknown) {
			t.Errorf("got %v, want %v", o.err, upstream.ErrUnknown)
		}
		p.refused = nil
	})
	p.expect(t, 1, 3)
}

// TestLostConnection has questions under way fail when the connection is lost. What is asked then waits
// for the next one, where Redis may count what it did not before.
func TestLostConnection(t *testing.T) {
	s := atSea(t)
	var p *ship
	var under, later <-chan outcome
	s.do(func() {
		p = s.launch(3)
		s.launch(1).deaf = true
		under = p.count(resp.Message, 1)
		s.delay = time.Millisecond
		p.away, p.asked, p.counted, p.held = true, false, false, false
		p.fleet.Lost()
		if len(under) != 1 {
			t.Error("a question goes on without its connection")
		}
		later = p.count(resp.Message, 1)
		p.fleet.Lost() // another attempt
		p.away = false
		p.asked, p.counted, p.held = true, true, true // restored, ahead of what waited
	})
	if o := <-under; !errors.Is(o.err, upstream.ErrUnknown) {
		t.Errorf("got %v, want %v", o.err, upstream.ErrUnknown)
	}
	wait(t, later, 1, 4)
	if len(p.fleet.asked) != 0 || p.fleet.bytes != 0 {
		t.Errorf("%d questions and %d bytes are left", len(p.fleet.asked), p.fleet.bytes)
	}
}

func TestHearsOnlyItsOwn(t *testing.T) {
	s := atSea(t)
	s.do(func() {
		p := s.launch(1)
		for _, d := range []resp.Delivery{
			{Kind: resp.PMessage, Channel: []byte(Channel)},
			{Kind: resp.Message, Channel: []byte("news")},
			{Kind: resp.Message, Channel: []byte(Channel + ":other")},
		} {
			if p.fleet.Accept(&d) {
				t.Errorf("it took a message on %q", d.Channel)
			}
		}
		for _, payload := range []string{"", "junk", "\xff"} {
			for _, channel := range p.fleet.Channels() {
				if !p.fleet.Accept(&resp.Delivery{Kind: resp.Message, Channel: []byte(channel), Payload: []byte(payload)}) {
					t.Errorf("it did not take a message on %q", channel)
				}
			}
		}
	})
}
