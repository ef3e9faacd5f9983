package hub

// Which listeners messages reach, and how.

import (
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/resp"
)

func TestAudience(t *testing.T) {
	h, r := newHub(t)
	m, other := newMember(t, 1<<20), newMember(t, 1<<20)
	subscribeNow(t, h, r, m, "chat:1")
	for _, o := range []*outcome{
		subscribe(h, m, resp.PMessage, "chat:*", "user:*"),
		subscribe(h, other, resp.PMessage, "chat:*"),
		subscribe(h, other, resp.SMessage, "chat:1"),
	} {
		defer o.want(t, 1, nil)
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
	if n, up, _ := h.Listeners(resp.PMessage, []byte("chat:*")); n != 2 || up != 1 {
		t.Errorf("listeners of a pattern: %d, %d", n, up)
	}
	r.answerAll()
}

// TestMessagesPassUnknownAnswers, and answers that wait for these. Only confirmations that are known go out
// before them.
func TestMessagesPassUnknownAnswers(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	subscribeNow(t, h, r, m, "a")
	say(h, "a", "1", 0)
	flush(t, h)
	first, second := m.reserveReply(), m.reserveReply() // two PUBLISHes whose answers are under way
	joins, last := m.reserveConfirmation(), m.reserveReply()
	say(h, "a", "2", 0)
	flush(t, h)
	m.expect(string(frame("a", "1")) + string(frame("a", "2")))
	m.nothing()
	second.Complete([]byte(":2\r\n"))
	say(h, "a", "3", 0)
	flush(t, h)
	m.expect(string(frame("a", "3")))
	m.nothing()
	joins.Complete([]byte("+joined\r\n"))
	say(h, "a", "4", 0)
	last.Complete([]byte(":3\r\n"))
	flush(t, h)
	m.nothing()
	first.Complete([]byte(":1\r\n"))
	say(h, "a", "5", 0)
	flush(t, h)
	m.expect(":1\r\n:2\r\n+joined\r\n" + string(frame("a", "4")) + ":3\r\n" + string(frame("a", "5")))
}

func TestRESP3(t *testing.T) {
	h, r := newHub(t)
	two, three := newMember(t, 1<<20), newMember(t, 1<<20)
	subscribeNow(t, h, r, two, "a")
	subscribeNow(t, h, r, three, "a")
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
	flush(t, h)
	two.expect(plain)
	three.expect(push)
	if strings.Contains(string(frames[0]), ">") {
		t.Error("the frame that others share was changed")
	}
	h.SetRESP3(three.Listener, false)
	say(h, "a", "4", 0)
	flush(t, h)
	three.expect(string(frame("a", "4")))
}

// TestProtocolChangesAtItsPlace: messages behind the answer of a HELLO are in the new protocol, also while that
// answer waits, and those before it in the old one.
func TestProtocolChangesAtItsPlace(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, 1<<20)
	subscribeNow(t, h, r, m, "a")
	push := func(payload string) string { return ">" + string(frame("a", payload)[1:]) }
	first := m.reserveReply()
	hello := m.reserve(&Slot{Before: func() { h.SetRESP3(m.Listener, true) }})
	hello.Complete([]byte("%0\r\n"))
	say(h, "a", "1", 0)
	flush(t, h)
	m.expect(string(frame("a", "1")))
	joins := m.reserveConfirmation()
	say(h, "a", "2", 0) // it is not fanned out yet
	joins.Complete([]byte("+joined\r\n"))
	say(h, "a", "3", 0)
	flush(t, h)
	m.expect(string(frame("a", "2")))
	m.nothing()
	first.Complete([]byte(":1\r\n"))
	say(h, "a", "4", 0)
	flush(t, h)
	m.expect(":1\r\n%0\r\n+joined\r\n" + push("3") + push("4"))
}

// TestClosedByWhatStandsBefore: what is fanned out before an answer may cost the connection.
func TestClosedByWhatStandsBefore(t *testing.T) {
	for _, first := range []bool{true, false} {
		m := newMember(t, 1<<20)
		var waiting *Slot
		if !first {
			waiting = m.reserveReply()
		}
		closing := m.reserve(&Slot{Before: m.Close})
		after := m.reserveConfirmation()
		after.Complete([]byte("+joined\r\n"))
		closing.Complete([]byte("%0\r\n"))
		if waiting != nil {
			waiting.Complete([]byte(":1\r\n"))
		}
		if !m.Closed() {
			t.Error("it is not closed")
		}
	}
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
			var missed uint64
			h.OnMissed(func(channel []byte, n int) {
				if missed += uint64(n); string(channel) != "a" {
					t.Errorf("missed on %q", channel)
				}
			})
			var members []*member
			for _, room := range c.room {
				m := newMember(t, room)
				subscribeNow(t, h, r, m, "a")
				members = append(members, m)
			}
			for range 10 { // each in memory of its own, so each fanned out by itself
				if n := h.Deliver(resp.Message, []byte("a"), slices.Clip(slices.Clone(message)), c.mode); n != c.reported {
					t.Errorf("Deliver returned %d, want %d", n, c.reported)
				}
			}
			flush(t, h)
			ended := 0
			for i, m := range members {
				m.expect(strings.Repeat(string(message), c.want[i]))
				m.nothing()
				ended += len(m.why)
			}
			if s := h.Stats(); s.Dropped+s.Ended != c.dropped || ended != c.slow {
				t.Errorf("dropped %d, ended %d; want %d, %d", s.Dropped+s.Ended, ended, c.dropped, c.slow)
			}
			if missed != c.dropped {
				t.Errorf("OnMissed was told of %d, want %d", missed, c.dropped)
			}
		})
	}
}

// TestRunsAreBounded, so that a listener with a small queue loses little of a
// burst; and every frame of a run is counted.
func TestRunsAreBounded(t *testing.T) {
	h, r := newHub(t)
	m := newMember(t, maxRun+1000)
	subscribeNow(t, h, r, m, "a")
	var messages [][]byte
	for range 3 * maxRun / 1000 {
		messages = append(messages, frame("a", strings.Repeat("x", 1000)))
	}
	for _, f := range chunk(messages...) {
		h.Deliver(resp.Message, []byte("a"), f, ModeDrop)
	}
	flush(t, h)
	inRun := maxRun / len(messages[0])
	m.expect(strings.Repeat(string(messages[0]), inRun))
	if s := h.Stats(); s.Dropped != uint64(len(messages)-inRun) {
		t.Errorf("dropped %d of %d, and %d were written", s.Dropped, len(messages), inRun)
	}
}
