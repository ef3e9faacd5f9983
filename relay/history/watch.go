package history

// Channels that the Feed itself keeps subscribed, for readers, and their newest entries.

import "time"

const lingerTicks = 6 // a channel stays subscribed for readers that come back

// watch is a subscription of the Feed itself.
type watch struct{ confirmed bool }

// watches is the channels that are watched.
type watches struct {
	feed      *Feed
	lingering int // bytes of channels that linger, about
}

// watch makes sure that a channel's entries are heard.
func (s *watches) watch(name string) *channel {
	f := s.feed
	c := f.channels[name]
	if c == nil {
		if _, patterns := f.local.Names(name); len(patterns) > 0 && !f.lost {
			c = f.known.heardByPattern(name)
		} else {
			c = newChannel(name)
			f.channels[name] = c
		}
	}
	c.idle = 0
	s.linger(c, false)
	if c.watch == nil {
		w := &watch{}
		c.watch = w
		f.local.Watch(name, func(refused error) { s.answered(name, w, refused) })
	}
	return c
}

// answered takes what Redis says of a subscription, if it is still the one.
func (s *watches) answered(name string, w *watch, refused error) {
	c := s.feed.channels[name]
	switch {
	case c == nil || c.watch != w:
	case refused != nil:
		c.watch = nil // there is nothing to end
		s.ended(c, refused)
	default:
		s.feed.known.confirmed(name)
	}
}

// refuse ends a watch that Redis does not let go on. If it was never confirmed, answered is still to be
// called.
func (s *watches) refuse(c *channel, w *watch, err error) {
	s.feed.loop.Post(func() {
		if c := s.feed.channels[c.name]; c != nil && c.watch == w {
			c.watch = nil
			s.feed.readers.endAll(c, err)
			s.feed.local.Unwatch(c.name)
			s.unkept(c)
		}
	})
}

// ended has those who wait get an error, since no watch brings what they wait for.
func (s *watches) ended(c *channel, err error) {
	s.feed.readers.endAll(c, err)
	s.unkept(c)
}

// unwatch lets a channel go that nobody reads.
func (s *watches) unwatch(c *channel) {
	c.watch = nil
	s.feed.local.Unwatch(c.name)
	s.unkept(c)
}

// unkept goes on with a channel that is not watched any more.
func (s *watches) unkept(c *channel) {
	s.linger(c, false)
	s.feed.readers.recents.forget(c)
	if !s.feed.known.wanted(c) {
		s.feed.known.drop(c)
	}
}

// linger notes whether a channel is watched and nobody reads it.
func (s *watches) linger(c *channel, lingers bool) {
	const each = 512 // bytes for a channel besides its name, here, in the hub and on the way to Redis
	switch {
	case lingers && !c.lingers:
		s.lingering += len(c.name) + each
	case !lingers && c.lingers:
		s.lingering -= len(c.name) + each
	}
	c.lingers = lingers
}

// makeRoom lets channels go that nobody reads, if they take too much, in parts between which others are
// served.
func (s *watches) makeRoom() {
	n := 0
	for _, c := range s.feed.channels {
		switch {
		case s.lingering <= s.feed.limits.upTo(maxLinger):
			return
		case n == part:
			s.feed.loop.Post(s.makeRoom)
			return
		case c.lingers:
			s.unwatch(c)
			n++
		}
	}
}

// rest lets a channel go that nobody has read for some time.
func (s *watches) rest(c *channel) {
	if c.watch == nil || len(c.waiters) > 0 {
		c.idle = 0
		return
	}
	if c.idle++; c.idle > lingerTicks {
		s.unwatch(c)
	}
}

// recents is the newest entries of all channels that are read.
type recents struct {
	feed  *Feed
	bytes int
}

// remember keeps an entry for readers, and gives it to those that wait.
func (s *recents) remember(c *channel, e Entry) {
	kept := c.recent.bytes
	c.recent.add(e, time.Now())
	s.bytes += c.recent.bytes - kept
	s.feed.readers.served(c)
	if s.bytes > s.feed.limits.upTo(maxRecent) {
		s.forget(c)
	}
}

// expire leaves older entries to Redis, where they may have been deleted.
func (s *recents) expire(c *channel) {
	kept := c.recent.bytes
	c.recent.expire(time.Now())
	s.bytes += c.recent.bytes - kept
}

// forget leaves all entries up to the last that was heard to Redis.
func (s *recents) forget(c *channel) {
	s.bytes -= c.recent.bytes
	c.recent.restart(c.last)
}
