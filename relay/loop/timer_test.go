package loop_test

// Timers.

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"redis-relay/relay/loop"
)

func TestTimersFireInOrder(t *testing.T) {
	l := running(t)
	const n = 5000
	type firing struct{ due, atMost, at time.Time } // it was due between the first two
	var got []firing
	done := make(chan struct{})
	do(t, l, func() {
		for range n {
			d := time.Duration(rand.IntN(100)) * time.Millisecond
			due := time.Now().Add(d)
			var atMost time.Time
			l.AfterFunc(d, func() {
				if got = append(got, firing{due, atMost, time.Now()}); len(got) == n {
					close(done)
				}
			})
			atMost = time.Now().Add(d)
		}
	})
	wait(t, "all timers", done)
	for i, f := range got {
		if f.at.Before(f.due) {
			t.Fatalf("a timer fired %v early", f.due.Sub(f.at))
		}
		if i > 0 && f.atMost.Before(got[i-1].due) {
			t.Fatalf("a timer fired behind one that was due %v later", got[i-1].due.Sub(f.atMost))
		}
	}
}

// TestTimersThatAreDueAtOnce fire in the order in which they were set, in the same turn.
func TestTimersThatAreDueAtOnce(t *testing.T) {
	l := running(t)
	var got []int
	var inTurn []uint64
	do(t, l, func() {
		for i := range 1000 {
			l.AfterFunc(time.Duration(-i)*time.Second, func() { got = append(got, i); inTurn = append(inTurn, l.Turns()) })
		}
	})
	do(t, l, func() {})
	if len(got) != 1000 || !slices.IsSorted(got) || inTurn[0] != inTurn[len(inTurn)-1] {
		t.Errorf("%d of 1000 fired, in order: %v, in turns %d to %d", len(got), slices.IsSorted(got), inTurn[0],
			inTurn[len(inTurn)-1])
	}
}

// TestATimerThatSetsItself with a time that has passed fires once a turn, and others are served.
func TestATimerThatSetsItself(t *testing.T) {
	for _, d := range []time.Duration{0, -time.Second} {
		l := running(t)
		var tm *loop.Timer
		var last, fired uint64
		var other *loop.Timer
		done, twice := make(chan struct{}), make(chan struct{})
		again := func() {
			if now := l.Turns(); now == last {
				t.Errorf("it fired twice in turn %d", now)
				return
			} else {
				last = now
			}
			if fired++; fired == 2 {
				close(twice)
			}
			tm.Reset(d)
		}
		do(t, l, func() {
			tm = l.AfterFunc(d, again)
			other = l.AfterFunc(10*time.Millisecond, func() { close(done) })
		})
		wait(t, "the other timer", done)
		wait(t, "a second firing", twice)
		do(t, l, func() { tm.Stop() })
		if other.Set() || tm.Set() {
			t.Errorf("after %v: other set: %v, this one: %v", d, other.Set(), tm.Set())
		}
	}
}

func TestStopAndReset(t *testing.T) {
	l := running(t)
	var got []string
	done := make(chan struct{})
	do(t, l, func() {
		say := func(s string) func() { return func() { got = append(got, s) } }
		stopped := l.AfterFunc(0, say("stopped"))
		stopped.Stop()
		stopped.Stop()
		if stopped.Set() {
			t.Error("a stopped timer is set")
		}
		var victim *loop.Timer
		l.AfterFunc(0, func() { victim.Stop(); got = append(got, "stopper") })
		victim = l.AfterFunc(0, say("stopped by another, in the turn in which both are due"))
		later := l.AfterFunc(0, func() { got = append(got, "later"); close(done) })
		later.Reset(time.Hour)
		sooner := l.AfterFunc(time.Hour, say("sooner"))
		sooner.Reset(time.Millisecond)
		if !sooner.Set() {
			t.Error("a timer that was reset is not set")
		}
		var fired *loop.Timer
		fired = l.AfterFunc(2*time.Millisecond, func() {
			if got = append(got, "again"); len(got) < 4 {
				fired.Reset(0)
				return
			}
			later.Reset(0)
		})
	})
	wait(t, "the last timer", done)
	if want := []string{"stopper", "sooner", "again", "again", "later"}; !slices.Equal(got, want) {
		t.Errorf("fired %q, want %q", got, want)
	}
}

// TestAnEarlierTimer is not late because of the alarm for a later one, nor of one that was stopped.
func TestAnEarlierTimer(t *testing.T) {
	l := running(t)
	do(t, l, func() { l.AfterFunc(time.Hour, func() {}) })
	for range 50 {
		var short *loop.Timer
		done := make(chan struct{})
		do(t, l, func() {
			short = l.AfterFunc(500*time.Microsecond, func() {})
			l.AfterFunc(time.Millisecond, func() { close(done) })
		})
		do(t, l, func() { short.Stop() })
		wait(t, "the earlier timer", done)
	}
}

// TestATimerBeforeRun, and one set by a timer's function.
func TestATimerBeforeRun(t *testing.T) {
	l := made(t, loop.Options{})
	done := make(chan struct{})
	l.AfterFunc(time.Millisecond, func() { l.AfterFunc(time.Millisecond, func() { close(done) }) })
	run(t, l)
	wait(t, "the timers", done)
}
