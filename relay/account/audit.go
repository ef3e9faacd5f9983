package account

// Comparing what was said with what was heard.

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Promptness is how late the relay may tell a listener, by disconnecting it, of what
// it has missed: the longest that a silent Redis stays undetected, and some more.
const Promptness = 15 * time.Second

// Account is of one listener, or of several that share the messages of one relay; of
// all they hear, or of some kinds.
type Account struct {
	Name, Class string
	Ears        []*Ear
	Agreement
}

// Agreement is what listeners may miss of some kinds of messages, and how they are
// told.
type Agreement struct {
	Kinds    Kinds // of these; none: of all
	Notified bool  // they are told of gaps by an event, not by a disconnect
	Drops    bool  // they miss messages when they are slow, which the relay counts
	Rated    bool  // they miss messages over the rate of a channel, which the relay counts
	Shared   bool  // of several listeners one gets each message
}

// covers tells whether an agreement is about a message.
func (a *Agreement) covers(id ID) bool { return a.Kinds == 0 || a.Kinds.Has(id.Kind()) }

// Tally is the result: Due = Delivered + Gap + Cut + Dropped + Silent, and Silent
// must be none.
type Tally struct {
	Due       int // published while somebody was subscribed
	Delivered int
	Gap       int // missed, within a gap that was told by an event
	Cut       int // missed, behind the last one heard before a disconnect
	Dropped   int // missed for no other reason, by listeners that agreed to that
	Silent    int
	Away      int // published while nobody was, for certain, subscribed
	Faults    Faults

	// By relay: what it must have counted as dropped, or as over the rate.
	Drops map[int]Range

	silences []silence // unsorted
}

// silence is a message, or several after each other, that were missed without a
// word.
type silence struct {
	id          ID // the first
	messages    int
	from, until int64
}

// quiet is how far apart two missed messages may be to be one silence.
const quiet = 100 * time.Millisecond

// Range is a number that is not known exactly.
type Range struct{ Least, Most int }

// Add sums two tallies, but for faults and drops.
func (t *Tally) Add(o Tally) {
	t.Due += o.Due
	t.Delivered += o.Delivered
	t.Gap += o.Gap
	t.Cut += o.Cut
	t.Dropped += o.Dropped
	t.Silent += o.Silent
	t.Away += o.Away
}

// AuditEar finds what a listener should not have heard, or not in that order.
func (l *Ledger) AuditEar(e *Ear) (faults Faults) {
	faults.Join(e.Name, e.Faults)
	for _, id := range e.late {
		if l.message(id).Fate != Unknown { // else Redis may have got it later, too
			faults.Add("%s: %v came behind a later one", e.Name, id)
		}
	}
	return faults
}

// Audit finds what an account's listeners heard and did not hear of all that was
// published.
func (l *Ledger) Audit(a *Account) Tally {
	t := Tally{Drops: map[int]Range{}}
	stays := map[int][]*Stay{}
	for _, e := range a.Ears {
		for i := range e.Stays {
			s := &e.Stays[i]
			stays[s.Channel] = append(stays[s.Channel], s)
		}
	}
	for channel, list := range stays {
		l.each(channel, func(id ID, m *Message) {
			if a.covers(id) {
				t.judge(a, list, id, m)
			}
		})
	}
	t.wordSilences(a)
	return t
}

// wordSilences makes faults of what was missed without a word.
func (t *Tally) wordSilences(a *Account) {
	slices.SortFunc(t.silences, func(x, y silence) int { return cmp.Compare(x.from, y.from) })
	var list []silence
	for _, s := range t.silences {
		if last := len(list) - 1; last >= 0 && s.from-list[last].until < int64(quiet) {
			list[last].messages++
			list[last].until = max(list[last].until, s.until)
			continue
		}
		list = append(list, s)
	}
	for _, s := range list {
		t.Faults.Add("was not told that it missed %d messages of %s to %s, such as %v; %s",
			s.messages, clock(s.from), clock(s.until), s.id, a.around(s))
	}
}

// around says what else happened to the listeners at the time of a silence.
func (a *Account) around(s silence) string {
	var b strings.Builder
	for _, e := range a.Ears {
		for _, g := range e.Gaps {
			if g.Since < s.until+int64(time.Second) && g.Until > s.from-int64(time.Second) {
				fmt.Fprintf(&b, "gap of %s to %s, ", clock(g.Since), clock(g.Until))
			}
		}
		for _, stay := range e.Stays {
			if stay.Channel == s.id.Channel && stay.Asked < s.until && stay.Gone > s.from {
				fmt.Fprintf(&b, "subscribed %s to %s at relay %d, ", clock(stay.From), clock(stay.To), stay.Relay)
			}
		}
	}
	return strings.TrimSuffix(b.String(), ", ")
}

// clock is the time of day.
func clock(ns int64) string {
	if ns == open {
		return "the end"
	}
	return time.Unix(0, ns).Format("15:04:05.000")
}

// judge enters one message.
func (t *Tally) judge(a *Account, stays []*Stay, id ID, m *Message) {
	times := 0
	for _, e := range a.Ears {
		if e.heard(id) {
			times++
		}
	}
	switch {
	case times > 1:
		t.Faults.Add("%v came to %d listeners", id, times)
	case times == 1 && (m.Fate == Refused || m.Fate == Withheld):
		t.Faults.Add("%v was heard, and its publisher was told that it was not published", id)
	}
	switch stay := during(stays, m); {
	case times > 0:
		t.Due++
		t.Delivered++
	case m.Reached == 0:
	case stay == nil:
		t.Away++
	default:
		t.Due++
		t.missed(a, stays, stay, id, m)
	}
}

// missed finds out why a message was not heard.
func (t *Tally) missed(a *Account, stays []*Stay, stay *Stay, id ID, m *Message) {
	last := cutOff(a, stays, m)
	drop := t.Drops[stay.Relay]
	drop.Most++
	switch {
	case a.Notified && told(a.Ears, id, m):
		t.Gap++
	case last != nil:
		t.Cut++
		if late := time.Duration(last.To - m.Reached - last.Blind); late > Promptness {
			t.Faults.Add("missed %v, and was disconnected %v later", id, late)
		}
	case a.Drops || a.Rated:
		t.Dropped++
		drop.Least++
	default:
		t.Silent++
		t.silences = append(t.silences, silence{id, 1, m.Sent, m.Reached})
	}
	if a.Drops || a.Rated {
		t.Drops[stay.Relay] = drop
	}
}

// during returns a stay in which a message was published for certain, or nil.
func during(stays []*Stay, m *Message) *Stay {
	for _, s := range stays {
		if s.From < m.Sent && m.Reached < s.To {
			return s
		}
	}
	return nil
}

// Unnoticed is for how long a relay may still hand messages to one of several
// listeners whose connection has ended.
const Unnoticed = time.Second

// Pending is for how long after a loss the event that tells of it may be on its way: it
// comes when all names are subscribed again, and messages come before. Who is
// disconnected meanwhile learns of the loss by that.
const Pending = 5 * time.Second

// cutOff returns a stay that ended, and behind whose last message one may have been
// published, or nil.
func cutOff(a *Account, stays []*Stay, m *Message) *Stay {
	grace := int64(0)
	if len(a.Ears) > 1 {
		grace = int64(Unnoticed)
	}
	for _, s := range stays {
		if s.Gone == open || m.Sent > s.Gone+grace {
			continue
		}
		pending := a.Notified && s.Cut && m.Reached <= s.Gone && s.Gone-m.Reached < int64(Pending)
		if s.Newest <= m.Reached || pending {
			return s
		}
	}
	return nil
}

// told tells whether a message may have been published in a gap that was told.
func told(ears []*Ear, id ID, m *Message) bool {
	for _, e := range ears {
		for _, g := range e.Gaps {
			if m.Sent <= g.Until && g.Since <= m.Reached && g.Covers(id) {
				return true
			}
		}
	}
	return false
}
