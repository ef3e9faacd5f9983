package account

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// book of one publisher on one channel: message n is sent at 10n+1 and reaches Redis
// at 10n+2.
func tenMessages() *Ledger {
	l := NewLedger(1, 1)
	for n := range 10 {
		at := int64(10 * n)
		id := l.Send(0, 0, at+1)
		l.Reach(id, at+2)
		l.Reply(id, Acknowledged)
	}
	return l
}

// story is what happens to an ear: "join 5" and the like, or "hear 3 4 5".
func tell(e *Ear, story string) {
	for step := range strings.SplitSeq(story, ", ") {
		var verb string
		var a, b int64
		n, _ := fmt.Sscan(step, &verb, &a, &b)
		switch verb {
		case "ask":
			e.Ask(0, 1, a)
		case "join":
			e.Ask(0, 1, a)
			e.Join(0, a)
		case "leave":
			e.Leave(0, a)
		case "left":
			e.End(0, a)
		case "end":
			e.EndAll(a)
		case "gap":
			e.Told(Gap{a, b, func(ID) bool { return true }})
		case "hear":
			if n < 3 {
				b = a
			}
			for ; a <= b; a++ {
				_, _ = e.Hear(0, AppendPayload(nil, ID{0, 0, int(a)}, 10*a+1, 0))
			}
		default:
			panic(step)
		}
	}
}

// TestAudit: a row is what an account's listeners live through, one after the other,
// and what is to be found.
func TestAudit(t *testing.T) {
	const (
		notified = 1 << iota
		drops
		rated
	)
	second := int64(time.Second)
	for name, c := range map[string]struct {
		stories []string
		agreed  int
		want    Tally
		fault   string // empty: none
	}{
		"all heard":         {[]string{"join 0, hear 0 9"}, 0, Tally{Due: 10, Delivered: 10}, ""},
		"came in the midst": {[]string{"join 51, hear 6 9"}, 0, Tally{Due: 4, Delivered: 4, Away: 6}, ""},
		"one missing": {
			[]string{"join 0, hear 0 4, hear 6 9"},
			0,
			Tally{Due: 10, Delivered: 9, Silent: 1},
			"missed 1 messages",
		},
		"deaf to the end": {[]string{"join 0, hear 0 7"}, 0, Tally{Due: 10, Delivered: 8, Silent: 2}, "missed 2 messages"},
		"disconnected": {
			[]string{"join 0, hear 0 4, end 75, join 85, hear 9"},
			0,
			Tally{Due: 9, Delivered: 6, Cut: 3, Away: 1},
			"",
		},
		"a hole before the disconnect": {
			[]string{"join 0, hear 0 3, hear 5, end 75, join 85, hear 9"},
			0,
			Tally{Due: 9, Delivered: 6, Cut: 2, Silent: 1, Away: 1},
			"message 4",
		},
		"disconnected too late": {
			[]string{fmt.Sprintf("join 0, hear 0 4, end %d", 20*second)},
			0,
			Tally{Due: 10, Delivered: 5, Cut: 5},
			"disconnected 19.99",
		},
		"left":          {[]string{"join 0, hear 0 4, leave 55, end 95"}, 0, Tally{Due: 6, Delivered: 5, Cut: 1, Away: 4}, ""},
		"gap told":      {[]string{"join 0, hear 0 3, gap 42 72, hear 8 9"}, notified, Tally{Due: 10, Delivered: 6, Gap: 4}, ""},
		"gap too short": {[]string{"join 0, hear 0 3, gap 51 72, hear 8 9"}, notified, Tally{Due: 10, Delivered: 6, Gap: 3, Silent: 1}, "message 4"},
		"disconnected before the gap was told": {
			[]string{"join 0, hear 0 3, hear 8, end 85, join 86, hear 9"},
			notified,
			Tally{Due: 10, Delivered: 6, Cut: 4},
			"",
		},
		"unsubscribed, and no gap told": {
			[]string{"join 0, hear 0 3, hear 8, leave 85, left 86, join 86, hear 9"},
			notified,
			Tally{Due: 10, Delivered: 6, Silent: 4},
			"missed 4 messages",
		},
		"disconnected long after a gap that was not told": {
			[]string{fmt.Sprintf("join 0, hear 0 3, hear 8 9, end %d", 6*second)},
			notified,
			Tally{Due: 10, Delivered: 6, Silent: 4},
			"missed 4 messages",
		},
		"gap told to who wants a disconnect": {
			[]string{"join 0, hear 0 3, gap 42 72, hear 8 9"},
			0,
			Tally{Due: 10, Delivered: 6, Silent: 4},
			"missed 4 messages",
		},
		"dropped": {[]string{"join 0, hear 0 3, hear 8 9"}, drops, Tally{Due: 10, Delivered: 6, Dropped: 4}, ""},
		"over the rate": {
			[]string{"join 0, hear 0 3, hear 8 9"},
			rated,
			Tally{Due: 10, Delivered: 6, Dropped: 4},
			"",
		},
		"twice": {[]string{"join 0, hear 0 9, hear 9"}, 0, Tally{Due: 10, Delivered: 10}, "came twice"},
		"twice, over two connections": {
			[]string{"join 0, hear 0 5, end 59, join 59, hear 5 9"}, 0, Tally{Due: 10, Delivered: 10}, "came twice",
		},
		"out of order":  {[]string{"join 0, hear 0 3, hear 5, hear 4, hear 6 9"}, 0, Tally{Due: 10, Delivered: 10}, "behind a later one"},
		"heard unasked": {[]string{"hear 0, join 9, hear 1 9"}, 0, Tally{Due: 10, Delivered: 10}, "is not subscribed"},
		"heard before its confirmation": {
			[]string{"ask 0, hear 0, join 9, hear 1 9"}, 0, Tally{Due: 10, Delivered: 10}, "is not subscribed",
		},
		"shared":           {[]string{"join 0, hear 0 4", "join 0, hear 5 9"}, 0, Tally{Due: 10, Delivered: 10}, ""},
		"shared, and both": {[]string{"join 0, hear 0 5", "join 0, hear 5 9"}, 0, Tally{Due: 10, Delivered: 10}, "came to 2"},
		"shared, and lost with one": {
			[]string{"join 0, hear 0 4, end 62", "join 0, hear 6 9"}, 0, Tally{Due: 10, Delivered: 9, Cut: 1}, "",
		},
		"shared, and lost with one before it knew": {
			[]string{"ask 48, end 62", "join 0, hear 0 4, hear 6 9"}, 0, Tally{Due: 10, Delivered: 9, Cut: 1}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := &Account{Name: "test", Agreement: Agreement{
				Notified: c.agreed&notified != 0, Drops: c.agreed&drops != 0, Rated: c.agreed&rated != 0,
			}}
			for i, story := range c.stories {
				a.Ears = append(a.Ears, NewEar(fmt.Sprint("ear ", i), 1, 1))
				tell(a.Ears[i], story)
			}
			got, faults := reckon(tenMessages(), a)
			text := strings.Join(faults.First, "; ")
			if (text == "") != (c.fault == "") || !strings.Contains(text, c.fault) {
				t.Errorf("faults %q, want %q", text, c.fault)
			}
			if d := got.Drops[1]; c.agreed&(drops|rated) != 0 && d != (Range{c.want.Dropped, c.want.Dropped}) {
				t.Errorf("drops %+v, want %d", d, c.want.Dropped)
			}
			var counts Tally
			if counts.Add(got); fmt.Sprint(counts) != fmt.Sprint(c.want) {
				t.Errorf("got  %+v\nwant %+v", counts, c.want)
			}
		})
	}
}

// TestAuditOfFates: who is told that a message was not published, and somebody hears
// it, was not told the truth; and what nobody knows to be published is not missed.
func TestAuditOfFates(t *testing.T) {
	for fate, want := range map[Fate]string{Unknown: "", Acknowledged: "", Refused: "was heard", Withheld: "was heard"} {
		l := NewLedger(1, 1)
		l.Reply(l.Send(0, 0, 1), fate)
		l.Send(0, 0, 11) // of which nothing is known
		e := NewEar("ear", 1, 1)
		tell(e, "join 0, hear 0")
		got, faults := reckon(l, &Account{Ears: []*Ear{e}})
		if text := strings.Join(faults.First, "; "); (text == "") != (want == "") || !strings.Contains(text, want) || got.Silent > 0 {
			t.Errorf("fate %d: %q, want %q", fate, text, want)
		}
	}
}

// TestLateUnknown: a message that may have been published may also be so later than
// the next one.
func TestLateUnknown(t *testing.T) {
	l := tenMessages()
	l.Reply(ID{0, 0, 4}, Unknown)
	e := NewEar("ear", 1, 1)
	tell(e, "join 0, hear 0 3, hear 5, hear 4, hear 6 9")
	if _, faults := reckon(l, &Account{Ears: []*Ear{e}}); faults.Count > 0 {
		t.Errorf("%q", faults.First)
	}
}

// TestAuditByKind: who agreed to miss messages of a kind is due all others, and what is
// of one kind only is not on the account of another.
func TestAuditByKind(t *testing.T) {
	l := tenMessages()
	e := NewEar("ear", 1, 1)
	tell(e, "join 0, hear 0 1, hear 3 9") // 2 is a cursor, as 7 is
	for _, c := range []struct {
		agreed                  Agreement
		due, delivered, dropped int
		fault                   string // empty: none
	}{
		{Agreement{Kinds: Of(KindCursor), Drops: true}, 2, 1, 1, ""},
		{Agreement{Kinds: Of(KindMessage, KindTyping)}, 4, 4, 0, ""},
		{Agreement{Kinds: Of(KindCursor)}, 2, 1, 0, "missed 1 messages"},
		{Agreement{Kinds: AllKinds, Drops: true}, 10, 9, 1, ""},
	} {
		got, faults := reckon(l, &Account{Ears: []*Ear{e}, Agreement: c.agreed})
		if text := strings.Join(faults.First, "; "); (text == "") != (c.fault == "") || !strings.Contains(text, c.fault) {
			t.Errorf("%v: faults %q, want %q", c.agreed.Kinds, text, c.fault)
		}
		if got.Due != c.due || got.Delivered != c.delivered || got.Dropped != c.dropped {
			t.Errorf("%v: %+v, want %d due, %d delivered, %d dropped", c.agreed.Kinds, got, c.due, c.delivered, c.dropped)
		}
	}
}

// reckon audits an account and its listeners.
func reckon(l *Ledger, a *Account) (t Tally, faults Faults) {
	for _, e := range a.Ears {
		faults.Join("", l.AuditEar(e))
	}
	t = l.Audit(a)
	faults.Join("", t.Faults)
	t.Faults = Faults{}
	return t, faults
}
