package hub

// Subscribing and unsubscribing, step by step.

import (
	"errors"
	"slices"
	"testing"

	"redis-relay/relay/resp"
)

// wantStats compares topics and listeners of all kinds.
func wantStats(t *testing.T, h *Hub, topics, listeners int) {
	t.Helper()
	s := h.Stats()
	sum := func(a [resp.Kinds]int) int { return a[0] + a[1] + a[2] }
	if sum(s.Topics) != topics || sum(s.Listeners) != listeners {
		t.Errorf("topics %v, listeners %v; want %d, %d in all", s.Topics, s.Listeners, topics, listeners)
	}
}

func TestNoMessageBeforeTheConfirmation(t *testing.T) {
	h, r := newHub(t)
	h.requests.namesPerCommand = 1
	m := newMember(t, 1<<20)
	p := subscribe(h, m, resp.Message, "a", "b")
	wantStats(t, h, 2, 0)
	r.answer() // a
	if n := say(h, "a", "early", 0); n != 0 {
		t.Errorf("%d listeners of a name that is half of a subscription", n)
	}
	p.want(t, 0, nil)
	r.answer() // b
	p.want(t, 1, nil)
	if n := say(h, "a", "m", 0); n != 1 {
		t.Errorf("%d listeners", n)
	}
	flush(t, h)
	m.expect(string(frame("a", "m")))
	wantStats(t, h, 2, 1+1)
	r.wantSent(t, "subscribe[a]", "subscribe[b]")
	second := subscribe(h, newMember(t, 1), resp.Message, "a", "b")
	second.want(t, 0, nil) // what Redis has sent already is not for it
	r.answerAll()
	second.want(t, 1, nil)
	r.wantSent(t, "fence")
}

func TestNoMessageAfterTheEnd(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	subscribeNow(t, h, r, m, "a")
	subscribeNow(t, h, r, other, "a")
	r.sent = nil
	left := unsubscribe(h, m, resp.Message, "a")
	say(h, "a", "1", 0) // sent before
	left.want(t, 0, nil)
	r.answerAll()
	left.want(t, 1, nil)
	m.Reply([]byte("confirmation "))
	say(h, "a", "2", 0)
	flush(t, h)
	m.expect(string(frame("a", "1")) + "confirmation ")
	m.nothing()
	other.expect(string(frame("a", "1")) + string(frame("a", "2")))

	left = unsubscribe(h, other, resp.Message, "a")
	left.want(t, 0, nil)
	r.answerAll()
	left.want(t, 1, nil)
	wantStats(t, h, 0, 0)
	r.wantSent(t, "fence", "unsubscribe[a]")
	if !slices.Equal(r.released, []string{"a"}) {
		t.Errorf("released %q", r.released)
	}
}

// TestInterrupted is told of each name that Redis has ended, be it wanted again or not.
func TestInterrupted(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	subscribeNow(t, h, r, m, "a", "b")
	unsubscribe(h, m, resp.Message, "a", "b")
	again := subscribe(h, m, resp.Message, "a")
	r.answerAll()
	again.want(t, 1, nil)
	if !slices.Equal(r.interrupted, []string{"a", "b"}) || !slices.Equal(r.released, []string{"b"}) {
		t.Errorf("interrupted %q, released %q", r.interrupted, r.released)
	}
}

// TestCountsAreThoseOfTheCommands, whatever Redis has answered.
func TestCountsAreThoseOfTheCommands(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	want := func(listeners, asked, held int) {
		t.Helper()
		if n, a, u := h.Listeners(resp.Message, []byte("a")); n != listeners || a != asked || u != held {
			t.Errorf("%d listeners, asked %d, held %d; want %d, %d, %d", n, a, u, listeners, asked, held)
		}
	}
	subscribe(h, m, resp.Message, "a")
	want(1, 1, 0)
	r.answerAll()
	want(1, 1, 1)
	unsubscribe(h, m, resp.Message, "a")
	want(0, 0, 1)
	subscribe(h, other, resp.Message, "a") // before Redis has let go
	want(1, 1, 1)
	r.answer()
	want(1, 1, 0)
	r.answerAll()
	want(1, 1, 1)
	if n := say(h, "a", "m", 0); n != 1 {
		t.Errorf("%d listeners", n)
	}
	unsubscribe(h, other, resp.Message, "a")
	r.lose(notify)
	want(0, 0, 0)
	wantStats(t, h, 0, 0)
}

// TestSubscribeAgainWhileMessagesAreDelayed: who comes back to a name hears nothing of it twice.
func TestSubscribeAgainWhileMessagesAreDelayed(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	subscribeNow(t, h, r, m, "a")
	r.delayed = []string{"a"}
	left := unsubscribe(h, m, resp.Message, "a")
	back := subscribe(h, m, resp.Message, "a")
	r.answerAll()
	if n := say(h, "a", "held up", 0); n != 1 {
		t.Errorf("heard %d times", n)
	}
	left.want(t, 0, nil)
	back.want(t, 0, nil)
	r.deliverDelayed()
	left.want(t, 1, nil)
	back.want(t, 1, nil)
	if n := say(h, "a", "m", 0); n != 1 {
		t.Errorf("heard %d times", n)
	}
	unsubscribe(h, m, resp.Message, "a")
	r.answerAll()
	wantStats(t, h, 0, 0)
}

// TestSubscribeAgainToOneOfSeveral: messages of another name are still held up, and of this one none.
func TestSubscribeAgainToOneOfSeveral(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	subscribeNow(t, h, r, m, "a", "b")
	r.delayed = []string{"b"}
	left := unsubscribe(h, m, resp.Message, "a", "b")
	back := subscribe(h, m, resp.Message, "a", "c")
	r.answerAll()
	left.want(t, 0, nil)
	back.want(t, 1, nil) // else it would miss what is published on c
	for _, name := range []string{"a", "b", "c"} {
		if n := say(h, name, "m", 0); n != 1 {
			t.Errorf("%s: heard %d times", name, n)
		}
	}
	r.deliverDelayed()
	left.want(t, 1, nil)
	for name, want := range map[string]int{"a": 1, "b": 0, "c": 1} {
		if n := say(h, name, "m", 0); n != want {
			t.Errorf("%s: heard %d times, want %d", name, n, want)
		}
	}
	unsubscribe(h, m, resp.Message, "a", "c")
	r.answerAll()
	wantStats(t, h, 0, 0)
}

// TestRefused: a subscription is refused as a whole, and somebody else's does not suffer.
func TestRefused(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	refusal := errors.New("NOPERM")
	r.refuses["bad"] = refusal
	p := subscribe(h, m, resp.Message, "good", "bad")
	q := subscribe(h, other, resp.Message, "good")
	r.answer()
	r.answer()
	q.want(t, 0, nil) // it counted on a command that was refused
	r.answerAll()
	p.want(t, 1, refusal)
	q.want(t, 1, nil)
	if n := say(h, "good", "m", 0); n != 1 {
		t.Errorf("%d listeners of the name that was not refused", n)
	}
	wantStats(t, h, 1, 1)
	m.wantEnds(t)
	other.wantEnds(t)
}

// TestRefusedAndUnsubscribed: what is asked for once more is not what was unsubscribed meanwhile.
func TestRefusedAndUnsubscribed(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	r.refuses["bad"] = errors.New("NOPERM")
	p := subscribe(h, m, resp.Message, "good", "bad")
	q := unsubscribe(h, m, resp.Message, "good")
	r.sent = nil
	r.answerAll()
	p.want(t, 1, r.refuses["bad"])
	q.want(t, 1, nil)
	r.wantSent(t, "subscribe[bad]")
	wantStats(t, h, 0, 0)
}

// TestRefusedAndAskedAgain: what was asked for again since is decided by that answer.
func TestRefusedAndAskedAgain(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	r.refuses["a"] = errors.New("NOPERM")
	refused := subscribe(h, m, resp.Message, "a")
	unsubscribe(h, m, resp.Message, "a")
	later := subscribe(h, other, resp.Message, "a")
	r.answer()
	delete(r.refuses, "a")
	if n, asked, held := h.Listeners(resp.Message, []byte("a")); n != 1 || asked != 1 || held != 0 {
		t.Errorf("%d listeners, asked %d, held %d; want 1, 1, 0", n, asked, held)
	}
	r.answerAll()
	if later.want(t, 1, nil); refused.done != 1 {
		t.Error("it was never told")
	}
	if n := say(h, "a", "m", 0); n != 1 {
		t.Errorf("%d listeners", n)
	}
	r.sent = nil
	unsubscribe(h, other, resp.Message, "a")
	r.answerAll()
	r.wantSent(t, "unsubscribe[a]")
	wantStats(t, h, 0, 0)
}

func TestLocalNamesAreNotAsked(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	subscribe(h, m, resp.Message, "local:events").want(t, 1, nil)
	if n, asked, held := h.Listeners(resp.Message, []byte("local:events")); n != 1 || asked+held != 0 {
		t.Errorf("%d listeners, %d and %d on Redis", n, asked, held)
	}
	subscribeNow(t, h, r, m, "a")
	r.sent = nil
	both := unsubscribe(h, m, resp.Message, "local:events", "a")
	subscribe(h, m, resp.Message, "local:events").want(t, 1, nil) // and hears all once
	if n := say(h, "local:events", "m", 0); n != 1 {
		t.Errorf("heard %d times", n)
	}
	both.want(t, 0, nil)
	r.answerAll()
	both.want(t, 1, nil)
	if n := say(h, "local:events", "m", 0); n != 1 {
		t.Errorf("heard %d times", n)
	}
	r.wantSent(t, "unsubscribe[a]")
	unsubscribe(h, m, resp.Message, "local:events").want(t, 1, nil)
	wantStats(t, h, 0, 0)
}

// TestInterestOnlyListeners keep names subscribed, and count nowhere.
func TestInterestOnlyListeners(t *testing.T) {
	h, r := newHub(t)
	silent, watcher := &member{Listener: NewInterestOnlyListener(1)}, &member{Listener: NewPinningListener()}
	hears := func(exact bool, patterns int) {
		t.Helper()
		if e, p := h.Subscribers([]byte("a")); e != exact || len(p) != patterns {
			t.Errorf("heard by name %v, by patterns %q", e, p)
		}
		if n, _ := h.Audience(resp.Message, []byte("a")); n != 0 {
			t.Errorf("%d listeners", n)
		}
	}
	subscribeNow(t, h, r, watcher, "a")
	hears(false, 0)
	subscribeNow(t, h, r, silent, "a")
	hears(true, 0)
	p := subscribe(h, silent, resp.PMessage, "*")
	r.answerAll()
	p.want(t, 1, nil)
	hears(true, 1)
	if say(h, "a", "m", 0) != 0 || !slices.Equal(h.Names(resp.Message), []string{"a"}) {
		t.Error("somebody hears it, or nobody wants it")
	}
	unsubscribe(h, silent, resp.Message, "a")
	unsubscribe(h, silent, resp.PMessage, "*")
	r.answerAll()
	hears(false, 0)
	if _, asked, _ := h.Listeners(resp.Message, []byte("a")); asked != 1 {
		t.Error("the watcher's name was let go of")
	}
	unsubscribe(h, watcher, resp.Message, "a")
	r.answerAll()
	wantStats(t, h, 0, 0)
}
