package history

// Pacing: what was missed is handed out no faster than listeners take it. Only the
// channel that is behind waits, and only for those who read.

import "time"

const (
	window = 1 << 20              // bytes that may wait for a listener before it gets more
	pause  = 2 * time.Millisecond // between two looks whether something was taken
)

// turn is how much of a channel may be handed out now.
type turn struct {
	feed    *Feed
	channel string
	looked  bool // what follows is known
	left    int  // bytes
	empty   bool // nothing waits for any listener: then any entry finds room
}

// look finds out how much that is: all, when too much would have to be held meanwhile.
func (t *turn) look() {
	t.looked = true
	if t.feed.heldBytes > t.feed.upTo(maxHeld)/2 {
		t.left, t.empty = maxHeld, true
		return
	}
	room, empty := t.feed.ears.Room(t.channel)
	t.left, t.empty = min(room, window), empty
}

// take reports whether n bytes more may be handed out now, of which it takes note.
func (t *turn) take(n int) bool {
	if !t.looked {
		t.look()
	}
	if n > t.left && !t.empty {
		t.feed.ears.Flush() // what was handed out may be taken at once
		t.look()
	}
	if n > t.left && !t.empty {
		return false
	}
	t.left, t.empty = t.left-n, false
	return true
}

func (f *Feed) turn(c *channel) *turn { return &turn{feed: f, channel: c.name} }

// pause puts a channel aside until its listeners have taken what they got.
func (f *Feed) pause(c *channel) {
	f.paused = append(f.paused, c)
	if f.pacer == nil {
		f.pacer = time.AfterFunc(pause, func() { signal(f.wake) })
		return
	}
	f.pacer.Reset(pause)
}

// resume goes on with channels whose listeners have.
func (f *Feed) resume() {
	list := f.paused
	f.paused = nil
	for _, c := range list {
		switch {
		case f.channels[c.name] != c || c.state != behind: // it is not missing anything any more
		case c.joined:
			f.letOut(c)
		default:
			f.goOn(c)
		}
	}
	if len(list) > 0 {
		f.ears.Flush()
	}
}

// goOn has the next entries of a channel read, when its listeners take most of them: the
// rest would be read again.
func (f *Feed) goOn(c *channel) {
	if f.turn(c).take(window / 2) {
		f.enqueue(c)
		return
	}
	f.pause(c)
}

// keepBack has the rest of what was held wait for listeners.
func (f *Feed) keepBack(c *channel) {
	c.state, c.joined = behind, true
	f.pause(c)
}

// letOut hands out more of what was held.
func (f *Feed) letOut(c *channel) {
	if _, all := f.release(c, ID{}, f.turn(c)); !all {
		f.keepBack(c)
		return
	}
	c.joined = false
	if c.overflow {
		c.overflow = false
		f.fallBehind(c)
	} else {
		f.enqueue(c) // what came unannounced meanwhile is found
	}
	f.caughtUp(c)
}
