package history

// The known channels, and where their listeners are in the streams.

import (
	"iter"

	"redis-relay/relay/glob"
	"redis-relay/relay/resp"
	"redis-relay/relay/stream"
)

// channels is the channels that have listeners or readers.
type channels struct {
	*given
	byName    map[string]*channel
	link      *link
	announced *announcement
	past      *past
	holding   *holding
	asker     *asker
	readers   *readers
}

// start makes a channel known, of which listeners have all entries up to last, or more, and asks Redis about it.
func (s *channels) start(name string, st state, last stream.ID) *channel {
	c := s.byName[name]
	if c == nil {
		c = newChannel(name)
		s.byName[name] = c
	}
	c.state, c.last = st, s.past.startOf(name, last)
	s.asker.enqueue(c)
	return c
}

// subscribed notes that Redis has subscribed a channel by its name.
func (s *channels) subscribed(name string) {
	s.announced.clear() // all announced messages have come, before the new name
	c := s.byName[name]
	if c == nil || c.state == unsubscribed {
		if _, patterns := s.local.Names(name); len(patterns) > 0 {
			c = s.addByPattern(name)
		} else {
			c = s.start(name, fresh, stream.Before(s.past.redisTime))
		}
	}
	c.confirmed = true
	if c.subscription != nil {
		c.subscription.confirmed = true
	}
}

// addByPattern makes a channel known that only patterns match.
func (s *channels) addByPattern(name string) *channel {
	if s.past.searching {
		return s.start(name, behind, stream.Before(s.past.lostAt))
	}
	return s.start(name, fresh, stream.Before(s.past.redisTime))
}

// unsubscribed notes that Redis sends a channel no longer. If the Feed itself subscribes it, Redis will send it
// again: its readers go on waiting.
func (s *channels) unsubscribed(c *channel) {
	w, waiters := c.subscription, c.waiters
	c.waiters = nil
	s.drop(c)
	if w == nil {
		return
	}
	w.confirmed = false
	again := newChannel(c.name)
	again.subscription, again.waiters = w, waiters
	for _, reader := range waiters {
		reader.channel = again
	}
	s.byName[c.name] = again
	s.readers.subscriptions.setLingering(again, len(waiters) == 0)
}

// isWanted tells whether a channel has listeners or readers.
func (s *channels) isWanted(c *channel) bool {
	if c.subscription != nil {
		return true
	}
	exact, patterns := s.local.Names(c.name)
	return exact || len(patterns) > 0
}

// drop forgets a channel, with its held messages.
func (s *channels) drop(c *channel) {
	s.release(c)
	s.readers.subscriptions.setLingering(c, false)
	c.state, c.subscription = unsubscribed, nil
	if s.byName[c.name] == c {
		delete(s.byName, c.name)
	}
	c.passBarriers()
}

// release frees the memory of a channel. Only the last delivered entry is remembered.
func (s *channels) release(c *channel) {
	s.holding.release(c)
	s.readers.recents.forget(c)
	if c.last.After(s.past.floor()) {
		s.past.lastIDs[c.name] = c.last
	}
}

// deliverNow notes that an entry is delivered now, and gives it to readers. payload is nil if it was not
// read.
func (s *channels) deliverNow(c *channel, id stream.ID, f fields, payload []byte) {
	e := stream.Entry{ID: id}
	if c.subscription != nil && payload != nil {
		e.Fields = f.with(payload)
	}
	s.advance(c, e)
}

// advance notes that listeners of a channel have come to an entry.
func (s *channels) advance(c *channel, e stream.Entry) {
	id := e.ID
	if coming, ok := s.announced.current(); ok && coming == id {
		s.announced.fate = delivered
	}
	c.passed++
	backwards := !id.After(c.last) && c.state == live
	c.last, c.exact = id, true
	if c.state == fresh {
		c.state = live
		c.recent.restart(id.Previous())
	}
	switch {
	case backwards:
		s.readers.recents.forget(c) // the stream was made anew, and the clock of Redis set back
	case c.subscription != nil && e.Fields != nil:
		s.readers.recents.remember(c, e)
	default:
		s.readers.recents.forget(c)
		s.readers.serve(c)
	}
}

// fallBehind has messages of a channel held from now on, until Redis was asked about it.
func (s *channels) fallBehind(c *channel) {
	c.state, c.counts = behind, nil // publishers go on counting while entries are read
	if s.link.up {
		s.asker.enqueue(c)
	}
}

// matching yields the channels that names match, some perhaps twice.
func (s *channels) matching(names [resp.Kinds][]string) iter.Seq[*channel] {
	return func(yield func(*channel) bool) {
		for _, name := range names[resp.Message] {
			if c := s.byName[name]; c != nil && !yield(c) {
				return
			}
		}
		for _, pattern := range names[resp.PMessage] {
			for _, c := range s.byName {
				if glob.Match([]byte(pattern), []byte(c.name)) && !yield(c) {
					return
				}
			}
		}
	}
}
