package history

// Knowing that what was missing has been handed out.

import (
	"slices"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
)

// barrier waits for channels that are behind. Guarded by Feed.mu.
type barrier struct {
	left int // channels
	done func()
}

// Barrier calls done once the channels that these names hear are no longer behind: what came
// before it on a connection that stands is queued for their listeners then. If that connection is
// lost meanwhile, which listeners are told, it calls done, too. done is called at once or with
// Feed.mu held, and must not block.
func (f *Feed) Barrier(names [resp.Kinds][]string, done func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := &barrier{done: done}
	if f.up {
		for _, c := range f.channels {
			if c.state == behind && hears(names, c.name) {
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

// hears reports whether one of the names hears a channel.
func hears(names [resp.Kinds][]string, channel string) bool {
	return slices.Contains(names[resp.Message], channel) ||
		slices.ContainsFunc(names[resp.PMessage], func(pattern string) bool {
			return glob.Match([]byte(pattern), []byte(channel))
		})
}
