package history

// Messages that wait for entries before them.

import (
	"bytes"

	"redis-relay/relay/resp"
)

// maxHeld is how many bytes of messages are held, over all channels.
const maxHeld = 32 << 20

// holding is the memory of held messages, over all channels.
type holding struct {
	limits *limits
	bytes  int
}

// add holds a message until the entries before it are read. Its frame is copied; the frame is nil if it was
// too large to be read.
func (h *holding) add(c *channel, m heldMessage) {
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

// isMuch tells whether so much is held that nobody waits for slow listeners.
func (h *holding) isMuch() bool { return h.bytes > h.limits.upTo(maxHeld)/2 }

// release lets go of the held messages of a channel.
func (h *holding) release(c *channel) {
	for _, m := range c.held {
		h.bytes -= len(m.frame)
	}
	c.held = nil
}

// discard is release after another loss: the held messages do not follow the last delivered entry any more. Held
// entries can be read again. Nobody knows where among entries the other messages belong: they are lost.
func (h *holding) discard(c *channel) {
	for _, m := range c.held {
		if m.id.IsZero() {
			c.dropped++
		}
	}
	h.release(c)
}

// delivery reads the frame of a held message again.
func delivery(frame []byte) resp.Delivery {
	var d resp.Delivery
	_, _, _ = resp.ScanServer(frame, &d) // it was a delivery when it came
	return d
}
