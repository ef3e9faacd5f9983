package history

// Barriers: when the missing entries of some channels have been delivered.

import (
	"slices"

	"redis-relay/relay/resp"
)

// barrier waits for channels that are behind.
type barrier struct {
	left int // channels
	done func()
}

// Barrier calls done once, perhaps at once, when no channel that these names match is behind any more: then
// all messages that came before Barrier was called are queued for their listeners. It also calls done if the
// connection is lost meanwhile, which listeners are told.
func (f *Feed) Barrier(names [resp.Kinds][]string, done func()) {
	b := &barrier{done: done}
	if f.link.up {
		for c := range f.channels.matching(names) {
			if c.state == behind && !slices.Contains(c.barriers, b) {
				c.barriers = append(c.barriers, b)
				b.left++
			}
		}
	}
	if b.left == 0 {
		done()
	}
}

// passBarriers is called when a channel has caught up, or never will.
func (c *channel) passBarriers() {
	waiting := c.barriers
	c.barriers = nil
	for _, b := range waiting {
		if b.left--; b.left == 0 {
			b.done()
		}
	}
}
