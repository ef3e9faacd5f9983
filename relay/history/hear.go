package history

// Messages as they come.

import (
	"bytes"

	"go.uber.org/zap"

	"redis-relay/relay/resp"
)

// Control takes a message on one of the relay's own channels, and reports whether
// it was the Feed's.
func (f *Feed) Control(d *resp.Delivery) bool {
	channel, ok := bytes.CutPrefix(d.Channel, []byte(SeqPrefix))
	if ok {
		f.announced.hear(channel, d.Payload)
	}
	return ok
}

// Hear takes a message, announced or not, on a channel that may have history, and
// reports whether its turn is now: the caller delivers it. Else the Feed does in its
// time, if it has not. Of a message that was too large to be read, d has the names only.
func (f *Feed) Hear(d *resp.Delivery) (now bool) {
	id, first := f.announced.claim(d)
	d.ID = resp.EntryID(id)
	c := f.channels[string(d.Channel)]
	unknown := c == nil || c.state == unheard
	if f.lost && (unknown || c.state == behind) {
		// Not every name that hears it is subscribed again, and perhaps not its
		// announcement: entries are read later, the rest lies within the gap that is
		// told when all stands.
		return false
	}
	if unknown {
		if id.IsZero() && !f.past.looking {
			return true
		}
		c = f.known.heardByPattern(string(d.Channel))
	}
	switch {
	case id.IsZero() && d.Frame == nil:
		return true
	case c.state == behind:
	case id.IsZero():
		return true
	case !first:
		if f.announced.fate == delivered {
			return true
		}
	case c.jumped(f.announced.publisher, f.announced.count):
		f.log.Info("entries did not come; reading them", zap.String("channel", c.name))
		f.fallBehind(c)
	default:
		f.pass(c, id, f.announced.field, d.Payload)
		return true
	}
	f.announced.fate = kept
	f.holding.hold(c, held{id, f.announced.field, !first, d.Epoch, d.Frame})
	return false
}

// pass notes that it is an entry's turn now, and wakes who reads. A payload that was not
// read is nil.
func (f *Feed) pass(c *channel, id ID, field string, payload []byte) {
	e := Entry{ID: id}
	if c.watch != nil && payload != nil {
		e.Fields = [][]byte{[]byte(field), bytes.Clone(payload)}
	}
	f.passEntry(c, e)
}

func (f *Feed) passEntry(c *channel, e Entry) {
	id := e.ID
	if coming, ok := f.announced.current(); ok && coming == id {
		f.announced.fate = delivered
	}
	c.passed++
	backwards := !id.After(c.last) && c.state == live
	c.last, c.exact = id, true
	if c.state == fresh {
		c.state = live
		c.recent.restart(id.Previous())
	}
	switch {
	case backwards:
		f.readers.recents.forget(c) // the stream was made anew, and the clock of Redis set back
	case c.watch != nil && e.Fields != nil:
		f.readers.recents.remember(c, e)
	default:
		f.readers.recents.forget(c)
		f.readers.served(c)
	}
}

// fallBehind holds the messages of a channel from now on.
func (f *Feed) fallBehind(c *channel) {
	c.state, c.counts = behind, nil // who counts goes on while the entries are read
	if f.up {
		f.asker.enqueue(c)
	}
}

// holding is the messages that wait, over all channels.
type holding struct {
	limits *limits
	bytes  int
}

// hold keeps a message until what came before it is read. Its frame is copied; it is nil if it was too
// large to be read.
func (h *holding) hold(c *channel, m held) {
	switch {
	case m.frame == nil:
		c.overflow = true
	case h.bytes+len(m.frame) <= h.limits.upTo(maxHeld) && !c.overflow:
		m.frame = bytes.Clone(m.frame)
		c.held = append(c.held, m)
		h.bytes += len(m.frame)
	case !m.id.IsZero():
		c.overflow = true
	default:
		c.dropped++
	}
}

// much tells whether so much is held that listeners are not waited for.
func (h *holding) much() bool { return h.bytes > h.limits.upTo(maxHeld)/2 }

// letGo forgets what is held of a channel.
func (h *holding) letGo(c *channel) {
	for _, m := range c.held {
		h.bytes -= len(m.frame)
	}
	c.held = nil
}

// forget is letGo after another loss: what is held does not follow what listeners have any more. Entries
// can be read again; where among them the other messages belong nobody knows.
func (h *holding) forget(c *channel) {
	for _, m := range c.held {
		if m.id.IsZero() {
			c.dropped++
		}
	}
	h.letGo(c)
}
