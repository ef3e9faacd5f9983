package history

// Handing out what is missing.

import (
	"fmt"

	"go.uber.org/zap"

	"redis-relay/relay/resp"
)

// healer makes good the difference between what Redis has of a channel and what its listeners have.
type healer struct {
	feed   *Feed
	healed uint64 // entries handed out after a loss, ever
}

// settle compares what Redis says of a channel with what its listeners have, and
// makes good the difference. All that had been published by then has arrived.
func (h *healer) settle(c *channel, t *tail) {
	c.heavy, c.blind = t.heavy, nil
	if c.state != behind {
		h.baseline(c, t)
		return
	}
	switch {
	case c.last.IsZero():
		h.unknown(c, t)
	case t.refused != "":
		h.gone(c, t)
	case c.exact && t.newest.Compare(c.last) < 0:
		h.feed.miss(Gap{Channel: c.name, After: c.last, Cause: "the stream was made anew, or lost its newest entries"})
		c.last = t.newest
		h.feed.readers.recents.forget(c)
	default:
		h.trimmed(c, t)
		h.replay(c, t)
	}
	h.proceed(c, t)
}

// baseline notes where a channel stands that misses nothing, as far as is known.
func (h *healer) baseline(c *channel, t *tail) {
	switch {
	case c.state == fresh:
		c.state, c.exact, c.last = live, true, before(h.feed.past.seen)
		if t.refused == "" && !t.newest.IsZero() {
			c.last = t.newest
		}
		c.recent.restart(c.last)
	case c.settled && t.newest.After(c.last):
		h.feed.log.Info("the stream has entries that nobody announced; reading them", zap.String("channel", c.name))
		h.feed.fallBehind(c)
		return
	}
	h.recount(c, t)
	h.feed.readers.served(c)
}

// recount begins to count anew, and tells of entries that were overlooked: somebody
// added them by hand, with IDs before what has been heard. Readers that have gone on
// missed them, too.
func (h *healer) recount(c *channel, t *tail) {
	if n := c.overlooked(t); n > 0 {
		h.feed.miss(Gap{
			Channel: c.name, Missing: n,
			Cause: "entries were added to the stream that nobody announced, with IDs before what was heard",
		})
		h.feed.readers.recents.forget(c) // they are not among them
	}
	c.counted(t)
}

// unknown is a loss so early that it is not known what came before it.
func (h *healer) unknown(c *channel, t *tail) {
	switch {
	case t.absent:
	case t.refused != "":
		h.gone(c, t)
	case t.length > 0:
		h.feed.miss(Gap{Channel: c.name, Cause: "the connection was lost before it was known where the stream stood"})
	}
	if c.last = before(h.feed.past.seen); t.newest.After(c.last) {
		c.last = t.newest
	}
	c.exact = true
}

// gone is a stream that cannot be read. If it can have ended by its time to live,
// with nothing in it that was missed, nothing is.
func (h *healer) gone(c *channel, t *tail) {
	switch {
	case !t.absent:
		h.feed.miss(Gap{Channel: c.name, After: c.last, Cause: "its stream cannot be read: " + t.refused})
	case !c.exact, c.base == 0 && c.passed == 0: // nobody has heard an entry of it
	case !h.mayHaveExpired(c):
		h.feed.miss(Gap{Channel: c.name, After: c.last, Cause: "its stream was deleted"})
	}
}

// mayHaveExpired tells whether the stream can have ended by its time to live, with
// nothing in it that was missed.
func (h *healer) mayHaveExpired(c *channel) bool {
	kept := h.feed.local.Kept(c.name) * 3 / 4 // it is renewed when a quarter has gone
	ms := uint64(kept.Milliseconds())         //nolint:gosec // not negative
	return ms > 0 && c.last.Ms+ms <= h.feed.past.seen && h.feed.past.lostAt+ms >= h.feed.past.seen
}

// trimmed tells of entries that were trimmed before they could be read.
func (h *healer) trimmed(c *channel, t *tail) {
	oldest := t.first
	if oldest.IsZero() {
		oldest = t.newest // and even that is gone
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
			h.feed.miss(Gap{Channel: c.name, After: c.last, Before: t.first, Cause: "the stream was made anew"})
		}
		return
	}
	h.feed.miss(Gap{
		Channel: c.name, After: c.last, Before: t.first, Missing: missing,
		Cause: "the stream was trimmed past the gap; a greater history.length keeps more",
	})
	c.passed += missing
}

// replay hands out the entries that are missing: all, or those before the first
// that was held. What listeners do not take now is read again.
func (h *healer) replay(c *channel, t *tail) {
	end, some := c.firstHeld()
	exact, patterns := h.feed.local.Names(c.name)
	turn := h.feed.pacer.turn(c)
	for i, e := range t.entries {
		joined := some && e.ID.Compare(end) >= 0
		if joined || !turn.take(e.size()*(1+len(patterns))) {
			t.more = !joined
			t.entries = t.entries[:i]
			break
		}
		last := c.last
		exact, patterns := c.half.without(e.ID, exact, patterns)
		if e.ID == c.half.id {
			c.last = e.ID
			c.passed++
		} else {
			h.feed.passEntry(c, e)
		}
		payload, problem := h.toDeliver(&e)
		if problem != "" {
			h.feed.miss(Gap{
				Channel: c.name, After: last, Missing: 1, Entry: e.ID, Size: e.bytes(), Cause: problem,
			})
			continue
		}
		h.healed++
		h.deliverEntry(c.name, e.ID, payload, exact, patterns)
	}
}

// toDeliver returns what listeners get of an entry, or why they cannot get any.
func (h *healer) toDeliver(e *Entry) (payload []byte, problem string) {
	payload, ok := e.Payload()
	switch limit := h.feed.limits.payload.Load(); {
	case e.large != nil, int64(len(payload)) > limit:
		return nil, fmt.Sprintf("entry %v of %d bytes is over limits.payload (%d)", e.ID, e.bytes(), limit)
	case !ok:
		return nil, fmt.Sprintf("entry %v was not written by a relay and has no field %s", e.ID, DefaultField)
	}
	return payload, ""
}

// deliverEntry makes the frames that Redis would have sent.
func (h *healer) deliverEntry(channel string, id ID, payload []byte, exact bool, patterns []string) {
	name := []byte(channel)
	if exact {
		frame := resp.AppendMessage(nil, resp.RESP2, resp.Message.String(), name, payload)
		d := delivery(frame)
		d.ID = resp.EntryID(id)
		h.feed.local.Deliver(&d)
	}
	for _, p := range patterns {
		frame := resp.AppendMessage(nil, resp.RESP2, resp.PMessage.String(), []byte(p), name, payload)
		d := delivery(frame)
		d.ID = resp.EntryID(id)
		h.feed.local.Deliver(&d)
	}
}

// proceed goes on with a channel of which one answer has been handed out.
func (h *healer) proceed(c *channel, t *tail) {
	if t.more {
		h.feed.pacer.goOn(c)
		return
	}
	c.half = half{}
	_, some := c.firstHeld()
	if !h.release(c, h.feed.pacer.turn(c)) {
		h.feed.pacer.keepBack(c)
		return
	}
	switch {
	case c.overflow, some && t.newest.After(c.last): // what was not held, or not announced, is still to be read
		c.overflow = false
		h.feed.fallBehind(c)
	default:
		h.recount(c, t)
		if t.newest.After(c.last) {
			c.last = t.newest // it was trimmed, or deleted
		}
	}
	h.caughtUp(c)
}

// letOut hands out more of what was held.
func (h *healer) letOut(c *channel) {
	if !h.release(c, h.feed.pacer.turn(c)) {
		h.feed.pacer.keepBack(c)
		return
	}
	c.joined = false
	if c.overflow {
		c.overflow = false
		h.feed.fallBehind(c)
	} else {
		h.feed.asker.enqueue(c) // what came unannounced meanwhile is found
	}
	h.caughtUp(c)
}

// caughtUp tells of what could not be held, and serves readers.
func (h *healer) caughtUp(c *channel) {
	if c.dropped > 0 {
		h.feed.miss(Gap{
			Channel: c.name, After: c.last, Missing: c.dropped,
			Cause: "messages without history were let go: they had to wait for entries that were missing",
		})
		c.dropped = 0
	}
	h.feed.readers.served(c)
	if c.state == live {
		c.passBarriers()
	}
}

// release hands out what was held, as far as it may now (nil: all), and reports whether that was all. It
// makes the channel a live one.
func (h *healer) release(c *channel, turn *turn) (all bool) {
	list := c.held
	c.state, c.held = live, nil
	for i, m := range list {
		// All who hear an entry get it together: one that was read again would go to all.
		if turn != nil && !turn.take(len(m.frame)) && !m.copy {
			clear(list[:i])
			c.held = list[i:]
			return false
		}
		h.feed.holding.bytes -= len(m.frame)
		d := delivery(m.frame)
		d.ID, d.Epoch = resp.EntryID(m.id), m.epoch
		if !m.id.IsZero() && !m.copy {
			h.feed.pass(c, m.id, m.field, d.Payload)
		}
		h.feed.local.Deliver(&d)
	}
	return true
}
