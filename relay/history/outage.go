package history

// The end of a connection, and the next one.

import (
	"slices"
)

// Lost says that the connection is gone. It must be told before the answers of what was in flight come,
// while Listeners.Names still has the names that were subscribed.
func (f *Feed) Lost() {
	f.up, f.lost = false, true
	f.past.lost(len(f.local.Patterns()) > 0)
	f.noteHalf()
	f.announced.clear()
	f.asker.lost()
	f.pacer.stop()
	for _, c := range f.channels {
		c.named, c.asked, c.joined = false, false, false
		c.counts = nil
		if c.state != unheard {
			c.state = behind
		}
		f.holding.forget(c)
		c.passBarriers()
	}
}

// noteHalf looks at the last entry that came. If the connection ended between its
// copies, the names that have no copy get it when it is read.
func (f *Feed) noteHalf() {
	a := &f.announced
	id, ok := a.current()
	c := f.channels[string(a.channel)]
	if !ok || c == nil || id != c.last || a.fate != delivered {
		return
	}
	if a.lacks(f.local.Names(c.name)) {
		c.half = half{c.last, a.taken, slices.Clone(a.patterns)}
		c.last = c.last.Previous()
		c.passed--
	}
}

// Up says that all subscriptions stand again.
func (f *Feed) Up() {
	f.up, f.lost = true, false
	f.lives++
	for _, c := range f.channels {
		switch {
		case !f.known.wanted(c):
			f.known.drop(c)
		case c.state == unheard:
		case c.losses >= maxLosses:
			f.asker.giveUp(c, errCostly)
		default:
			f.asker.enqueue(c)
		}
	}
	f.asker.up()
	f.readers.up()
	f.finder.look()
}
