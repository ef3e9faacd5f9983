package upstream

// Commands that wait for a connection, and how they leave without one.

import (
	"slices"
	"time"
)

// waitingList is commands of which none was sent.
type waitingList struct{ pending }

// expired takes out commands that were not sent by their deadline.
func (w *waitingList) expired(now time.Time) (late []command) {
	wire := 0
	for m := w.list.first(); m != nil && !m.deadline.After(now); m = w.list.first() {
		if w.list.count == 1 {
			w.open = nil
		}
		wire += m.wire
		late = append(late, w.pop())
	}
	w.wire = slices.Delete(w.wire, 0, wire)
	return late
}

// withdraw takes out the commands of some senders.
func (w *waitingList) withdraw(senders map[uint64]bool) (back []command) {
	all, wire := w.list, w.wire
	w.list, w.wire, w.bytes = queue{}, nil, 0
	for all.count > 0 {
		m := all.pop()
		text := wire[:m.wire]
		wire = wire[m.wire:]
		c, several := m.answer.(*batch)
		switch {
		case several:
			mine := c.withdraw(senders)
			back = append(back, mine...)
			switch {
			case len(mine) == 0:
			case len(c.items) == 0:
				continue
			case w.open != c: // with the source: the batch that had it may be withdrawn
				text = c.append(nil, "EVAL", c.script.source)
			}
			m.size = c.size
		case senders[m.sender]:
			back = append(back, m)
			continue
		}
		m.wire = len(text)
		w.push(m)
		w.wire = append(w.wire, text...)
	}
	if c := w.open; c != nil && len(c.items) == 0 {
		w.open = nil
	}
	return back
}
