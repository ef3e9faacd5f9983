package history

// The newest entry of channels, for listeners that are about to come.

import (
	"errors"

	"redis-relay/relay/stream"
	"redis-relay/relay/upstream"
)

// Last is the newest entry of a channel.
type Last struct {
	Channel string
	Entry   stream.Entry
}

// Newest is the answer to Feed.Newest.
type Newest struct {
	Found  []Last   // up to which listeners have everything: what they get from here on is newer
	Again  []string // channels of which listeners lack entries, or whose entries had no room: ask again after Barrier
	Failed int      // channels whose newest entry cannot be read; not those of a lost connection
	Divide bool     // there is no answer about all channels together: ask about fewer
}

// Newest asks Redis for the newest entries of channels, behind all that was sent before. answered is called in the
// loop, perhaps at once, and in order with the messages. Channels without entries are not in the answer. If the
// connection is lost, no channel is: the caller asks again over the next one.
func (f *Feed) Newest(list []string, answered func(n *Newest)) {
	asked := make([]question, len(list))
	for i, channel := range list {
		asked[i] = question{channel: channel, newest: true}
	}
	keys, args := scriptArgs(f.names, asked, true, maxAnswer, f.limits.entry())
	f.main.Eval(readScript, keys, func(v any, err error) {
		var tails []tail
		if err == nil {
			tails, _, err = readAnswer(asked, v)
		}
		n := new(Newest)
		switch {
		case err != nil && len(list) > 1 && lasting(err):
			n.Divide = true
		case errors.Is(err, upstream.ErrDown), errors.Is(err, upstream.ErrUnknown): // all is asked over the next connection
		case err != nil:
			n.Failed = len(list)
		}
		for i := range tails {
			f.noteNewest(n, list[i], &tails[i])
		}
		answered(n)
	}, args...)
}

// noteNewest takes the answer about one channel.
func (f *Feed) noteNewest(n *Newest, channel string, t *tail) {
	switch {
	case t.refused != "" && !t.absent:
		n.Failed++
	case len(t.entries) == 0 && t.more, !f.hasAllUpTo(channel, t):
		n.Again = append(n.Again, channel)
	case len(t.entries) == 0:
	case t.entries[0].large != nil:
		n.Failed++
	default:
		n.Found = append(n.Found, Last{channel, t.entries[0].Entry})
	}
}

// hasAllUpTo reports whether the listeners of a channel have all entries up to the newest one.
func (f *Feed) hasAllUpTo(channel string, t *tail) bool {
	c := f.channels.byName[channel]
	if c == nil || !f.link.up {
		return false
	}
	if c.state == fresh || c.state == live {
		f.healer.compare(c, t)
	}
	return c.state == live && (len(t.entries) == 0 || !t.entries[0].ID.After(c.last))
}
