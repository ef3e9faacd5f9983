package history

// Pacing: missing entries are delivered no faster than listeners take them. Only the
// channel that is behind waits, and not for listeners that do not read.
import (
	"time"

	"redis-relay/relay/loop"
)

const (
	window        = 1 << 20              // bytes that may wait for a listener before it gets more
	pacerInterval = 2 * time.Millisecond // between two looks at the listeners
)

// budget is how many bytes of a channel may be delivered now. They reach listeners at the end
// of the loop's turn.
type budget struct {
	local    Listeners
	holding  *holding
	channel  string
	measured bool // left and empty are known
	left     int  // bytes
	empty    bool // nothing waits for any listener: then there is room for one entry of any size
}

// measure finds out the budget. It is unlimited when too much is held already.
func (b *budget) measure() {
	b.measured = true
	if b.holding.isMuch() {
		b.left, b.empty = maxHeld, true
		return
	}
	room, empty := b.local.Room(b.channel)
	b.left, b.empty = min(room, window), empty
}

// spend reports whether n more bytes may be delivered now, and counts them.
func (b *budget) spend(n int) bool {
	if !b.measured {
		b.measure()
	}
	if n > b.left && !b.empty {
		b.measure() // the delivered entries took less than was counted
	}
	if n > b.left && !b.empty {
		return false
	}
	b.left, b.empty = b.left-n, false
	return true
}

// pacer is the channels that wait for their listeners.
type pacer struct {
	*given
	channels *channels
	holding  *holding
	asker    *asker
	healer   *healer

	waiting []*channel // behind
	timer   *loop.Timer
}

func (p *pacer) budget(c *channel) *budget {
	return &budget{local: p.local, holding: p.holding, channel: c.name}
}

// wait puts a channel aside until its listeners have taken their messages.
func (p *pacer) wait(c *channel) {
	p.waiting = append(p.waiting, c)
	switch {
	case p.timer == nil:
		p.timer = p.loop.AfterFunc(pacerInterval, p.resume)
	case !p.timer.Set():
		p.timer.Reset(pacerInterval)
	}
}

// resume goes on with channels whose listeners have taken their messages.
func (p *pacer) resume() {
	list := p.waiting
	p.waiting = nil
	for _, c := range list {
		switch {
		case p.channels.byName[c.name] != c || c.state != behind: // it misses nothing any more
		case c.contiguous:
			p.healer.deliverMore(c)
		default:
			p.readMore(c)
		}
	}
}

// readMore has the next entries of a channel read, if its listeners take most of them: the
// rest would be read again.
func (p *pacer) readMore(c *channel) {
	if p.budget(c).spend(window / 2) {
		p.asker.enqueue(c)
		return
	}
	p.wait(c)
}

// waitWithHeld puts a channel aside with the rest of its held messages.
func (p *pacer) waitWithHeld(c *channel) {
	c.state, c.contiguous = behind, true
	p.wait(c)
}

// stop forgets the channels that wait.
func (p *pacer) stop() {
	p.waiting = nil
	if p.timer != nil {
		p.timer.Stop()
	}
}
