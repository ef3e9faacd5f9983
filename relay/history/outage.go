package history

// The end of a connection, and the next one.

import "slices"

// link is the state of the connection.
type link struct {
	up      bool   // all names are subscribed
	lost    bool   // they were subscribed, and are not yet again
	session uint64 // how often all names were subscribed, ever
}

// Lost says that the connection is lost. It must be called before the commands in flight get their answers,
// while Listeners.Names still has the names that were subscribed.
func (f *Feed) Lost() {
	f.link.up, f.link.lost = false, true
	f.past.lost(len(f.local.Patterns()) > 0)
	f.channels.notePartial()
	f.announced.clear()
	f.asker.lost()
	f.pacer.stop()
	for _, c := range f.channels.byName {
		c.confirmed, c.asked, c.contiguous = false, false, false
		c.counts = nil
		if c.state != unsubscribed {
			c.state = behind
		}
		f.holding.discard(c)
		c.passBarriers()
	}
}

// Up says that all names are subscribed again.
func (f *Feed) Up() {
	f.link.up, f.link.lost = true, false
	f.link.session++
	for _, c := range f.channels.byName {
		switch {
		case !f.channels.isWanted(c):
			f.channels.drop(c)
		case c.state == unsubscribed:
		case c.losses >= maxLosses:
			f.asker.giveUp(c, errCostly)
		default:
			f.asker.enqueue(c)
		}
	}
	f.asker.resume()
	f.readers.resume()
	f.finder.start()
}

// notePartial looks at the last entry that came. If the connection ended between its
// copies, only the names without a copy get the entry when it is read.
func (s *channels) notePartial() {
	a := s.announced
	id, ok := a.current()
	c := s.byName[string(a.channel)]
	if !ok || c == nil || id != c.last || a.fate != delivered {
		return
	}
	if a.lacks(s.local.Names(c.name)) {
		c.partial = partialEntry{c.last, a.exactCame, slices.Clone(a.patternsCame)}
		c.last = c.last.Previous()
		c.passed--
	}
}
