package history

// The Feed without Redis: which message is an entry, and what a missing stream means.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestClaim pairs announcements with what follows them. A line is what comes, and
// what it is taken for: an entry's first copy, another, or none.
func TestClaim(t *testing.T) {
	const first, again, none = "first", "copy", "none"
	type step struct{ announce, channel, pattern, want string }
	for name, steps := range map[string][]step{
		"by name": {
			{"c:1-1 p 1", "c", "", first},
			{"", "c", "", none}, // a plain one follows
			{"c:1-2 p 2", "c", "", first},
			{"c:1-3 p 3", "c", "", first},
		},
		"by name and two patterns": {
			{"c:1-1 p 1", "c", "", first},
			{"", "c", "x*", again},
			{"", "c", "y*", again},
			{"", "c", "", none}, // plain, thrice
			{"", "c", "x*", none},
			{"", "c", "y*", none},
			{"c:1-2 p 2", "c", "", first},
			{"", "c", "x*", again},
			{"", "c", "y*", again},
		},
		"by patterns alone": {
			{"c:1-1 p 1", "c", "x*", first},
			{"", "c", "y*", again},
			{"", "c", "x*", none},
			{"", "c", "y*", none},
		},
		"announced thrice": { // for the name and for two patterns
			{"c:1-1 p 1", "", "", ""},
			{"c:1-1 p 1", "", "", ""},
			{"c:1-1 p 1", "c", "", first},
			{"", "c", "x*", again},
		},
		"several at once": {
			{"c:1-1,1-2,1-3 p 1", "c", "", first},
			{"", "c", "", first},
			{"", "c", "", first},
			{"", "c", "", none}, // a plain one follows
			{"c:1-4,1-5 p 4", "c", "", first},
			{"c:1-6 p 6", "c", "", first}, // the message of 1-5 did not come
		},
		"several, by name and a pattern": {
			{"c:1-1,1-2 p 1", "", "", ""},
			{"c:1-1,1-2 p 1", "c", "", first},
			{"", "c", "x*", again},
			{"", "c", "", first},
			{"", "c", "x*", again},
			{"", "c", "", none},
			{"", "c", "x*", none},
		},
		"not announced": {
			{"", "c", "", none},
			{"", "c", "x*", none},
		},
		"announced for another": {
			{"d:1-1 p 1", "c", "", none},
			{"", "d", "", none}, // its message did not come
			{"c:1-1 p 1", "d", "", none},
			{"", "c", "", none},
		},
		"of the same ID": {
			{"c:1-1 p 1", "c", "", first},
			{"d:1-1 p 1", "d", "", first},
			{"c:1-1 p 2", "c", "", first},
		},
		"a prefix of the other": {
			{"c:1-1 p 1", "cc", "", none},
			{"cc:1-1 p 1", "c", "", none},
		},
		"garbage": {
			{"c:", "c", "", none},
			{"c:1-1", "c", "", none},
			{"c:1-1 p", "c", "", none},
			{"c:1-1 p x", "c", "", none},
			{"c:x p 1", "c", "", none},
			{"c:1-1,x p 1", "c", "", none},
			{"c:1-1, p 1", "c", "", none},
			{"c:0-0 p 1", "c", "", none},
			{"c:1-1 p -1", "c", "", none},
			{"c:1-1 p 18446744073709551616", "c", "", none},
			{"c:1-1 p 1 two words", "c", "", first},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRoom(t)
			for i, s := range steps {
				if s.announce != "" {
					channel, text, _ := cut(s.announce)
					r.tell(channel, "", text)
				}
				if s.want == "" {
					continue
				}
				got := none
				switch id, isFirst := r.announced.claim(message(s.channel, s.pattern, "m")); {
				case !id.IsZero() && isFirst:
					got = first
				case !id.IsZero():
					got = again
				}
				if got != s.want {
					t.Errorf("step %d, %+v: taken for %s", i, s, got)
				}
			}
		})
	}
}

// cut splits at the first colon.
func cut(s string) (before, after string, ok bool) {
	for i := range s {
		if s[i] == ':' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// TestEveryCopyIsHeardOnce whatever of them comes first, also while entries before
// them are missing.
func TestEveryCopyIsHeardOnce(t *testing.T) {
	r := newRoom(t)
	r.patterns = []string{"x*"}
	r.stand(1)
	say := func(id, payload string, count int) {
		r.tell("c", "", fmt.Sprintf("%s p %d", id, count))
		r.hear(message("c", "", payload))
		r.hear(message("c", "x*", payload))
	}
	r.tell("c", "", "3-0,4-0 q 1") // together: the count is that of the first
	for _, m := range []string{"a", "b"} {
		r.hear(message("c", "", m))
		r.hear(message("c", "x*", m))
	}
	r.expect(t, "c a", "cx* a", "c b", "cx* b")
	if n := r.channels["c"].counts["q"]; n != 2 {
		t.Errorf("counted %d messages of q, want 2", n)
	}
	say("5-0", "one", 1)
	r.expect(t, "c one", "cx* one")
	say("7-0", "three", 3) // the second has not come
	r.hear(message("c", "", "plain"))
	r.hear(message("c", "x*", "plain"))
	r.expect(t)
	if s := r.Stats(); s.Behind != 1 || s.Held == 0 {
		t.Errorf("%+v, want one channel behind", s)
	}
	r.settleAll(tail{newest: ID{7, 0}, added: 3, length: 3, first: ID{5, 0}, entries: []Entry{
		{ID: ID{6, 0}, Fields: [][]byte{[]byte("payload"), []byte("two")}},
		{ID: ID{7, 0}, Fields: [][]byte{[]byte("payload"), []byte("three")}},
	}})
	r.expect(t, "c two", "cx* two", "c three", "cx* three", "c plain", "cx* plain")
	say("8-0", "four", 4)
	r.expect(t, "c four", "cx* four")
	if s := r.Stats(); s.Behind != 0 || s.Held != 0 || s.Healed != 1 || len(r.gaps) > 0 {
		t.Errorf("%+v and gaps %v", s, r.gaps)
	}
}

// TestHalfHeard is an entry whose copy for the name came, and not the one for the
// pattern.
func TestHalfHeard(t *testing.T) {
	r := newRoom(t)
	r.patterns = []string{"x*"}
	r.stand(1)
	r.tell("c", "", "5-0,6-0 p 1")
	r.hear(message("c", "", "one"))
	r.hear(message("c", "x*", "one"))
	r.hear(message("c", "", "two"))
	r.expect(t, "c one", "cx* one", "c two")
	r.Lost()
	r.Up()
	r.settleAll(tail{newest: ID{7, 0}, added: 3, length: 3, first: ID{5, 0}, entries: []Entry{
		{ID: ID{6, 0}, Fields: [][]byte{[]byte("payload"), []byte("two")}},
		{ID: ID{7, 0}, Fields: [][]byte{[]byte("payload"), []byte("three")}},
	}})
	r.expect(t, "cx* two", "c three", "cx* three")
	if after := r.channels["c"].last; after != (ID{7, 0}) {
		t.Errorf("goes on behind %v, want 7-0", after)
	}

	r.tell("c", "", "8-0 p 4")
	r.hear(message("c", "", "four"))
	r.ConfirmedPattern() // of a pattern that comes now: it is not owed what was before
	r.Lost()
	if after := r.channels["c"].last; after != (ID{8, 0}) {
		t.Errorf("goes on behind %v, want 8-0", after)
	}
}

// TestHeardBeforeAllStands: while a connection is being restored, an entry may come for
// the name and not yet for a pattern. Both get it, when it is read.
func TestHeardBeforeAllStands(t *testing.T) {
	r := newRoom(t)
	r.patterns = []string{"x*"}
	r.stand(1)
	r.tell("c", "", "5-0 p 1")
	r.hear(message("c", "", "one"))
	r.hear(message("c", "x*", "one"))
	r.expect(t, "c one", "cx* one")
	r.Lost()
	r.tell("c", "", "6-0 p 2")
	r.hear(message("c", "", "two"))
	r.expect(t)
	r.Up()
	r.settleAll(tail{newest: ID{6, 0}, added: 2, length: 2, first: ID{5, 0}, entries: []Entry{
		{ID: ID{6, 0}, Fields: [][]byte{[]byte("payload"), []byte("two")}},
	}})
	r.expect(t, "c two", "cx* two")
}

// TestNothingOvertakesEntries: messages without history that came, and had to wait for
// entries, are never heard before those. Where their place is not known any more, they
// are let go, and that is told.
func TestNothingOvertakesEntries(t *testing.T) {
	missed := tail{newest: ID{7, 0}, added: 3, length: 3, first: ID{5, 0}, entries: []Entry{
		{ID: ID{6, 0}, Fields: [][]byte{[]byte("payload"), []byte("two")}},
		{ID: ID{7, 0}, Fields: [][]byte{[]byte("payload"), []byte("three")}},
	}}
	behindOne := func(t *testing.T) *room {
		r := newRoom(t)
		r.stand(1)
		r.tell("c", "", "5-0 p 1")
		r.hear(message("c", "", "one"))
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
		r.hear(message("c", "", "typing")) // between two and three, or before both
		r.Lost()
		r.Up()
		r.hear(message("c", "", "behind"))
		r.settleAll(missed)
		r.expect(t, "c two", "c three", "c behind")
		told(t, r)
	})
	t.Run("no room for an entry", func(t *testing.T) {
		r := behindOne(t)
		r.holding.bytes = maxHeld
		r.tell("c", "", "7-0 p 3")
		r.hear(message("c", "", "three"))
		r.holding.bytes = 0
		r.hear(message("c", "", "typing"))
		r.settleAll(tail{newest: ID{6, 0}, added: 2, length: 2, first: ID{5, 0}, entries: missed.entries[:1]})
		r.expect(t, "c two")
		r.settleAll(tail{newest: ID{7, 0}, added: 3, length: 3, first: ID{5, 0}, entries: missed.entries[1:]})
		r.expect(t, "c three")
		told(t, r)
	})
}

// TestPartedComesBack: who left, and comes again after a loss, does not get what it
// has, though nobody kept the channel meanwhile.
func TestPartedComesBack(t *testing.T) {
	r := newRoom(t)
	r.patterns, r.nobody = []string{"x*"}, true
	r.stand(1)
	r.tell("c", "", "5-0 p 1")
	r.hear(message("c", "x*", "one"))
	r.Lost()
	r.patterns = nil
	r.Up()
	if len(r.channels) > 0 {
		t.Fatalf("%d channels that nobody hears", len(r.channels))
	}
	r.patterns = []string{"x*"}
	r.tell("c", "", "6-0 p 2")
	r.hear(message("c", "x*", "two"))
	if c := r.channels["c"]; c.state != behind || c.last != (ID{5, 0}) {
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
		r.hear(message("c", "", fmt.Sprint(n)))
	}
	r.expect(t, "c 1")
	r.settleAll(tail{newest: ID{9, 0}, added: 4, length: 4, first: ID{5, 0}})
	r.expect(t, "c 3", "c 4", "c 5")
	r.tell("c", "", "10-0 p 6")
	r.hear(message("c", "", "6"))
	r.expect(t, "c 6")
}

// TestGone is a stream that is not there after a loss: deleted, or ended by its time
// to live.
func TestGone(t *testing.T) {
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
			c.state, c.last, c.exact, c.base, c.passed = behind, ID{tt.last, 0}, true, tt.base, tt.passed
			r.stand(tt.seen)
			r.past.lostAt = tt.lostAt
			r.channels["c"] = c
			r.settleAll(absent)
			if got := len(r.gaps) > 0; got != tt.want {
				t.Errorf("gaps %v, want one: %v", r.gaps, tt.want)
			}
			if c.state != live || c.base != 0 {
				t.Errorf("state %v, base %d, want to go on from nothing", c.state, c.base)
			}
		})
	}
}

// TestHeldAndKeptAreBounded: what waits for missing entries, and what is kept for
// readers, take no more than there is room for, which may change.
func TestHeldAndKeptAreBounded(t *testing.T) {
	r := newRoom(t)
	r.tell("c", "", "1-0 p 1")
	r.hear(message("c", "", "one"))
	r.Lost()
	r.Up()
	n := uint64(1)
	entries := func() { // more than there is room for
		for range 40 {
			n++
			r.tell("c", "", fmt.Sprintf("%d-0 p %d", n, n))
			r.hear(message("c", "", strings.Repeat("x", 1000)))
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
	r.channels["c"].overflow = false // as when a script has read what came before
	entries()
	fits("held", r.Stats().Held)

	c := r.known.begin("kept", live, ID{})
	c.watch = &watch{}
	for range 40 {
		n++
		r.passEntry(c, Entry{ID: ID{n, 0}, Fields: [][]byte{make([]byte, 1000)}})
		if kept := r.Stats().Kept; kept > 20_000 {
			t.Fatalf("%d bytes are kept", kept)
		}
	}
}

// FuzzHear: whatever is announced, by whomever, each message is heard at once or held,
// and none twice. The script is a line for each step: "a <announcement>", or "m" and
// "p" for a message by its name and by a pattern.
func FuzzHear(f *testing.F) {
	f.Add("a 1-1 x 1\nm\np\na 1-2,1-3 x 2\nm\np\nm\np")
	f.Add("a 1-1 x 1\na 1-5 x 9\nm\nm\np")
	f.Add("a 1-1,0-0 x 1\nm")
	f.Add("a 2-1 x 18446744073709551615\nm\na 1-1 x 0\nm")
	f.Add("m\np\na 1-1 x 1 field\nm")
	f.Fuzz(func(t *testing.T, script string) {
		r := newRoom(t)
		r.patterns = []string{"x*"}
		r.stand(1)
		said := 0
		for line := range strings.Lines(script) {
			switch step, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); step {
			case "a":
				r.tell("c", "", text)
			case "m", "p":
				said++
				pattern := map[string]string{"p": "x*"}[step]
				r.hear(message("c", pattern, fmt.Sprint(said)))
			}
		}
		held := 0
		if c := r.channels["c"]; c != nil {
			held = len(c.held)
		}
		if len(r.heard)+held != said {
			t.Errorf("of %d messages %d were heard and %d are held", said, len(r.heard), held)
		}
		heard := slices.Clone(r.heard)
		slices.Sort(heard)
		if len(slices.Compact(heard)) != len(r.heard) {
			t.Errorf("heard twice: %q", r.heard)
		}
	})
}
