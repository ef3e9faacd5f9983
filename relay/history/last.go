package history

// The newest entry of channels, for listeners that are about to come.

import "redis-relay/relay/stream"

// Last is the newest entry of a channel.
type Last struct {
	Channel string
	Entry   stream.Entry
}

// Newest asks Redis for the newest entries of channels, behind all that was sent before. answered is called in the
// loop, perhaps at once, and in order with the messages. found are those up to which listeners have everything: what
// they get from here on is newer. again are channels of which listeners still lack entries, or whose entries had no
// room in the answer: ask again after Barrier. Channels without entries, and those whose newest entry cannot be read,
// are in neither. failed counts the latter.
func (f *Feed) Newest(list []string, answered func(found []Last, again []string, failed int)) {
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
		if err != nil {
			answered(nil, nil, len(list))
			return
		}
		var n newest
		for i := range tails {
			f.noteNewest(&n, list[i], &tails[i])
		}
		answered(n.found, n.again, n.failed)
	}, args...)
}

// newest collects an answer to Feed.Newest.
type newest struct {
	found  []Last
	again  []string
	failed int
}

// noteNewest takes the answer about one channel.
func (f *Feed) noteNewest(n *newest, channel string, t *tail) {
	switch {
	case t.refused != "" && !t.absent:
		n.failed++
	case len(t.entries) == 0 && t.more, !f.hasAllUpTo(channel, t):
		n.again = append(n.again, channel)
	case len(t.entries) == 0:
	case t.entries[0].large != nil:
		n.failed++
	default:
		n.found = append(n.found, Last{channel, t.entries[0].Entry})
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
