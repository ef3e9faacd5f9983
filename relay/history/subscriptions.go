package history

// Channels that the Feed itself keeps subscribed, for readers.

const (
	lingerTicks = 6       // how long a channel stays subscribed for readers that come back
	maxLinger   = 8 << 20 // bytes of lingering channels
)

// subscription is a subscription of the Feed itself.
type subscription struct{ confirmed bool }

// subscriptions is the subscriptions of the Feed itself.
type subscriptions struct {
	*given
	link     *link
	channels *channels
	readers  *readers

	lingering int // bytes of channels that linger, about
}

// subscribe makes sure that the entries of a channel come.
func (s *subscriptions) subscribe(name string) *channel {
	c := s.channels.byName[name]
	if c == nil {
		if _, patterns := s.local.Names(name); len(patterns) > 0 && !s.link.lost {
			c = s.channels.addByPattern(name)
		} else {
			c = newChannel(name)
			s.channels.byName[name] = c
		}
	}
	c.idleTicks = 0
	s.setLingering(c, false)
	if c.subscription == nil {
		w := &subscription{}
		c.subscription = w
		s.local.Subscribe(name, func(refused error) { s.answered(name, w, refused) })
	}
	return c
}

// answered takes the answer of Redis about a subscription, if it is still the present one.
func (s *subscriptions) answered(name string, w *subscription, refused error) {
	c := s.channels.byName[name]
	switch {
	case c == nil || c.subscription != w:
	case refused != nil:
		c.subscription = nil // there is nothing to end
		s.failed(c, refused)
	default:
		s.channels.subscribed(name)
	}
}

// refuse ends a subscription that Redis refuses later. If it was never confirmed, answered is still to be
// called.
func (s *subscriptions) refuse(c *channel, w *subscription, err error) {
	s.loop.Post(func() {
		if c := s.channels.byName[c.name]; c != nil && c.subscription == w {
			c.subscription = nil
			s.readers.endAll(c, err)
			s.local.Unsubscribe(c.name)
			s.afterEnd(c)
		}
	})
}

// failed ends the readers of a channel whose subscription has failed.
func (s *subscriptions) failed(c *channel, err error) {
	s.readers.endAll(c, err)
	s.afterEnd(c)
}

// unsubscribe ends the subscription of a channel without readers.
func (s *subscriptions) unsubscribe(c *channel) {
	c.subscription = nil
	s.local.Unsubscribe(c.name)
	s.afterEnd(c)
}

// afterEnd goes on with a channel whose subscription has ended.
func (s *subscriptions) afterEnd(c *channel) {
	s.setLingering(c, false)
	s.readers.recents.forget(c)
	if !s.channels.isWanted(c) {
		s.channels.drop(c)
	}
}

// setLingering notes whether a channel lingers: it is subscribed, and has no readers.
func (s *subscriptions) setLingering(c *channel, lingers bool) {
	const each = 512 // bytes for a channel besides its name, here, in the hub and on the way to Redis
	switch {
	case lingers && !c.lingers:
		s.lingering += len(c.name) + each
	case !lingers && c.lingers:
		s.lingering -= len(c.name) + each
	}
	c.lingers = lingers
}

// makeRoom ends subscriptions of lingering channels if those take too much memory, in parts, between which others
// are served.
func (s *subscriptions) makeRoom() {
	n := 0
	for _, c := range s.channels.byName {
		switch {
		case s.lingering <= s.limits.upTo(maxLinger):
			return
		case n == part:
			s.loop.Post(s.makeRoom)
			return
		case c.lingers:
			s.unsubscribe(c)
			n++
		}
	}
}

// expireIdle ends the subscription of a channel that had no readers for some time.
func (s *subscriptions) expireIdle(c *channel) {
	if c.subscription == nil || len(c.waiters) > 0 {
		c.idleTicks = 0
		return
	}
	if c.idleTicks++; c.idleTicks > lingerTicks {
		s.unsubscribe(c)
	}
}
