package history

// Channels that become known, because somebody hears them, and that end, when nobody does any more.

import (
	"errors"
	"slices"

	"redis-relay/relay/glob"
)

var errNoHistory = errors.New("ERR the channel has no history any more")

// Confirmed says that Redis has subscribed a channel with history and its
// announcements, for listeners or for a watch of the Feed. It is called once for each time that Redis does.
func (f *Feed) Confirmed(name string) {
	if c := f.channels[name]; c != nil && c.named && c.state == live {
		f.Released(name) // for a moment, before this: to nobody is owed what came meanwhile
	}
	f.known.confirmed(name)
}

// ExpectPattern is called before Redis is asked for a pattern that may match channels with history. The
// time of Redis is asked for first: so it is known, when the pattern is confirmed, what was before.
func (f *Feed) ExpectPattern() { f.asker.askTimeNow() }

// ConfirmedPattern says of a pattern that may match channels with history what Confirmed says of a channel.
func (f *Feed) ConfirmedPattern() { f.announced.clear() }

// Released says that Redis does not send a channel any more, whether or not somebody has asked for it
// again since.
func (f *Feed) Released(name string) {
	c := f.channels[name]
	if c == nil {
		return
	}
	if _, patterns := f.local.Names(name); len(patterns) == 0 {
		f.known.silenced(c)
	}
}

// ReleasedPattern says that Redis does not send what a pattern matches any more: channels that only
// it heard end with it. What is known of them would soon not be true.
func (f *Feed) ReleasedPattern(pattern string) {
	for _, c := range f.channels {
		if !glob.Match([]byte(pattern), []byte(c.name)) || c.watched() || c.state == unheard {
			continue
		}
		exact, patterns := f.local.Names(c.name)
		patterns = slices.DeleteFunc(patterns, func(p string) bool { return p == pattern })
		if !exact && len(patterns) == 0 {
			f.known.silenced(c)
		}
	}
}

// Refused says that Redis will not subscribe a channel or its announcements, so that who
// reads it would wait for ever.
func (f *Feed) Refused(name string, err error) {
	if c := f.channels[name]; c != nil && c.watch != nil {
		f.readers.watches.refuse(c, c.watch, err)
	}
}

// Forget makes a channel one without history. What was held is handed out; who waits
// in Read gets an error.
func (f *Feed) Forget(name string) {
	c := f.channels[name]
	if c == nil {
		return
	}
	f.healer.release(c, nil)
	f.readers.endAll(c, errNoHistory)
	if c.watch != nil {
		c.watch = nil
		f.local.Unwatch(name)
	}
	f.known.drop(c)
}
