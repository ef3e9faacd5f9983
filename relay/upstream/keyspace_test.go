package upstream

// Key space events: what is wanted, and when what may be missing is told.

import (
	"errors"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// TestGapOfLateMaster: a subscription is answered without a master that does not confirm it in time. The gap lasts until
// that does, whatever the other masters say meanwhile.
func TestGapOfLateMaster(t *testing.T) {
	t.Parallel()
	c := looped(t, Options{Mode: modeCluster, PublishTimeout: patience})
	k, began := &c.keyspace, time.Now()
	late, other := &eventNode{live: true, complete: began}, &eventNode{live: true, complete: began}
	confirm := func(e *eventNode) {
		l := listener{keyspace: k, node: e, inTime: func(f func()) func() { return f }}
		l.Confirmed(1, time.Now())
	}
	answered := make(chan struct{})
	c.do(func() {
		k.nodes["late"], k.nodes["other"], k.number = late, other, 1
		k.inOrder(1, func(bool, error) { close(answered) })(false, nil)
	})
	confirm(other)
	select {
	case <-answered:
	case <-time.After(patience):
		t.Fatal("no answer")
	}
	confirm(other)
	c.do(func() {})
	if n := c.count(func() int { return len(c.gaps) }); n != 0 {
		t.Errorf("%d gaps are told as over while a master has not confirmed", n)
	}
	confirmed := time.Now()
	confirm(late)
	redistest.Eventually(t, patience, "the gap is told", func() bool {
		return c.count(func() int { return len(c.gaps) }) == 1
	})
	c.with(func() {
		if g := c.gaps[0]; !g.Since.Equal(began) || g.Until.Before(confirmed) {
			t.Errorf("got %v to %v, want %v to %v or later", g.Since, g.Until, began, confirmed)
		}
	})
}

// TestRefusedEventsAskedForAgain: a refusal ends what its own command asked for, and not what was asked for since.
func TestRefusedEventsAskedForAgain(t *testing.T) {
	t.Parallel()
	c := looped(t, Options{Mode: modeCluster, PublishTimeout: patience})
	c.attach(t)
	k, names := &c.keyspace, []string{"__keyevent@0__:set"}
	ask := func() func(bool, error) { return k.subscribe(resp.Message, names, func(bool, error) {}) }
	c.do(func() {
		first := ask()
		k.unsubscribe(resp.Message, names)
		second := ask()
		first(false, errors.New("NOPERM"))
		if len(k.wanted) != 1 {
			t.Error("the first refusal has ended the second subscription")
		}
		second(false, errors.New("NOPERM"))
		if len(k.wanted) != 0 {
			t.Error("a refused name is still wanted")
		}
	})
}
