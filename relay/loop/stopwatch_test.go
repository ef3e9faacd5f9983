package loop_test

// Who is named when a turn takes long.

import (
	"strings"
	"testing"
	"time"

	"redis-relay/relay/loop"
)

// sluggish is a handler that takes its time.
type sluggish struct{ fd int }

func (s *sluggish) Ready(loop.Events) {
	_, _ = drain(s.fd)
	time.Sleep(60 * time.Millisecond)
}

func TestALongTurnIsTold(t *testing.T) {
	type report struct {
		took time.Duration
		what string
	}
	reports := make(chan report, 100)
	l := made(t, loop.Options{Long: func(took time.Duration, what string) { reports <- report{took, what} }})
	run(t, l)
	fd, peer := pair(t)
	quick, quickPeer := pair(t)
	register(t, l, quick, handler(func(loop.Events) { _, _ = drain(quick) }))
	register(t, l, fd, &sluggish{fd})
	slow := func() { time.Sleep(60 * time.Millisecond) }
	var atEnd bool
	do(t, l, func() {
		l.AtTurnEnd(func() {
			if atEnd {
				atEnd = false
				slow()
			}
		})
	})
	for what, start := range map[string]func(){
		"*loop_test.sluggish": func() { write(t, quickPeer, "x"); write(t, peer, "x"); write(t, quickPeer, "x") },
		"a posted function":   slow,
		"a timer":             func() { l.AfterFunc(0, slow) },
		"the end of a turn":   func() { atEnd = true },
	} {
		do(t, l, start)
		for { // a machine that is busy makes other turns long, too
			r := wait(t, "the report of "+what, reports)
			if r.took <= loop.LongTurn || r.took > l.Longest() {
				t.Errorf("%s: took %v; the longest turn %v", r.what, r.took, l.Longest())
			}
			if strings.HasPrefix(r.what, what+" (") {
				break
			}
			t.Logf("%s took %v, while we wait for %s", r.what, r.took, what)
			do(t, l, start) // that may have been its turn
		}
	}
	if l.Longest() < 60*time.Millisecond {
		t.Errorf("the longest turn took %v, want at least 60ms", l.Longest())
	}
}
