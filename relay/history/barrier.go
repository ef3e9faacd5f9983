package history

// Knowing that what was missing has been handed out.

import (
	"iter"
	"slices"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
)

// barrier waits for channels that are behind.
type barrier struct {
	left int // channels
	done func()
}

// Barrier calls done once the channels that these names hear are no longer behind: what came
// before it on a connection that stands is queued for their listeners then. If that connection is
// lost meanwhile, which listeners are told, it calls done, too. done may be called at once.
func (f *Feed) Barrier(names [resp.Kinds][]string, done func()) {
	b := &barrier{done: done}
	if f.up {
		for c := range f.heard(names) {
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

// heard yields the channels that names hear, some perhaps twice.
func (f *Feed) heard(names [resp.Kinds][]string) iter.Seq[*channel] {
	return func(yield func(*channel) bool) {
		for _, name := range names[resp.Message] {
			if c := f.channels[name]; c != nil && !yield(c) {
				return
			}
		}
		for _, pattern := range names[resp.PMessage] {
			for _, c := range f.channels {
				if glob.Match([]byte(pattern), []byte(c.name)) && !yield(c) {
					return
				}
			}
		}
	}
}
