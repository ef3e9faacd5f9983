package history

// Pacing: what was missed is handed out no faster than listeners take it. Only the
// channel that is behind waits, and only for those who read.

import (
	"time"

	"redis-relay/relay/loop"
)

const (
	window = 1 << 20              // bytes that may wait for a listener before it gets more
	pause  = 2 * time.Millisecond // between two looks whether something was taken
)

// turn is how much of a channel may be handed out now. What is handed out reaches listeners at the end
// of the loop's turn.
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
	if t.feed.holding.much() {
		t.left, t.empty = maxHeld, true
		return
	}
	room, empty := t.feed.local.Room(t.channel)
	t.left, t.empty = min(room, window), empty
}

// take reports whether n bytes more may be handed out now, of which it takes note.
func (t *turn) take(n int) bool {
	if !t.looked {
		t.look()
	}
	if n > t.left && !t.empty {
		t.look() // what was handed out took less than it was counted for
	}
	if n > t.left && !t.empty {
		return false
	}
	t.left, t.empty = t.left-n, false
	return true
}

// pacer is the channels that wait for their listeners.
type pacer struct {
	feed   *Feed
	paused []*channel // behind
	timer  *loop.Timer
}

func (p *pacer) turn(c *channel) *turn { return &turn{feed: p.feed, channel: c.name} }

// pause puts a channel aside until its listeners have taken what they got.
func (p *pacer) pause(c *channel) {
	p.paused = append(p.paused, c)
	switch {
	case p.timer == nil:
		p.timer = p.feed.loop.AfterFunc(pause, p.resume)
	case !p.timer.Set():
		p.timer.Reset(pause)
	}
}

// resume goes on with channels whose listeners have.
func (p *pacer) resume() {
	list := p.paused
	p.paused = nil
	for _, c := range list {
		switch {
		case p.feed.channels[c.name] != c || c.state != behind: // it is not missing anything any more
		case c.joined:
			p.feed.healer.letOut(c)
		default:
			p.goOn(c)
		}
	}
}

// goOn has the next entries of a channel read, when its listeners take most of them: the
// rest would be read again.
func (p *pacer) goOn(c *channel) {
	if p.turn(c).take(window / 2) {
		p.feed.asker.enqueue(c)
		return
	}
	p.pause(c)
}

// keepBack has the rest of what was held wait for listeners.
func (p *pacer) keepBack(c *channel) {
	c.state, c.joined = behind, true
	p.pause(c)
}

// stop forgets what is paused.
func (p *pacer) stop() {
	p.paused = nil
	if p.timer != nil {
		p.timer.Stop()
	}
}
