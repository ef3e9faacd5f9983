package history

// Delivering the entries that listeners miss.

import (
	"fmt"

	"go.uber.org/zap"

	"redis-relay/relay/resp"
	"redis-relay/relay/stream"
)

// healer compares streams with what listeners have, and delivers missing entries.
type healer struct {
	*given
	channels *channels
	past     *past
	holding  *holding
	asker    *asker
	pacer    *pacer
	readers  *readers
	gaps     *gaps

	healed uint64 // entries delivered after a loss, ever
}

// compare compares the answer about a channel with what its listeners have, and delivers
// the difference. All messages that Redis had published before the answer have come.
func (h *healer) compare(c *channel, t *tail) {
	c.heavy, c.positionErr = t.heavy, nil
	if c.state != behind {
		h.baseline(c, t)
		return
	}
	switch {
	case c.last.IsZero():
		h.unknownStart(c, t)
	case t.refused != "":
		h.unreadable(c, t)
	case c.exact && t.newest.Compare(c.last) < 0:
		h.gaps.tell(Gap{Channel: c.name, After: c.lastEntry(), Cause: "the stream was made anew, or lost its newest entries"})
		c.last = t.newest
		h.readers.recents.forget(c)
	default:
		h.trimmed(c, t)
		h.replay(c, t)
	}
	h.afterReplay(c, t)
}

// baseline notes where the stream of a channel is that misses nothing, as far as is known.
func (h *healer) baseline(c *channel, t *tail) {
	switch {
	case c.state == fresh:
		c.state, c.exact, c.last = live, true, stream.Before(h.past.redisTime)
		if t.refused == "" && !t.newest.IsZero() {
			c.last = t.newest
		}
		c.recent.restart(c.last)
	case c.compared && t.newest.After(c.last):
		h.log.Info("the stream has entries that nobody announced; reading them", zap.String("channel", c.name))
		h.channels.fallBehind(c)
		return
	}
	h.recount(c, t)
	h.readers.serve(c)
}

// recount counts entries anew, and tells of entries that neither came nor were read: somebody
// added them by hand, with IDs before the last delivered one. Readers that have gone on missed them,
// too.
func (h *healer) recount(c *channel, t *tail) {
	if n := c.overlooked(t); n > 0 {
		h.gaps.tell(Gap{
			Channel: c.name, Missing: n,
			Cause: "entries were added to the stream that nobody announced, with IDs before what was heard",
		})
		h.readers.recents.forget(c) // it lacks them
	}
	c.noteAdded(t)
}

// unknownStart handles a loss so early that the last entry before it is not known.
func (h *healer) unknownStart(c *channel, t *tail) {
	switch {
	case t.absent:
	case t.refused != "":
		h.unreadable(c, t)
	case t.length > 0:
		h.gaps.tell(Gap{Channel: c.name, Cause: "the connection was lost before it was known where the stream stood"})
	}
	if c.last = stream.Before(h.past.redisTime); t.newest.After(c.last) {
		c.last = t.newest
	}
	c.exact = true
}

// unreadable handles a stream that cannot be read. There is no gap if the stream may have expired without an entry
// that listeners miss.
func (h *healer) unreadable(c *channel, t *tail) {
	switch {
	case !t.absent:
		h.gaps.tell(Gap{Channel: c.name, After: c.lastEntry(), Cause: "its stream cannot be read: " + t.refused})
	case !c.exact, c.base == 0 && c.passed == 0: // no entry of it was ever delivered
	case !h.mayHaveExpired(c):
		h.gaps.tell(Gap{Channel: c.name, After: c.lastEntry(), Cause: "its stream was deleted"})
	}
}

// mayHaveExpired tells whether the stream may have ended by its time to live without an entry that listeners
// miss.
func (h *healer) mayHaveExpired(c *channel) bool {
	kept := h.local.StreamTTL(c.name) * 3 / 4 // the time to live is renewed when a quarter has gone
	ms := uint64(kept.Milliseconds())         //nolint:gosec // not negative
	return ms > 0 && c.last.Ms+ms <= h.past.redisTime && h.past.lostAt+ms >= h.past.redisTime
}

// trimmed tells of entries that were trimmed before they could be read.
func (h *healer) trimmed(c *channel, t *tail) {
	oldest := t.first
	if oldest.IsZero() {
		oldest = t.newest // even the newest entry was trimmed
	}
	if !c.exact || !oldest.After(c.last) {
		return
	}
	missing := int64(0)
	if c.base >= 0 && t.added >= 0 {
		missing = t.added - c.base - c.passed - t.length
	}
	switch {
	case c.base < 0 || t.added < 0:
	case missing == 0:
		return
	case missing < 0: // fewer were ever added than listeners have
		if !h.mayHaveExpired(c) {
			h.gaps.tell(Gap{Channel: c.name, After: c.lastEntry(), Before: t.first, Cause: "the stream was made anew"})
		}
		return
	}
	h.gaps.tell(Gap{
		Channel: c.name, After: c.lastEntry(), Before: t.first, Missing: missing,
		Cause: "the stream was trimmed past the gap; a greater history.length keeps more",
	})
	c.passed += missing
}

// replay delivers the missing entries that were read: all, or those before the first
// held one. Entries that listeners do not take now are read again.
func (h *healer) replay(c *channel, t *tail) {
	end, some := c.firstHeld()
	exact, patterns := h.local.Names(c.name)
	allowed := h.pacer.budget(c)
	for i, e := range t.entries {
		isHeld := some && e.ID.Compare(end) >= 0
		if isHeld || !allowed.spend(e.Size()*(1+len(patterns))) {
			t.more = !isHeld
			t.entries = t.entries[:i]
			break
		}
		last := c.lastEntry()
		exact, patterns := c.partial.recipients(e.ID, exact, patterns)
		if e.ID == c.partial.id {
			c.last = e.ID
			c.passed++
		} else {
			h.channels.advance(c, e.Entry)
		}
		payload, problem := h.payloadOf(&e)
		if problem != "" {
			h.gaps.tell(Gap{
				Channel: c.name, After: last, Missing: 1, Entry: e.ID, Size: e.bytes(), Cause: problem,
			})
			continue
		}
		h.healed++
		h.deliverEntry(c.name, &e.Entry, payload, exact, patterns)
	}
}

// payloadOf returns the payload of an entry for listeners, or the reason why they cannot get it.
func (h *healer) payloadOf(e *measured) (payload []byte, problem string) {
	payload, ok := e.Payload()
	switch limit := h.limits.payload.Load(); {
	case e.large != nil, int64(len(payload)) > limit:
		return nil, fmt.Sprintf("entry %v of %d bytes is over limits.payload (%d)", e.ID, e.bytes(), limit)
	case !ok:
		return nil, fmt.Sprintf("entry %v was not written by a relay and has no field %s", e.ID, stream.DefaultField)
	}
	return payload, ""
}

// deliverEntry delivers an entry in the frames that Redis would have sent.
func (h *healer) deliverEntry(channel string, e *stream.Entry, payload []byte, exact bool, patterns []string) {
	name, trace := []byte(channel), e.Trace()
	if exact {
		frame := resp.AppendMessage(nil, resp.RESP2, resp.Message.String(), name, payload)
		d := delivery(frame)
		d.ID, d.Trace = resp.EntryID(e.ID), trace
		h.local.Deliver(&d)
	}
	for _, p := range patterns {
		frame := resp.AppendMessage(nil, resp.RESP2, resp.PMessage.String(), []byte(p), name, payload)
		d := delivery(frame)
		d.ID, d.Trace = resp.EntryID(e.ID), trace
		h.local.Deliver(&d)
	}
}

// afterReplay goes on with a channel when the entries of one answer were delivered.
func (h *healer) afterReplay(c *channel, t *tail) {
	if t.more {
		h.pacer.readMore(c)
		return
	}
	c.partial = partialEntry{}
	_, some := c.firstHeld()
	if !h.deliverHeld(c, h.pacer.budget(c)) {
		h.pacer.waitWithHeld(c)
		return
	}
	switch {
	case c.overflow, some && t.newest.After(c.last): // entries that were not held, or not announced, are still to be read
		c.overflow = false
		h.channels.fallBehind(c)
	default:
		h.recount(c, t)
		if t.newest.After(c.last) {
			c.last = t.newest // it was trimmed, or deleted
		}
	}
	h.caughtUp(c)
}

// deliverMore delivers more of the held messages.
func (h *healer) deliverMore(c *channel) {
	if !h.deliverHeld(c, h.pacer.budget(c)) {
		h.pacer.waitWithHeld(c)
		return
	}
	c.contiguous = false
	if c.overflow {
		c.overflow = false
		h.channels.fallBehind(c)
	} else {
		h.asker.enqueue(c) // it finds entries that came unannounced meanwhile
	}
	h.caughtUp(c)
}

// caughtUp tells of messages that could not be held, and serves readers.
func (h *healer) caughtUp(c *channel) {
	if c.dropped > 0 {
		h.gaps.tell(Gap{
			Channel: c.name, After: c.lastEntry(), Missing: c.dropped,
			Cause: "messages without history were let go: they had to wait for entries that were missing",
		})
		c.dropped = 0
	}
	h.readers.serve(c)
	if c.state == live {
		c.passBarriers()
	}
}

// deliverHeld delivers held messages, as far as b allows (nil: all), and reports whether those were all. The
// channel becomes live.
func (h *healer) deliverHeld(c *channel, b *budget) (all bool) {
	list := c.held
	c.state, c.held = live, nil
	for i, m := range list {
		// All names get an entry together: if it is read again, it goes to all of them.
		if b != nil && !b.spend(len(m.frame)) && !m.isCopy {
			clear(list[:i])
			c.held = list[i:]
			return false
		}
		h.holding.bytes -= len(m.frame)
		d := delivery(m.frame)
		d.ID, d.Trace, d.Epoch, d.Moment = resp.EntryID(m.id), m.fields.trace, m.epoch, m.moment
		if !m.id.IsZero() && !m.isCopy {
			h.channels.deliverNow(c, m.id, m.fields, d.Payload)
		}
		h.local.Deliver(&d)
	}
	return true
}
