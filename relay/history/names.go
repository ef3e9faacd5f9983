package history

// What the Feed is told of subscriptions: names that Redis has subscribed, refused and unsubscribed.

import (
	"errors"
	"iter"
	"maps"
	"slices"

	"redis-relay/relay/glob"
)

var errMoved = errors.New("ERR a reload has ended the history of the channel, or moved it; read again from the last ID")

// Subscribed says that Redis has subscribed a channel with history and its
// announcements, for listeners or for the Feed itself. It is called each time that Redis does.
func (f *Feed) Subscribed(name string) {
	if c := f.channels.byName[name]; c != nil && c.confirmed && c.state == live {
		f.Unsubscribed(name) // before this, for a moment: listeners are not owed what was published meanwhile
	}
	f.channels.subscribed(name)
}

// SubscribingPattern is called before a pattern is sent to Redis that may match channels with history. The
// time of Redis is asked for first: it tells what was published before the pattern.
func (f *Feed) SubscribingPattern() { f.asker.askTimeNow() }

// SubscribedPattern is Subscribed for a pattern that may match channels with history.
func (f *Feed) SubscribedPattern() { f.announced.clear() }

// Unsubscribed says that Redis sends a channel no longer, whether or not it was asked for
// again since.
func (f *Feed) Unsubscribed(name string) {
	c := f.channels.byName[name]
	if c == nil {
		return
	}
	if _, patterns := f.local.Names(name); len(patterns) == 0 {
		f.channels.unsubscribed(c)
	}
}

// Interrupted says that Redis has ended a channel, which it may have been asked for again by now. Unless Redis still
// sends it for a pattern, entries that come in between are owed to nobody: the next one that comes is no sign of a
// loss. A channel whose entries are being read is left alone: those who listened before are owed them.
func (f *Feed) Interrupted(name string) {
	if c := f.channels.byName[name]; c != nil && c.state == live && !f.local.IsSent(name) {
		f.channels.unsubscribed(c)
	}
}

// InterruptedPattern is Interrupted for a pattern.
func (f *Feed) InterruptedPattern(pattern string) {
	for _, c := range f.channels.byName {
		if c.state == live && glob.Match([]byte(pattern), []byte(c.name)) && !f.local.IsSent(c.name) {
			f.channels.unsubscribed(c)
		}
	}
}

// UnsubscribedPattern says that Redis sends the channels that a pattern matches no longer. Channels that only
// this pattern matched are dropped: the knowledge of them would soon be wrong.
func (f *Feed) UnsubscribedPattern(pattern string) {
	for _, c := range f.channels.byName {
		if !glob.Match([]byte(pattern), []byte(c.name)) || c.isSubscribed() || c.state == unsubscribed {
			continue
		}
		exact, patterns := f.local.Names(c.name)
		patterns = slices.DeleteFunc(patterns, func(p string) bool { return p == pattern })
		if !exact && len(patterns) == 0 {
			f.channels.unsubscribed(c)
		}
	}
}

// Refused says that Redis will not subscribe a channel or its announcements: its
// readers get the error.
func (f *Feed) Refused(name string, err error) {
	if c := f.channels.byName[name]; c != nil && c.subscription != nil {
		f.readers.subscriptions.refuse(c, c.subscription, err)
	}
}

// Channels yields the channels of which the Feed knows something. The loop may end any of them meanwhile.
func (f *Feed) Channels() iter.Seq[string] { return maps.Keys(f.channels.byName) }

// EndReaders ends the readers of a channel: its entries are added elsewhere from now on. Listeners get those that come.
func (f *Feed) EndReaders(name string) {
	c := f.channels.byName[name]
	if c == nil {
		return
	}
	f.readers.endAll(c, errMoved)
	if c.subscription != nil {
		f.readers.subscriptions.unsubscribe(c)
	}
}

// Forget ends the history of a channel. Held messages are delivered; readers
// get an error.
func (f *Feed) Forget(name string) {
	c := f.channels.byName[name]
	if c == nil {
		return
	}
	f.healer.deliverHeld(c, nil)
	f.readers.endAll(c, errMoved)
	if c.subscription != nil {
		c.subscription = nil
		f.local.Unsubscribe(name)
	}
	f.channels.drop(c)
}

// ForgetWhere is Forget for all channels that Redis calls something else from now on. What is known of their streams
// is of others.
func (f *Feed) ForgetWhere(renamed func(channel string) bool) {
	for name := range f.channels.byName {
		if renamed(name) {
			f.Forget(name)
		}
	}
	for name := range f.past.lastIDs {
		if renamed(name) {
			delete(f.past.lastIDs, name)
		}
	}
}
