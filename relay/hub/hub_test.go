package hub

// Who listens to what, step by step and at random.

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/resp"
)

// wantStats compares topics, listeners and pending subscriptions of all kinds.
func wantStats(t *testing.T, h *Hub, topics, listeners, waiting int) {
	t.Helper()
	s := h.Stats()
	sum := func(a [resp.Kinds]int) int { return a[0] + a[1] + a[2] }
	var pending [resp.Kinds]int
	for kind := range h.topics {
		for _, topic := range h.topics[kind] {
			for w := topic.waiting; w != nil; w = w.next {
				pending[kind]++
			}
		}
	}
	if sum(s.Topics) != topics || sum(s.Listeners) != listeners || sum(pending) != waiting {
		t.Errorf("topics %v, listeners %v, waiting %v; want %d, %d, %d in all",
			s.Topics, s.Listeners, pending, topics, listeners, waiting)
	}
}

func TestNoMessageBeforeTheConfirmation(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	woken := 0
	p := h.Join(m.Listener, resp.Message, []string{"a", "b"}, func() { woken++ })
	wantEnter(t, h, p, false, nil)
	if h.WaitFor(resp.Message, []byte("a")) != p || h.WaitFor(resp.Message, []byte("x")) != nil {
		t.Error("publishers do not wait for it")
	}
	wantStats(t, h, 2, 0, 1+1)
	r.answer() // a
	wantEnter(t, h, p, false, nil)
	if n := say(h, "a", "early", 0); n != 0 || isReady(p) {
		t.Errorf("%d listeners of a name that is half of a subscription", n)
	}
	r.answer() // b
	if !isReady(p) || isDone(p.Done()) || woken != 1 {
		t.Fatalf("done before Enter %v, woken %d times", isDone(p.Done()), woken)
	}
	wantEnter(t, h, p, true, nil)
	if !isDone(p.Done()) || p.Err() != nil {
		t.Fatalf("done %v, %v", isDone(p.Done()), p.Err())
	}
	if n := say(h, "a", "m", 0); n != 1 {
		t.Errorf("%d listeners", n)
	}
	h.Flush()
	m.expect(string(frame("a", "m")))
	wantStats(t, h, 2, 1+1, 0)
	if h.WaitFor(resp.Message, []byte("a")) != nil {
		t.Error("publishers still wait")
	}
	if _, active := subscribe(h, newMember(t, 1), resp.Message, "a", "b"); !active {
		t.Error("the second listener has to wait for what is held")
	}
}

func TestNoMessageAfterLeave(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	joined(t, h, r, m, "a")
	joined(t, h, r, other, "a")
	say(h, "a", "1", 0) // not fanned out yet
	if released := h.Leave(m.Listener, resp.Message, "a"); len(released) > 0 {
		t.Error("waits for Redis, and another still listens")
	}
	m.Reply([]byte("confirmation "))
	say(h, "a", "2", 0)
	h.Flush()
	m.Flush()
	m.expect(string(frame("a", "1")) + "confirmation ")
	m.nothing()
	other.expect(string(frame("a", "1")) + string(frame("a", "2")))

	released := h.Leave(other.Listener, resp.Message, "a", "never subscribed")
	if isDone(released...) {
		t.Fatal("the last one does not wait for Redis")
	}
	r.answerAll()
	if !isDone(released...) {
		t.Error("Redis has let go, and it still waits")
	}
	wantStats(t, h, 0, 0, 0)
}

// TestPartings: a publisher waits for who is about to leave, and then for Redis.
func TestPartings(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	for _, name := range []string{"a", "b"} {
		joined(t, h, r, m, name)
	}
	joined(t, h, r, other, "b")
	waits := func(kind resp.Kind, channel string, want int) (list []<-chan struct{}) {
		t.Helper()
		if list = h.Partings(kind, []byte(channel)); len(list) != want {
			t.Errorf("%s %s: %d to wait for, want %d", kind, channel, len(list), want)
		}
		return list
	}
	waits(resp.Message, "a", 0)
	exact := h.Part(resp.Message, []string{"a", "b", "a"})
	pattern, shard := h.Part(resp.PMessage, []string{"x", "a*"}), h.Part(resp.SMessage, []string{"s"})
	waits(resp.Message, "a", 3)
	waits(resp.Message, "ab", 1)
	waits(resp.Message, "s", 0)
	waits(resp.SMessage, "s", 1)
	waits(resp.SMessage, "a", 0)
	h.Parted(pattern)
	h.Parted(shard)

	leaves := waits(resp.Message, "b", 1)[0]
	released := h.Leave(m.Listener, resp.Message, "a", "b")
	h.Parted(exact)
	if !isDone(leaves) {
		t.Error("it has left, and a publisher still waits for it")
	}
	waits(resp.Message, "b", 0) // the other one still listens: Redis need not let go
	lets := waits(resp.Message, "a", 1)[0]
	if isDone(lets) {
		t.Error("Redis has not let go, and no publisher waits for it")
	}
	r.answerAll()
	if !isDone(lets) || !isDone(released...) {
		t.Error("Redis has let go, and it is still waited for")
	}
	waits(resp.Message, "a", 0)
	for kind := range h.parting {
		if n := len(h.parting[kind]); n != 0 || h.changes.Load() != 0 {
			t.Errorf("%d names of kind %d are remembered, of %d", n, kind, h.changes.Load())
		}
	}
}

// TestChanges: who counts waits for who is on the way, be it in or out.
func TestChanges(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	waits := func(kind resp.Kind, name string, want int) (list []<-chan struct{}) {
		t.Helper()
		list = h.Changes(kind, func(n string) bool { return n == name })
		if len(list) != want || isDone(list...) != (want == 0) {
			t.Errorf("%s %s: %d to wait for, want %d", kind, name, len(list), want)
		}
		return list
	}
	waits(resp.PMessage, "a", 0)
	p := h.Join(m.Listener, resp.PMessage, []string{"a", "b"}, nil)
	waits(resp.Message, "a", 0)
	waits(resp.PMessage, "c", 0)
	comes := waits(resp.PMessage, "b", 1)
	r.answerAll()
	wantEnter(t, h, p, true, nil)
	if !isDone(comes...) {
		t.Error("it has come, and is waited for")
	}
	waits(resp.PMessage, "a", 0)

	told := h.Part(resp.PMessage, []string{"a", "b", "c"})
	leaves := waits(resp.PMessage, "c", 1)
	h.Leave(m.Listener, resp.PMessage, "a", "b", "c")
	waits(resp.PMessage, "a", 2)
	h.Parted(told)
	if !isDone(leaves...) {
		t.Error("it has left, and is waited for")
	}
	waits(resp.PMessage, "c", 0) // never had it
	lets := waits(resp.PMessage, "b", 1)
	r.answerAll()
	if !isDone(lets...) {
		t.Error("Redis has let go, and is waited for")
	}
	waits(resp.PMessage, "a", 0)

	h.Join(m.Listener, resp.PMessage, []string{"a"}, nil)
	refused := waits(resp.PMessage, "a", 1)
	r.refuse(resp.PMessage, "a", errors.New("NOPERM"))
	if !isDone(refused...) {
		t.Error("it is refused, and is waited for")
	}
}

// TestListenersOfALeftName: Redis counts this relay until it has let go, but not before
// it has confirmed what it was asked for.
func TestListenersOfALeftName(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	upstream := func(want int) {
		t.Helper()
		if n, up := h.Listeners(resp.Message, []byte("a")); n != 0 || up != want {
			t.Errorf("%d listeners, %d on Redis, want 0 and %d", n, up, want)
		}
	}
	joined(t, h, r, m, "a")
	h.Leave(m.Listener, resp.Message, "a")
	upstream(1)
	r.answerAll()
	upstream(0)
	h.Join(m.Listener, resp.Message, []string{"a"}, nil)
	h.Leave(m.Listener, resp.Message, "a")
	upstream(0)
}

// TestLeaveThenJoin: a name that is wanted again before Redis has let go of it.
func TestLeaveThenJoin(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	joined(t, h, r, m, "a")
	released := h.Leave(m.Listener, resp.Message, "a")
	if _, active := subscribe(h, other, resp.Message, "a"); !active {
		t.Error("waits for what Redis still holds")
	}
	if !isDone(released...) {
		t.Error("waits for Redis to let go of what it keeps")
	}
	r.answerAll()
	if n := say(h, "a", "m", 0); n != 1 {
		t.Errorf("%d listeners", n)
	}
}

// TestLeaveThenJoinBeforeTheConfirmation has Redis confirm a name to somebody else than
// the one who asked for it, and has left: it does not let go of it, and nobody waits
// for that.
func TestLeaveThenJoinBeforeTheConfirmation(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	h.Join(m.Listener, resp.Message, []string{"a"}, nil)
	released := h.Leave(m.Listener, resp.Message, "a")
	if len(released) == 0 {
		t.Error("Redis was asked for it, and is not waited for")
	}
	p := h.Join(other.Listener, resp.Message, []string{"a"}, nil)
	r.answerAll()
	wantEnter(t, h, p, true, nil)
	if !isDone(released...) || h.Partings(resp.Message, []byte("a")) != nil {
		t.Error("waits for Redis to let go of what it keeps")
	}
}

func TestRefused(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	p := h.Join(m.Listener, resp.Message, []string{"good", "bad"}, nil)
	q := h.Join(other.Listener, resp.Message, []string{"good"}, nil)
	r.answer() // good
	refusal := errors.New("NOPERM")
	r.asked = nil
	r.refuse(resp.Message, "bad", refusal)
	if !isReady(p) || !isDone(p.Done()) || !errors.Is(p.Err(), refusal) {
		t.Errorf("done %v, %v", isDone(p.Done()), p.Err())
	}
	wantEnter(t, h, p, false, refusal)
	if h.WaitFor(resp.Message, []byte("bad")) != nil {
		t.Error("publishers wait for what was refused")
	}
	h.Leave(m.Listener, resp.Message, "good", "bad")
	wantEnter(t, h, q, true, nil) // somebody else's does not suffer
	if n := say(h, "good", "m", 0); n != 1 {
		t.Errorf("%d listeners of the name that was not refused", n)
	}
	wantStats(t, h, 1, 1, 0)
	if r.wanted[key{resp.Message, "bad"}] {
		t.Error("the refused name is still wanted")
	}
	m.wantEnds(t)
}

// TestRefusedAfterALoss: who listened to it before can hear nothing more.
func TestRefusedAfterALoss(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	joined(t, h, r, m, "a")
	joined(t, h, r, other, "b")
	r.lose(notify)
	r.refuse(resp.Message, "a", errors.New("NOPERM"))
	m.wantEnds(t, ReasonRefused)
	other.wantEnds(t)
	if _, active := subscribe(h, newMember(t, 1), resp.Message, "a"); active || len(r.asked) < 2 {
		t.Error("the refused name is not asked for again")
	}
	r.asked = nil
	r.refuse(resp.Message, "unknown", errors.New("NOPERM"))
	h.Confirmed(resp.Message, "unknown")
}

func notify(resp.Kind, string) bool { return false }

func TestLost(t *testing.T) {
	h, r := newHub(t)
	m, told, waits, local := newMember(t, 1<<20), newMember(t, 1<<20), newMember(t, 1<<20), newMember(t, 1<<20)
	joined(t, h, r, m, "a", "b") // ended once, though it has two names
	joined(t, h, r, told, "notify")
	joined(t, h, r, local, "local:events")
	p := h.Join(waits.Listener, resp.Message, []string{"a", "new"}, nil)
	say(h, "a", "last", 0)
	ended := r.lose(func(_ resp.Kind, name string) bool { return name != "notify" })
	if ended != 1 {
		t.Errorf("%d ended, want 1", ended)
	}
	m.wantEnds(t, ReasonGap)
	told.wantEnds(t)
	waits.wantEnds(t)
	local.wantEnds(t)

	// The subscription that waits needs both names in the next life.
	r.asked = nil
	r.held[key{resp.Message, "new"}] = true
	h.Confirmed(resp.Message, "new")
	wantEnter(t, h, p, false, nil) // the name that it had counted on was lost
	r.held[key{resp.Message, "a"}] = true
	h.Confirmed(resp.Message, "a")
	h.Confirmed(resp.Message, "a") // a second time changes nothing
	wantEnter(t, h, p, true, nil)
	if n := say(h, "a", "m", 0); n != 2 {
		t.Errorf("%d listeners, want who was ended and has not left, and who waited", n)
	}
	h.Flush()
	m.expect(string(frame("a", "last"))) // what was there before the loss
	m.nothing()
	waits.expect(string(frame("a", "m")))
	if s := h.Stats(); s.Ended != 1 {
		t.Errorf("%d missed, want the one for who was ended", s.Dropped)
	}
}

// TestLostReleases who waits for Redis to let go.
func TestLostReleases(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	joined(t, h, r, m, "a")
	released := h.Leave(m.Listener, resp.Message, "a")
	r.lose(notify)
	if !isDone(released...) {
		t.Error("the connection is gone, and it still waits")
	}
}

// TestLeaveWhileWaiting gives the subscription up as a whole, and publishers who
// waited for it go on.
func TestLeaveWhileWaiting(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	p := h.Join(m.Listener, resp.Message, []string{"a", "b"}, nil)
	q := h.Join(other.Listener, resp.Message, []string{"b"}, nil)
	h.Leave(m.Listener, resp.Message, "a", "b")
	if !isDone(p.Done()) || !errors.Is(p.Err(), ErrLeft) {
		t.Errorf("done %v, %v, want ErrLeft", isDone(p.Done()), p.Err())
	}
	r.answerAll()
	wantEnter(t, h, q, true, nil) // somebody else's does not suffer
	if a, b := say(h, "a", "m", 0), say(h, "b", "m", 0); a != 0 || b != 1 {
		t.Errorf("%d and %d listeners", a, b)
	}
	wantStats(t, h, 1, 1, 0)
	r.refuse(resp.Message, "a", errors.New("late"))
	wantStats(t, h, 1, 1, 0)
}

// TestLossInTheMiddle of a subscription that is entered part by part.
func TestLossInTheMiddle(t *testing.T) {
	const last = 3*lockedNames - 1
	var names []string
	for i := range last + 1 {
		names = append(names, fmt.Sprint("n", i))
	}
	first, final := names[0], names[last]
	for _, refused := range []bool{false, true} {
		h, r := newHub(t)
		m := newMember(t, 1<<20)
		p := h.Join(m.Listener, resp.Message, names, nil)
		r.answerAll()
		if active, more, err := h.enter(p); active || !more || err != nil {
			t.Fatalf("the first part: got %v, %v, %v", active, more, err)
		}
		if a, z := say(h, first, "m", 0), say(h, final, "m", 0); a != 1 || z != 0 {
			t.Errorf("%d listen to the first, %d to the last; want 1 and 0", a, z)
		}
		r.lose(notify)
		wantEnter(t, h, p, false, nil)
		if refused {
			r.refuse(resp.Message, final, errors.New("NOPERM"))
			m.wantEnds(t, ReasonRefused) // it may have heard something of the first
			h.Leave(m.Listener, resp.Message, names...)
			r.answerAll()
			wantStats(t, h, 0, 0, 0)
			continue
		}
		r.answerAll()
		wantEnter(t, h, p, true, nil)
		m.wantEnds(t)
		if a, z := say(h, first, "m", 0), say(h, final, "m", 0); a != 1 || z != 1 {
			t.Errorf("%d listen to the first, %d to the last; want 1 and 1", a, z)
		}
		wantStats(t, h, len(names), len(names), 0)
	}
}

func TestLocalNamesAreNotAsked(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	if _, active := subscribe(h, m, resp.Message, "local:events"); !active {
		t.Error("waits for Redis")
	}
	if len(r.wanted) != 0 {
		t.Errorf("asked Redis for %v", r.wanted)
	}
	if n, up := h.Listeners(resp.Message, []byte("local:events")); n != 1 || up != 0 {
		t.Errorf("%d listeners, %d on Redis", n, up)
	}
	if released := h.Leave(m.Listener, resp.Message, "local:events"); released != nil {
		t.Error("waits for Redis to let go of it")
	}
}

func TestAudience(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	joined(t, h, r, m, "chat:1")
	pending := []*Pending{
		h.Join(m.Listener, resp.PMessage, []string{"chat:*", "user:*"}, nil),
		h.Join(other.Listener, resp.PMessage, []string{"chat:*"}, nil),
		h.Join(other.Listener, resp.SMessage, []string{"chat:1"}, nil),
	}
	if h.WaitFor(resp.Message, []byte("chat:9")) == nil || h.WaitFor(resp.Message, []byte("x")) != nil {
		t.Error("publishers wait for patterns that match, and for no others")
	}
	r.answerAll()
	for _, p := range pending {
		wantEnter(t, h, p, true, nil)
	}
	cases := []struct {
		kind                resp.Kind
		channel             string
		listeners, upstream int
	}{
		{resp.Message, "chat:1", 3, 2},
		{resp.Message, "chat:2", 2, 1},
		{resp.Message, "other", 0, 0},
		{resp.SMessage, "chat:1", 1, 1}, // patterns do not match shard channels
		{resp.SMessage, "chat:2", 0, 0},
	}
	for _, c := range cases {
		if n, up := h.Audience(c.kind, []byte(c.channel)); n != c.listeners || up != c.upstream {
			t.Errorf("%s %s: got %d, %d, want %d, %d", c.kind, c.channel, n, up, c.listeners, c.upstream)
		}
	}
	if n, up := h.Listeners(resp.PMessage, []byte("chat:*")); n != 2 || up != 1 {
		t.Errorf("listeners of a pattern: %d, %d", n, up)
	}
}

// TestHoldKeepsMessagesBack: the order of a connection is that of its commands.
func TestHoldKeepsMessagesBack(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	joined(t, h, r, m, "a")
	say(h, "a", "1", 0)
	h.Flush()
	hold := m.Hold() // a PUBLISH whose answer is under way
	say(h, "a", "2", 0)
	h.Flush()
	m.expect(string(frame("a", "1")))
	m.nothing()
	hold.Fill([]byte(":1\r\n"))
	say(h, "a", "3", 0)
	h.Flush()
	m.expect(":1\r\n" + string(frame("a", "2")) + string(frame("a", "3")))
}

func TestRESP3(t *testing.T) {
	h, r := newHub(t)
	two, three := newMember(t, 1<<20), newMember(t, 1<<20)
	joined(t, h, r, two, "a")
	joined(t, h, r, three, "a")
	say(h, "a", "0", 0)
	h.SetRESP3(three.Listener, true)
	frames := chunk(frame("a", "1"), frame("a", "*3\r\n"), frame("a", ""))
	push := string(frame("a", "0"))
	plain := push
	for _, f := range frames {
		h.Deliver(resp.Message, []byte("a"), f, 0)
		plain += string(f)
		push += ">" + string(f[1:])
	}
	h.Flush()
	two.expect(plain)
	three.expect(push)
	if strings.Contains(string(frames[0]), ">") {
		t.Error("the frame that others share was changed")
	}
	h.SetRESP3(three.Listener, false)
	say(h, "a", "4", 0)
	h.Flush()
	three.expect(string(frame("a", "4")))
}

// TestModes: who is served, who misses what, and who is disconnected, counted.
func TestModes(t *testing.T) {
	message := frame("a", strings.Repeat("x", 100))
	room := int64(3 * len(message)) // for three messages
	cases := []struct {
		name     string
		mode     Mode
		room     []int64 // of each listener
		want     []int   // messages of ten that each gets
		dropped  uint64
		slow     int
		reported int // what each Deliver returns
	}{
		{"all have room", 0, []int64{1 << 20, 1 << 20}, []int{10, 10}, 0, 0, 2},
		{"one is slow", 0, []int64{1 << 20, room}, []int{10, 3}, 7, 1, 2},
		{"one is slow, dropped", ModeDrop, []int64{1 << 20, room}, []int{10, 3}, 7, 0, 2},
		{"both are slow, dropped", ModeDrop, []int64{room, room}, []int{3, 3}, 14, 0, 2},
		{"one in turn", ModeOne, []int64{1 << 20, 1 << 20}, []int{5, 5}, 0, 0, 1},
		{"one in turn, one is slow", ModeOne, []int64{1 << 20, room}, []int{7, 3}, 0, 0, 1},
		{"one in turn, all are slow", ModeOne | ModeDrop, []int64{room, room}, []int{3, 3}, 4, 0, 1},
		{"one in turn, all are slow, and none is disconnected", ModeOne, []int64{room, room}, []int{3, 3}, 4, 0, 1},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h, r := newHub(t)
			var members []*member
			for _, room := range c.room {
				m := newMember(t, room)
				joined(t, h, r, m, "a")
				members = append(members, m)
			}
			for range 10 { // each in memory of its own, so each fanned out by itself
				if n := h.Deliver(resp.Message, []byte("a"), slices.Clip(slices.Clone(message)), c.mode); n != c.reported {
					t.Errorf("Deliver returned %d, want %d", n, c.reported)
				}
			}
			h.Flush()
			ended := 0
			for i, m := range members {
				m.expect(strings.Repeat(string(message), c.want[i]))
				m.nothing()
				ended += len(m.ends)
			}
			if s := h.Stats(); s.Dropped+s.Ended != c.dropped || ended != c.slow {
				t.Errorf("dropped %d, ended %d; want %d, %d", s.Dropped+s.Ended, ended, c.dropped, c.slow)
			}
		})
	}
}

// TestRunsAreBounded, so that a listener with a small queue loses little of a
// burst; and every frame of a run is counted.
func TestRunsAreBounded(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, maxRun+1000)
	joined(t, h, r, m, "a")
	var messages [][]byte
	for range 3 * maxRun / 1000 {
		messages = append(messages, frame("a", strings.Repeat("x", 1000)))
	}
	for _, f := range chunk(messages...) {
		h.Deliver(resp.Message, []byte("a"), f, ModeDrop)
	}
	h.Flush()
	inRun := maxRun / len(messages[0])
	m.expect(strings.Repeat(string(messages[0]), inRun))
	if s := h.Stats(); s.Dropped != uint64(len(messages)-inRun) {
		t.Errorf("dropped %d of %d, and %d were written", s.Dropped, len(messages), inRun)
	}
}

// TestHubAtRandom drives listeners and Redis at random and compares with what they
// must hear; the seed of a failure is its name.
func TestHubAtRandom(t *testing.T) {
	for seed := range uint64(150) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { newRandom(t, seed).run() })
	}
}

// random is a hub, its listeners, and what is true of them.
type random struct {
	t       *testing.T
	rng     *rand.Rand
	hub     *Hub
	redis   *redis
	members []*member
	active  []map[key]bool
	pending []map[*Pending][]key
	want    []strings.Builder // what each must have been sent
	sent    int
}

func newRandom(t *testing.T, seed uint64) *random {
	r := &random{t: t, rng: rand.New(rand.NewPCG(seed, 3))}
	r.hub, r.redis = newHub(t)
	for range 4 {
		r.members = append(r.members, newMember(t, 1<<30))
		r.active = append(r.active, map[key]bool{})
		r.pending = append(r.pending, map[*Pending][]key{})
	}
	r.want = make([]strings.Builder, len(r.members))
	return r
}

func (r *random) key() key {
	names := []string{"a", "b", "c", "d", "local:x"}
	return key{resp.Kind(r.rng.IntN(resp.Kinds)), names[r.rng.IntN(len(names))]}
}

func (r *random) run() {
	for range 500 {
		i := r.rng.IntN(len(r.members))
		switch x := r.rng.IntN(100); {
		case x < 25:
			r.join(i)
		case x < 40:
			r.leave(i, r.key())
		case x < 60:
			r.redis.answer()
		case x < 90:
			r.deliver()
		case x < 93:
			r.refuse()
		case x < 94:
			r.redis.lose(notify)
		default:
			r.hub.Flush()
		}
		r.decide()
		r.check()
	}
	r.end()
}

// join subscribes i to one to three names that it does not have.
func (r *random) join(i int) {
	kind := r.key().kind
	var names []string
	var keys []key
	for range 1 + r.rng.IntN(3) {
		k := key{kind, r.key().name}
		if !r.has(i, k) && !slices.Contains(keys, k) {
			keys, names = append(keys, k), append(names, k.name)
		}
	}
	if len(keys) == 0 {
		return
	}
	r.pending[i][r.hub.Join(r.members[i].Listener, kind, names, nil)] = keys
}

func (r *random) has(i int, k key) bool {
	for _, keys := range r.pending[i] {
		if slices.Contains(keys, k) {
			return true
		}
	}
	return r.active[i][k]
}

// leave ends i's interest in k, or the whole subscription to it that waits.
func (r *random) leave(i int, k key) {
	for p, keys := range r.pending[i] {
		if !slices.Contains(keys, k) {
			continue
		}
		r.leaveAll(i, keys)
		if delete(r.pending[i], p); !isDone(p.Done()) || p.Err() == nil {
			r.t.Fatalf("left %v, and its subscription still waits", k)
		}
		return
	}
	r.leaveAll(i, []key{k})
	delete(r.active[i], k)
}

func (r *random) leaveAll(i int, keys []key) {
	names := make([]string, len(keys))
	for n, k := range keys {
		names[n] = k.name
	}
	r.hub.Leave(r.members[i].Listener, keys[0].kind, names...)
}

// refuse makes Redis refuse what it is asked for next.
func (r *random) refuse() {
	for i, k := range r.redis.asked {
		if r.redis.wanted[k] && !r.redis.held[k] {
			r.redis.asked = slices.Delete(slices.Clone(r.redis.asked), i, i+1)
			r.redis.refuse(k.kind, k.name, errors.New("NOPERM"))
			return
		}
	}
}

// decide does for the subscriptions that wait what a session does.
func (r *random) decide() {
	for i := range r.members {
		for p, keys := range r.pending[i] {
			switch active, err := r.hub.Enter(p); {
			case err != nil:
				r.leaveAll(i, keys)
			case active:
				for _, k := range keys {
					r.active[i][k] = true
				}
			default:
				continue
			}
			delete(r.pending[i], p)
		}
		if len(r.members[i].ends) > 0 { // a process that comes back after being ended
			r.replace(i)
		}
	}
}

// replace makes a new listener of one that the hub gave up.
func (r *random) replace(i int) {
	for k := range r.active[i] {
		r.hub.Leave(r.members[i].Listener, k.kind, k.name)
	}
	for _, keys := range r.pending[i] {
		r.leaveAll(i, keys)
	}
	r.hub.Flush()
	r.members[i].expect(r.want[i].String())
	r.members[i].nothing()
	r.want[i].Reset()
	clear(r.active[i])
	clear(r.pending[i])
	r.members[i] = newMember(r.t, 1<<30)
}

func (r *random) deliver() {
	k := r.key()
	r.sent++
	f := frame(k.name, fmt.Sprint(k.kind, r.sent))
	listeners := 0
	for i := range r.members {
		if r.active[i][k] {
			listeners++
			r.want[i].Write(f)
		}
	}
	if n := r.hub.Deliver(k.kind, []byte(k.name), f, 0); n != listeners {
		r.t.Fatalf("%d listeners of %v, want %d", n, k, listeners)
	}
}

func (r *random) check() {
	interest := map[key]bool{}
	listeners, waiting := 0, 0
	for i := range r.members {
		listeners += len(r.active[i])
		maps.Copy(interest, r.active[i])
		for _, keys := range r.pending[i] {
			waiting += len(keys)
			for _, k := range keys {
				interest[k] = true
			}
		}
	}
	wantStats(r.t, r.hub, len(interest), listeners, waiting)
	for k := range interest {
		if k.name == "local:x" {
			delete(interest, k)
		}
	}
	if !maps.Equal(interest, r.redis.wanted) {
		r.t.Fatalf("Redis is asked for %v, want %v", r.redis.wanted, interest)
	}
	if r.t.Failed() {
		r.t.FailNow()
	}
}

// end lets Redis answer all, compares what was heard, and lets everybody leave.
func (r *random) end() {
	r.redis.answerAll()
	r.decide()
	r.check()
	r.hub.Flush()
	for i, m := range r.members {
		if len(r.pending[i]) > 0 {
			r.t.Errorf("%d subscriptions wait, and Redis has answered all", len(r.pending[i]))
		}
		m.expect(r.want[i].String())
		m.nothing()
		for k := range r.active[i] {
			r.leave(i, k)
		}
	}
	r.redis.answerAll()
	wantStats(r.t, r.hub, 0, 0, 0)
	if len(r.redis.held) != 0 {
		r.t.Errorf("Redis still holds %v", r.redis.held)
	}
	if n := r.hub.changes.Load(); n > 0 {
		r.t.Errorf("%d changes are under way", n)
	}
	for kind := range r.hub.parting {
		if n := len(r.hub.parting[kind]); n > 0 {
			r.t.Errorf("%d names are still to be let go", n)
		}
	}
}
