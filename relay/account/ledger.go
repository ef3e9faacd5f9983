package account

// What was said: every message, what its publisher was told of it, and what the
// witness saw.

import (
	"fmt"
	"sync"
)

// Fate is what a publisher was told.
type Fate uint8

// The fates.
const (
	Unknown      Fate = iota // no reply, or one that says that it may have been published
	Acknowledged             // Redis has it
	Refused                  // by Redis, which did not publish it
	Withheld                 // by the relay, which did not send it
)

// Message is what is known of one.
type Message struct {
	Sent    int64 // before it was written to the relay; 0: it was not
	Reached int64 // by when Redis had published it; 0: nobody saw that
	Times   uint8 // how often Redis was seen to publish it
	Passed  bool  // it was seen on its way to Redis
	Fate    Fate
}

// Ledger has all messages. It may be used by many goroutines.
type Ledger struct {
	publishers []book
}

// book has the messages of one publisher.
type book struct {
	mu    sync.Mutex
	pages [][]Message // by channel; guarded by mu
}

// NewLedger returns an empty ledger.
func NewLedger(publishers, channels int) *Ledger {
	l := &Ledger{publishers: make([]book, publishers)}
	for i := range l.publishers {
		l.publishers[i].pages = make([][]Message, channels)
	}
	return l
}

// Send enters a message that is about to be sent and returns its name.
func (l *Ledger) Send(publisher, channel int, at int64) ID {
	b := &l.publishers[publisher]
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pages[channel] = append(b.pages[channel], Message{Sent: at})
	return ID{publisher, channel, len(b.pages[channel]) - 1}
}

// SendKind is Send for a message of a kind. The numbers before are passed over.
func (l *Ledger) SendKind(publisher, channel int, at int64, k Kind) ID {
	for {
		id := l.Send(publisher, channel, at)
		if id.Kind() == k {
			return id
		}
		l.change(id, func(m *Message) { m.Sent = 0 })
	}
}

// Reply notes what a publisher was told.
func (l *Ledger) Reply(id ID, fate Fate) { l.change(id, func(m *Message) { m.Fate = fate }) }

// Pass notes that a message is on its way to Redis.
func (l *Ledger) Pass(id ID) { l.change(id, func(m *Message) { m.Passed = true }) }

// Reach notes that Redis has published a message.
func (l *Ledger) Reach(id ID, at int64) {
	l.change(id, func(m *Message) {
		m.Times++
		if m.Reached == 0 {
			m.Reached = at
		}
	})
}

func (l *Ledger) change(id ID, f func(*Message)) {
	b := &l.publishers[id.Publisher]
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.pages[id.Channel][id.Number])
}

// message returns what is known of a message.
func (l *Ledger) message(id ID) (m Message) {
	l.change(id, func(known *Message) { m = *known })
	return m
}

// each calls f with every message that was sent on a channel.
func (l *Ledger) each(channel int, f func(ID, *Message)) {
	for p := range l.publishers {
		b := &l.publishers[p]
		b.mu.Lock()
		for n := range b.pages[channel] {
			if m := &b.pages[channel][n]; m.Sent > 0 {
				f(ID{p, channel, n}, m)
			}
		}
		b.mu.Unlock()
	}
}

// Totals counts messages by what became of them.
type Totals struct {
	Sent    int
	Fates   [Withheld + 1]int
	Reached int
}

// AuditReplies holds what publishers were told against what the witness saw. kept tells of which messages
// there is a record in Redis: of these it may be known that they were sent and not carried out.
func (l *Ledger) AuditReplies(kept func(id ID) bool) (t Totals, faults Faults) {
	for c := range l.publishers[0].pages {
		l.each(c, func(id ID, m *Message) {
			t.Sent++
			t.Fates[m.Fate]++
			if m.Times > 0 {
				t.Reached++
			}
			switch {
			case m.Times > 1:
				faults.Add("%v: Redis published it %d times", id, m.Times)
			case m.Fate == Acknowledged && m.Times == 0:
				faults.Add("%v was acknowledged, and Redis did not publish it", id)
			case m.Fate == Refused && m.Times > 0:
				faults.Add("%v was refused in the name of Redis, which published it", id)
			case m.Fate == Withheld && m.Times > 0:
				faults.Add("%v was published, and its publisher was told that it was not", id)
			case m.Fate == Withheld && m.Passed && !kept(id):
				faults.Add("%v went to Redis, and its publisher was told that it did not", id)
			}
		})
	}
	return t, faults
}

// Faults are breaches of the promise.
type Faults struct {
	Count int
	First []string // some of them
}

const maxFaults = 20 // shown

// Add notes one.
func (f *Faults) Add(format string, args ...any) {
	if f.Count++; len(f.First) < maxFaults {
		f.First = append(f.First, fmt.Sprintf(format, args...))
	}
}

// Join adds those of another, which has a name.
func (f *Faults) Join(name string, other Faults) {
	for _, text := range other.First {
		f.Add("%s: %s", name, text)
	}
	f.Count += other.Count - len(other.First)
}
