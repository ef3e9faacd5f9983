package hub

// Lost connections, and subscribing again over the next one.

import (
	"errors"
	"fmt"
	"testing"

	"redis-relay/relay/resp"
)

// TestRefusedAfterALoss: who listened to it before can hear nothing more.
func TestRefusedAfterALoss(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	subscribeNow(t, h, r, m, "a")
	subscribeNow(t, h, r, other, "b")
	r.lose(notify)
	r.refuses["a"] = errors.New("NOPERM")
	waits := subscribe(h, newMember(t, 1), resp.Message, "a")
	restored := r.restore()
	r.answerAll()
	waits.want(t, 1, r.refuses["a"])
	m.wantEnds(t, ReasonRefused)
	other.wantEnds(t)
	if !*restored {
		t.Error("not restored")
	}
	r.sent = nil
	subscribe(h, newMember(t, 1), resp.Message, "a")
	r.wantSent(t, "subscribe[a]") // it may be allowed by now
}

func TestLost(t *testing.T) {
	h, r := newHub(t)
	m, told, waits, local := newMember(t, 1<<20), newMember(t, 1<<20), newMember(t, 1<<20), newMember(t, 1<<20)
	subscribeNow(t, h, r, m, "a", "b") // ended once, though it has two names
	subscribeNow(t, h, r, told, "notify")
	subscribeNow(t, h, r, local, "local:events")
	p := subscribe(h, waits, resp.Message, "a", "new")
	say(h, "a", "last", 0)
	if ended := r.lose(func(_ resp.Kind, name string) bool { return name != "notify" }); ended != 1 {
		t.Errorf("%d ended, want 1", ended)
	}
	m.wantEnds(t, ReasonGap)
	told.wantEnds(t)
	waits.wantEnds(t)
	local.wantEnds(t)
	if all, _, _, missing := h.Confirmed(); all || missing != 4 {
		t.Errorf("%d are missing, want 4", missing)
	}
	restored := r.restore()
	p.want(t, 0, nil)
	r.answerAll()
	p.want(t, 1, nil)
	if all, _, _, _ := h.Confirmed(); !*restored || !all {
		t.Error("not restored")
	}
	if n := say(h, "a", "m", 0); n != 2 {
		t.Errorf("%d listeners, want who was ended and has not left, and who waited", n)
	}
	flush(t, h)
	m.expect(string(frame("a", "last"))) // what was there before the loss
	m.nothing()
	waits.expect(string(frame("a", "m")))
	if s := h.Stats(); s.Ended != 1 {
		t.Errorf("%d missed, want the one for who was ended", s.Ended)
	}
}

// TestUnsubscribeWithoutConnection are not remembered until there is a connection.
func TestUnsubscribeWithoutConnection(t *testing.T) {
	h, r := newHub(t)
	r.lose(notify)
	stays := newMember(t, 1)
	p := subscribe(h, stays, resp.Message, "a", "b")
	for i := range 1000 {
		m := newMember(t, 1)
		q := subscribe(h, m, resp.Message, "a", fmt.Sprint(i))
		unsubscribe(h, m, resp.Message, fmt.Sprint(i)).want(t, 1, nil)
		q.want(t, 0, nil)
		unsubscribe(h, m, resp.Message, "a").want(t, 1, nil)
		q.want(t, 1, nil)
		if m.pending.subscribes != nil {
			t.Fatal("a listener still waits")
		}
	}
	wantStats(t, h, 2, 0)
	if len(h.waiting.list) > 3 {
		t.Errorf("%d wait", len(h.waiting.list))
	}
	r.restore()
	r.answerAll()
	p.want(t, 1, nil)
	wantStats(t, h, 2, 2)
}

// TestRestoreAsksInParts, of which few are under way at once.
func TestRestoreAsksInParts(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1)
	var names []string
	for i := range 5*namesPerCommand + 1 {
		names = append(names, fmt.Sprint(i))
	}
	subscribeNow(t, h, r, m, names...)
	r.lose(notify)
	restored := r.restore()
	commands := 0
	for ; len(r.asked) > 0; commands++ {
		if len(r.asked) > maxUnanswered {
			t.Fatalf("%d commands are under way", len(r.asked))
		}
		r.answer()
	}
	if !*restored || commands != 6 {
		t.Errorf("restored %v, by %d commands", *restored, commands)
	}
}

// TestManySubscriptionsUnderWay: what pipelined commands cost does not grow with their number.
func TestManySubscriptionsUnderWay(t *testing.T) {
	const n = 50_000
	h, r := newHub(t)
	m := newMember(t, 1)
	var all []*outcome
	for i := range n {
		all = append(all, subscribe(h, m, resp.Message, fmt.Sprint(i)))
	}
	for i := range n {
		all = append(all, unsubscribe(h, m, resp.Message, fmt.Sprint(i)))
	}
	r.answerAll()
	for _, o := range all {
		o.want(t, 1, nil)
	}
	wantStats(t, h, 0, 0)
}

// TestRefuse: what Redis refuses by and by ends the connections of its listeners, and is asked for anew.
func TestRefuse(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	subscribeNow(t, h, r, m, "a")
	subscribeNow(t, h, r, other, "b")
	h.Refuse(resp.Message, "a", errors.New("NOPERM"))
	h.Refuse(resp.Message, "none", errors.New("NOPERM"))
	m.wantEnds(t, ReasonRefused)
	other.wantEnds(t)
	r.sent = nil
	subscribe(h, newMember(t, 1), resp.Message, "a")
	r.wantSent(t, "subscribe[a]")
}
