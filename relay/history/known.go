package history

// Which channels are known, and what is known of the time before now.

import "maps"

// known is the channels that somebody hears, or reads.
type known struct{ feed *Feed }

// past is what is known of the time before now.
type past struct {
	seen    uint64        // time of Redis in ms, of which all that came before has arrived
	lostAt  uint64        // seen, when the connection was lost; 0: not known
	looking bool          // patterns may still have missed messages of channels not heard before
	parted  map[string]ID // of channels dropped lately, the newest entry that was heard
}

// arrived takes the time of Redis in ms at which a question was carried out.
func (p *past) arrived(ms uint64) {
	p.seen = ms
	if !p.looking {
		maps.DeleteFunc(p.parted, func(_ string, id ID) bool { return id.Ms < ms }) // who comes now begins later
	}
}

// lost notes that the connection is gone, and whether anybody heard patterns.
func (p *past) lost(patterns bool) {
	if !p.looking {
		p.looking, p.lostAt = patterns, p.seen
	}
}

// floor is an entry that who comes to a channel from now on does not get, nor any before.
func (p *past) floor() ID {
	if p.looking {
		return before(p.lostAt)
	}
	return before(p.seen)
}

// comes returns where who comes to a channel goes on: behind last, or behind what it has, if it was here
// before and that is more.
func (p *past) comes(name string, last ID) ID {
	if parted := p.parted[name]; parted.After(last) {
		last = parted
	}
	delete(p.parted, name)
	return last
}

// begin notes that a channel is heard from now on, of which listeners have all entries up to one, or
// more, and has it asked about.
func (k *known) begin(name string, s state, last ID) *channel {
	c := k.feed.channels[name]
	if c == nil {
		c = newChannel(name)
		k.feed.channels[name] = c
	}
	c.state, c.last = s, k.feed.past.comes(name, last)
	k.feed.asker.enqueue(c)
	return c
}

// confirmed notes that Redis sends a channel, by its name.
func (k *known) confirmed(name string) {
	k.feed.announced.clear() // all that was announced has come, and not to who comes now
	c := k.feed.channels[name]
	if c == nil || c.state == unheard {
		if _, patterns := k.feed.local.Names(name); len(patterns) > 0 {
			c = k.heardByPattern(name)
		} else {
			c = k.begin(name, fresh, before(k.feed.past.seen))
		}
	}
	c.named = true
	if c.watch != nil {
		c.watch.confirmed = true
	}
}

// heardByPattern makes a channel known of which nobody listens to the name.
func (k *known) heardByPattern(name string) *channel {
	if k.feed.past.looking {
		return k.begin(name, behind, before(k.feed.past.lostAt))
	}
	return k.begin(name, fresh, before(k.feed.past.seen))
}

// silenced notes that nothing comes of a channel any more. If the Feed watches it, it will again: then
// readers go on to wait.
func (k *known) silenced(c *channel) {
	w, waiters := c.watch, c.waiters
	c.waiters = nil
	k.drop(c)
	if w == nil {
		return
	}
	w.confirmed = false
	again := newChannel(c.name)
	again.watch, again.waiters = w, waiters
	for _, reader := range waiters {
		reader.channel = again
	}
	k.feed.channels[c.name] = again
	k.feed.readers.watches.linger(again, len(waiters) == 0)
}

// wanted tells whether anybody hears a channel.
func (k *known) wanted(c *channel) bool {
	if c.watch != nil {
		return true
	}
	exact, patterns := k.feed.local.Names(c.name)
	return exact || len(patterns) > 0
}

// drop forgets a channel. What still waits in it nobody wants.
func (k *known) drop(c *channel) {
	k.part(c)
	k.feed.readers.watches.linger(c, false)
	c.state, c.watch = unheard, nil
	if k.feed.channels[c.name] == c {
		delete(k.feed.channels, c.name)
	}
	c.passBarriers()
}

// part lets go of what is kept of a channel, but for how far its listeners were.
func (k *known) part(c *channel) {
	k.feed.holding.letGo(c)
	k.feed.readers.recents.forget(c)
	if c.last.After(k.feed.past.floor()) {
		k.feed.past.parted[c.name] = c.last
	}
}
