package history

// Messages as they come: each is passed on, or held until its turn.

import (
	"bytes"

	"go.uber.org/zap"

	"redis-relay/relay/resp"
)

// Control takes a message on one of the relay's own channels, and reports whether
// it was an announcement.
func (f *Feed) Control(d *resp.Delivery) bool {
	channel, ok := bytes.CutPrefix(d.Channel, []byte(SeqPrefix))
	if ok {
		f.announced.announce(channel, d.Payload)
	}
	return ok
}

// Accept takes a message, announced or not, on a channel that may have history, and sets d.ID and d.Trace. now is
// whether the caller delivers the message now. If not, the Feed delivers it in its turn, or has delivered it already.
// Of a message that was too large to be read, d has only the names.
func (f *Feed) Accept(d *resp.Delivery) (now bool) {
	id, first := f.announced.match(d)
	if d.ID = resp.EntryID(id); !id.IsZero() {
		d.Trace = f.announced.fields.trace
	}
	c := f.channels.byName[string(d.Channel)]
	unknown := c == nil || c.state == unsubscribed
	if f.link.lost && (unknown || c.state == behind) {
		// Some of its names, or its announcements, may not be subscribed again yet. Entries are read
		// later; other messages lie within the gap that is told when all names are subscribed.
		return false
	}
	if unknown {
		if id.IsZero() && !f.past.searching {
			return true
		}
		c = f.channels.addByPattern(string(d.Channel))
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
	case c.noteCount(f.announced.publisher, f.announced.count):
		f.log.Info("entries did not come; reading them", zap.String("channel", c.name))
		f.channels.fallBehind(c)
	default:
		f.channels.deliverNow(c, id, f.announced.fields, d.Payload)
		return true
	}
	f.announced.fate = heldBack
	f.holding.add(c, heldMessage{id, f.announced.fields, !first, d.Epoch, d.Moment, d.Frame})
	return false
}
