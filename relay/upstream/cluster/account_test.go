package cluster

import (
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// at returns a time so many seconds after the start.
func at(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }

// nodes is what each node says: a, to which the relay listens, and b.
var nodes = View{{ID: "a", Addr: "a:1", Master: true, Slots: true}, {ID: "b", Addr: "b:1", Master: true, Slots: true}}

// listening is an account that began at 0. linked says that node a tells of its links.
func listening(linked bool) *Account {
	a := &Account{}
	if linked {
		a.Links(map[string]int64{"b": 7}, at(0))
	}
	a.Begin("a", nodes, at(0))
	return a
}

// pass has a probe go through.
func pass(t *testing.T, a *Account, seconds int) {
	t.Helper()
	n := a.Next("b", at(seconds))
	a.Taken("b", n)
	if gaps := a.Heard("b", n, at(seconds), at(seconds)); len(gaps) > 0 {
		t.Fatalf("a gap without a loss: %+v", gaps)
	}
}

// expect checks that there is one gap between two times, with words in its cause.
func expect(t *testing.T, gaps []Gap, since, until int, words string) {
	t.Helper()
	if len(gaps) != 1 || !gaps[0].Since.Equal(at(since)) || !gaps[0].Until.Equal(at(until)) ||
		!strings.Contains(gaps[0].Cause, words) || !strings.Contains(gaps[0].Cause, "b:1") {
		t.Fatalf("got %+v, want a gap from %d to %d: %s", gaps, since, until, words)
	}
}

// TestMissingProbe: one was taken and a later one came.
func TestMissingProbe(t *testing.T) {
	a := listening(false)
	pass(t, a, 1)
	a.Taken("b", a.Next("b", at(2)))
	expect(t, a.Heard("b", a.Next("b", at(3)), at(3), at(4)), 1, 4, "has not come")
	pass(t, a, 5)
	if !a.Complete().Equal(at(5)) {
		t.Errorf("complete until %v", a.Complete())
	}
}

// TestProbeNotTaken: what a node has not taken is not missing, and what is of before does not count.
func TestProbeNotTaken(t *testing.T) {
	a := listening(false)
	a.Next("b", at(1))
	pass(t, a, 2)
	old := a.Next("b", at(3))
	a.Leave()
	a.Begin("a", nodes, at(4))
	a.Taken("b", old)
	if gaps := a.Heard("b", old, at(3), at(5)); len(gaps) > 0 {
		t.Errorf("%+v", gaps)
	}
	pass(t, a, 6)
}

// TestSilence: nothing comes for long, which is told when it is noticed, and when it is over.
func TestSilence(t *testing.T) {
	a := listening(false)
	pass(t, a, 1)
	a.Next("b", at(2))
	if gaps := a.Check(at(7)); len(gaps) > 0 {
		t.Fatalf("too early: %+v", gaps)
	}
	expect(t, a.Check(at(8)), 1, 8, "has not been heard")
	if gaps := a.Check(at(20)); len(gaps) > 0 {
		t.Fatalf("told twice: %+v", gaps)
	}
	expect(t, a.Heard("b", a.Next("b", at(21)), at(21), at(22)), 8, 22, "is heard again")
}

// TestLinkCut: the link is another one, though no probe is missing. The gap begins before the last probe that is known
// to have come over the old one.
func TestLinkCut(t *testing.T) {
	a := listening(true)
	pass(t, a, 1)
	if gaps := a.Links(map[string]int64{"b": 7}, at(2)); len(gaps) > 0 || !a.Complete().Equal(at(1)) {
		t.Fatalf("%+v, complete until %v", gaps, a.Complete())
	}
	pass(t, a, 3)
	if !a.Complete().Equal(at(1)) {
		t.Errorf("complete until %v though the link is not known to be the same", a.Complete())
	}
	expect(t, a.Links(map[string]int64{"b": 8}, at(4)), 1, 4, "another link")
	pass(t, a, 5)
	if gaps := a.Links(map[string]int64{"b": 8}, at(6)); len(gaps) > 0 || !a.Complete().Equal(at(5)) {
		t.Errorf("%+v, complete until %v", gaps, a.Complete())
	}
}

// TestNoLink: the link is away when it is asked for, and there again before a probe is heard.
func TestNoLink(t *testing.T) {
	a := listening(true)
	expect(t, a.Links(map[string]int64{}, at(2)), 0, 2, "has no link any more")
	if gaps := a.Links(map[string]int64{"b": 9}, at(3)); len(gaps) > 0 {
		t.Fatalf("told before anything is heard: %+v", gaps)
	}
	if gaps := a.Heard("b", a.Next("b", at(4)), at(4), at(4)); len(gaps) > 0 {
		t.Fatalf("told before the links are known: %+v", gaps)
	}
	expect(t, a.Links(map[string]int64{"b": 9}, at(5)), 2, 5, "is heard again")
}

// TestNoLinkAtFirst: a session begins at a node that has no link from another yet.
func TestNoLinkAtFirst(t *testing.T) {
	a := &Account{}
	a.Links(map[string]int64{}, at(0))
	a.Begin("a", nodes, at(0))
	a.Heard("b", a.Next("b", at(1)), at(1), at(1))
	expect(t, a.Links(map[string]int64{"b": 9}, at(2)), 0, 2, "another link")
}

// TestLinksKnownLate: a session without subscriptions begins before the node has told of its links for the first time.
// Nothing is missing, and the links that it tells of are those that later ones are compared with.
func TestLinksKnownLate(t *testing.T) {
	for _, link := range []int64{7, 0} {
		a := listening(false)
		for seconds := range 3 {
			if gaps := a.Links(map[string]int64{"b": link}, at(seconds)); len(gaps) > 0 {
				t.Fatalf("link %d, answer %d: %+v", link, seconds, gaps)
			}
		}
		a.Heard("b", a.Next("b", at(3)), at(3), at(3))
		expect(t, a.Links(map[string]int64{"b": 8}, at(4)), 0, 4, "another link")
	}
}

// TestFailed: a node fails, which is told once; what it publishes when it is back before it is heard, too, whatever
// node the relay listens to meanwhile.
func TestFailed(t *testing.T) {
	a := listening(false)
	down := View{nodes[0], {ID: "b", Addr: "b:1", Failed: true}}
	expect(t, a.See(down, at(3)), 0, 3, "has failed")
	if n := a.Next("b", at(4)); n != 0 {
		t.Error("a failed node gets a probe")
	}
	a.Begin("a", down, at(10))
	if gaps := a.See(nodes, at(11)); len(gaps) > 0 {
		t.Fatalf("%+v", gaps)
	}
	expect(t, a.Heard("b", a.Next("b", at(12)), at(12), at(12)), 3, 12, "is heard again")
}

// TestLeft: a node is in no view any more for some time.
func TestLeft(t *testing.T) {
	a := listening(false)
	if gaps := a.See(nodes[:1], at(10)); len(gaps) > 0 {
		t.Fatalf("too early: %+v", gaps)
	}
	expect(t, a.See(nodes[:1], at(16)), 0, 16, "has left")
	if len(a.Others()) > 0 || !a.Complete().IsZero() {
		t.Errorf("the account goes on with %v", a.Others())
	}
}

// TestRestarted: a node is another process, which only its own process number tells before Redis 7.0.
func TestRestarted(t *testing.T) {
	a := listening(false)
	expect(t, a.Restarted("b", at(2)), 0, 2, "has restarted")
	if gaps := listening(true).Restarted("b", at(2)); len(gaps) > 0 {
		t.Errorf("%+v", gaps)
	}
}
