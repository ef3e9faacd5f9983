package history

// The Feed without Redis: copies, losses, missing streams and bounds.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/stream"
)

// TestEveryCopyIsDeliveredOnce whatever of them comes first, also while entries before
// them are missing.
func TestEveryCopyIsDeliveredOnce(t *testing.T) {
	r := newRoom(t)
	r.patterns = []string{"x*"}
	r.stand(1)
	say := func(id, payload string, count int) {
		r.tell("c", "", fmt.Sprintf("%s p %d", id, count))
		r.accept(message("c", "", payload))
		r.accept(message("c", "x*", payload))
	}
	r.tell("c", "", "3-0,4-0 q 1") // together: the count is that of the first
	for _, m := range []string{"a", "b"} {
		r.accept(message("c", "", m))
		r.accept(message("c", "x*", m))
	}
	r.expect(t, "c a", "cx* a", "c b", "cx* b")
	if n := r.channels.byName["c"].counts["q"]; n != 2 {
		t.Errorf("counted %d messages of q, want 2", n)
	}
	say("5-0", "one", 1)
	r.expect(t, "c one", "cx* one")
	say("7-0", "three", 3) // the second has not come
	r.accept(message("c", "", "plain"))
	r.accept(message("c", "x*", "plain"))
	r.expect(t)
	if s := r.Stats(); s.Behind != 1 || s.Held == 0 {
		t.Errorf("%+v, want one channel behind", s)
	}
	r.compareAll(tail{newest: stream.ID{Ms: 7}, added: 3, length: 3, first: stream.ID{Ms: 5}, entries: []measured{
		{Entry: stream.Entry{ID: stream.ID{Ms: 6}, Fields: [][]byte{[]byte("payload"), []byte("two")}}},
		{Entry: stream.Entry{ID: stream.ID{Ms: 7}, Fields: [][]byte{[]byte("payload"), []byte("three")}}},
	}})
	r.expect(t, "c two", "cx* two", "c three", "cx* three", "c plain", "cx* plain")
	say("8-0", "four", 4)
	r.expect(t, "c four", "cx* four")
	if s := r.Stats(); s.Behind != 0 || s.Held != 0 || s.Healed != 1 || len(r.gaps) > 0 {
		t.Errorf("%+v and gaps %v", s, r.gaps)
	}
}

// TestEntriesKeepTheirTraces: those that come, those that wait for others, and those that are read; for each name.
func TestEntriesKeepTheirTraces(t *testing.T) {
	r := newRoom(t)
	r.patterns = []string{"x*"}
	r.stand(1)
	say := func(announced, payload string) {
		if announced != "" {
			r.tell("c", "", announced)
		}
		r.accept(message("c", "", payload))
		r.accept(message("c", "x*", payload))
	}
	say("5-0 p 1 json T1", "one")
	say("", "plain")
	say("6-0 p 2", "two")
	say("8-0 p 4 payload T4", "four") // the third has not come
	say("9-0 p 5 payload a b", "five")
	say("", "plain")
	r.compareAll(tail{newest: stream.ID{Ms: 9}, added: 5, length: 5, first: stream.ID{Ms: 5}, entries: []measured{
		{Entry: stream.Entry{ID: stream.ID{Ms: 7}, Fields: [][]byte{
			[]byte("json"), []byte("three"), []byte(stream.TraceField), []byte("T3"),
		}}},
	}})
	want := []string{"T1", "T1", "", "", "", "", "T3", "T3", "T4", "T4", "", "", "", ""}
	if !slices.Equal(r.traces, want) {
		t.Errorf("heard %q with the traces %q, want %q", r.heard, r.traces, want)
	}
}

// TestPartialEntry is an entry whose copy for the name came, and not the one for the
// pattern.
func TestPartialEntry(t *testing.T) {
	r := newRoom(t)
	r.patterns = []string{"x*"}
	r.stand(1)
	r.tell("c", "", "5-0,6-0 p 1")
	r.accept(message("c", "", "one"))
	r.accept(message("c", "x*", "one"))
	r.accept(message("c", "", "two"))
	r.expect(t, "c one", "cx* one", "c two")
	r.Lost()
	r.Up()
	r.compareAll(tail{newest: stream.ID{Ms: 7}, added: 3, length: 3, first: stream.ID{Ms: 5}, entries: []measured{
		{Entry: stream.Entry{ID: stream.ID{Ms: 6}, Fields: [][]byte{[]byte("payload"), []byte("two")}}},
		{Entry: stream.Entry{ID: stream.ID{Ms: 7}, Fields: [][]byte{[]byte("payload"), []byte("three")}}},
	}})
	r.expect(t, "cx* two", "c three", "cx* three")
	if after := r.channels.byName["c"].last; after != (stream.ID{Ms: 7}) {
		t.Errorf("goes on behind %v, want 7-0", after)
	}

	r.tell("c", "", "8-0 p 4")
	r.accept(message("c", "", "four"))
	r.SubscribedPattern() // of a pattern that comes now: it is not owed what was before
	r.Lost()
	if after := r.channels.byName["c"].last; after != (stream.ID{Ms: 8}) {
		t.Errorf("goes on behind %v, want 8-0", after)
	}
}

// TestDeliveredBeforeAllIsSubscribed: while a connection is being restored, an entry may come for
// the name and not yet for a pattern. Both get it, when it is read.
func TestDeliveredBeforeAllIsSubscribed(t *testing.T) {
	r := newRoom(t)
	r.patterns = []string{"x*"}
	r.stand(1)
	r.tell("c", "", "5-0 p 1")
	r.accept(message("c", "", "one"))
	r.accept(message("c", "x*", "one"))
	r.expect(t, "c one", "cx* one")
	r.Lost()
	r.tell("c", "", "6-0 p 2")
	r.accept(message("c", "", "two"))
	r.expect(t)
	r.Up()
	r.compareAll(tail{newest: stream.ID{Ms: 6}, added: 2, length: 2, first: stream.ID{Ms: 5}, entries: []measured{
		{Entry: stream.Entry{ID: stream.ID{Ms: 6}, Fields: [][]byte{[]byte("payload"), []byte("two")}}},
	}})
	r.expect(t, "c two", "cx* two")
}

// TestNothingOvertakesEntries: messages without history that came, and had to wait for
// entries, are never delivered before those. Where their place is not known any more, they
// are dropped, and a gap tells of it.
func TestNothingOvertakesEntries(t *testing.T) {
	missed := tail{newest: stream.ID{Ms: 7}, added: 3, length: 3, first: stream.ID{Ms: 5}, entries: []measured{
		{Entry: stream.Entry{ID: stream.ID{Ms: 6}, Fields: [][]byte{[]byte("payload"), []byte("two")}}},
		{Entry: stream.Entry{ID: stream.ID{Ms: 7}, Fields: [][]byte{[]byte("payload"), []byte("three")}}},
	}}
	behindOne := func(t *testing.T) *room {
		r := newRoom(t)
		r.stand(1)
		r.tell("c", "", "5-0 p 1")
		r.accept(message("c", "", "one"))
		r.Lost()
		r.Up()
		r.expect(t, "c one")
		return r
	}
	told := func(t *testing.T, r *room) {
		t.Helper()
		if len(r.gaps) != 1 || r.gaps[0].Channel != "c" || r.gaps[0].Missing != 1 {
			t.Errorf("told %v, want one message missing on c", r.gaps)
		}
	}
	t.Run("lost again", func(t *testing.T) {
		r := behindOne(t)
		r.accept(message("c", "", "typing")) // between two and three, or before both
		r.Lost()
		r.Up()
		r.accept(message("c", "", "behind"))
		r.compareAll(missed)
		r.expect(t, "c two", "c three", "c behind")
		told(t, r)
	})
	t.Run("no room for an entry", func(t *testing.T) {
		r := behindOne(t)
		r.holding.bytes = maxHeld
		r.tell("c", "", "7-0 p 3")
		r.accept(message("c", "", "three"))
		r.holding.bytes = 0
		r.accept(message("c", "", "typing"))
		r.compareAll(tail{newest: stream.ID{Ms: 6}, added: 2, length: 2, first: stream.ID{Ms: 5}, entries: missed.entries[:1]})
		r.expect(t, "c two")
		r.compareAll(tail{newest: stream.ID{Ms: 7}, added: 3, length: 3, first: stream.ID{Ms: 5}, entries: missed.entries[1:]})
		r.expect(t, "c three")
		told(t, r)
	})
}

// TestListenersThatComeBack: a listener that left, and comes again after a loss, does not get entries
// that it has, though the channel was dropped meanwhile.
func TestListenersThatComeBack(t *testing.T) {
	r := newRoom(t)
	r.patterns, r.nobody = []string{"x*"}, true
	r.stand(1)
	r.tell("c", "", "5-0 p 1")
	r.accept(message("c", "x*", "one"))
	r.Lost()
	r.patterns = nil
	r.Up()
	if len(r.channels.byName) > 0 {
		t.Fatalf("%d channels that nobody hears", len(r.channels.byName))
	}
	r.patterns = []string{"x*"}
	r.tell("c", "", "6-0 p 2")
	r.accept(message("c", "x*", "two"))
	if c := r.channels.byName["c"]; c.state != behind || c.last != (stream.ID{Ms: 5}) {
		t.Errorf("state %v, asks for what is behind %v, want 5-0", c.state, c.last)
	}
}

// TestCountsGoOnWhileBehind: one jump is one reading, however many messages come
// meanwhile.
func TestCountsGoOnWhileBehind(t *testing.T) {
	r := newRoom(t)
	r.stand(1)
	for _, n := range []int{1, 3, 4, 5} {
		r.tell("c", "", fmt.Sprintf("%d-0 p %d", n+4, n))
		r.accept(message("c", "", fmt.Sprint(n)))
	}
	r.expect(t, "c 1")
	r.compareAll(tail{newest: stream.ID{Ms: 9}, added: 4, length: 4, first: stream.ID{Ms: 5}})
	r.expect(t, "c 3", "c 4", "c 5")
	r.tell("c", "", "10-0 p 6")
	r.accept(message("c", "", "6"))
	r.expect(t, "c 6")
}

// TestUnreadableStream is a stream that is not there after a loss: deleted, or ended by its time
// to live.
func TestUnreadableStream(t *testing.T) {
	const hour = uint64(time.Hour / time.Millisecond)
	absent := tail{absent: true, refused: "ERR no such key"}
	for name, tt := range map[string]struct {
		kept         time.Duration
		last         uint64 // time of the last entry
		lostAt, seen uint64
		base, passed int64
		want         bool
	}{
		"deleted early":              {time.Hour, 10 * hour, 10 * hour, 10*hour + 1000, 1, 0, true},
		"expired":                    {time.Hour, 9 * hour, 10 * hour, 10*hour + 1000, 1, 0, false},
		"expired in a long outage":   {time.Hour, 8 * hour, 9 * hour, 11 * hour, 1, 0, true},
		"renewed late":               {time.Hour, 10*hour - hour*4/5, 10 * hour, 10*hour + 1, 1, 0, false},
		"kept for ever":              {0, 1, 10 * hour, 11 * hour, 1, 0, true},
		"there was none":             {time.Hour, 10 * hour, 10 * hour, 20 * hour, 0, 0, false},
		"there was none, then there": {time.Hour, 10 * hour, 10 * hour, 20 * hour, 0, 3, true},
		"it was not known":           {time.Hour, 10 * hour, 10 * hour, 20 * hour, -1, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			r.kept = tt.kept
			c := newChannel("c")
			c.state, c.last, c.exact, c.base, c.passed = behind, stream.ID{Ms: tt.last}, true, tt.base, tt.passed
			r.stand(tt.seen)
			r.past.lostAt = tt.lostAt
			r.channels.byName["c"] = c
			r.compareAll(absent)
			if got := len(r.gaps) > 0; got != tt.want {
				t.Errorf("gaps %v, want one: %v", r.gaps, tt.want)
			}
			if c.state != live || c.base != 0 {
				t.Errorf("state %v, base %d, want to go on from nothing", c.state, c.base)
			}
		})
	}
}

// TestHeldAndKeptAreBounded: messages that wait for missing entries, and entries that are kept for
// readers, take no more than the room for them, which may change.
func TestHeldAndKeptAreBounded(t *testing.T) {
	r := newRoom(t)
	r.tell("c", "", "1-0 p 1")
	r.accept(message("c", "", "one"))
	r.Lost()
	r.Up()
	n := uint64(1)
	entries := func() { // more than there is room for
		for range 40 {
			n++
			r.tell("c", "", fmt.Sprintf("%d-0 p %d", n, n))
			r.accept(message("c", "", strings.Repeat("x", 1000)))
		}
	}
	fits := func(what string, took int) {
		t.Helper()
		if bound := int(r.memory.Load()); took > bound || took < bound/2 {
			t.Errorf("%d bytes are %s, want up to %d", took, what, bound)
		}
	}
	r.memory.Store(10_000)
	entries()
	fits("held", r.Stats().Held)
	r.Lost()
	r.Up()
	r.memory.Store(20_000)
	r.channels.byName["c"].overflow = false // as when a script has read what came before
	entries()
	fits("held", r.Stats().Held)

	c := r.channels.start("kept", live, stream.ID{})
	c.subscription = &subscription{}
	for range 40 {
		n++
		r.channels.advance(c, stream.Entry{ID: stream.ID{Ms: n}, Fields: [][]byte{make([]byte, 1000)}})
		if kept := r.Stats().Kept; kept > 20_000 {
			t.Fatalf("%d bytes are kept", kept)
		}
	}
}
