package history

// What is known of one channel.

import (
	"slices"

	"redis-relay/relay/stream"
)

// state says what listeners of a channel get.
type state uint8

const (
	// unsubscribed: Redis sends nothing of the channel yet; its readers wait for that.
	unsubscribed state = iota
	// fresh: messages are delivered as they come. It is not known which entry was the last before them, but
	// it is not older than channel.last.
	fresh
	// live: messages are delivered as they come; channel.last is the newest entry.
	live
	// behind: entries are missing. Messages are held until those are read.
	behind
)

// channel is a channel with history that has listeners or readers.
type channel struct {
	name      string
	state     state
	confirmed bool // Redis has confirmed the name itself, in this session

	last    stream.ID         // the newest entry that was delivered, or a position behind which listeners began
	exact   bool              // no entry lies between last and the next one that listeners got
	counts  map[string]uint64 // the last count of each publisher
	partial partialEntry

	// The number of entries that the stream ever had when Redis was last asked, and of those that were delivered
	// since. They tell how many entries were trimmed, or overlooked. base is -1 if it is not known.
	base, passed int64
	compared     bool // Redis was asked, and last was the newest entry then

	asked       bool  // a question is queued or under way
	losses      int   // how often in a row the connection was lost during a question about the channel
	positionErr error // why it is not known where the stream stands: readers cannot wait
	heavy       bool  // it has an entry that is too large for frequent questions

	held       []heldMessage
	contiguous bool       // the held messages follow last
	overflow   bool       // an entry that came could not be held, and must be read
	dropped    int64      // messages that are no entries, and could not be held
	barriers   []*barrier // they wait until the channel is not behind any more

	recent       recent
	waiters      []*waiter
	subscription *subscription // by the Feed itself, for readers; nil: none
	idleTicks    int           // ticks since the last reader
	lingers      bool          // it has a subscription, and no readers
	fetching     bool
}

// heldMessage is a message that waits until the entries before it are read.
type heldMessage struct {
	id            stream.ID // zero: it is no entry
	fields        fields
	isCopy        bool // the same message for another name: a pattern
	epoch, moment uint64
	frame         []byte
}

// partialEntry is the entry behind channel.last, if only some of its names got it before the connection was
// lost.
type partialEntry struct {
	id       stream.ID
	exact    bool     // the channel's own name got it
	patterns []string // that got it
}

// recipients returns the names that still lack an entry.
func (h *partialEntry) recipients(id stream.ID, exact bool, patterns []string) (bool, []string) {
	if h.id != id {
		return exact, patterns
	}
	return exact && !h.exact, slices.DeleteFunc(slices.Clone(patterns), func(p string) bool {
		return slices.Contains(h.patterns, p)
	})
}

// newChannel returns a channel that Redis does not send yet.
func newChannel(name string) *channel { return &channel{name: name, base: -1} }

// lastEntry returns the last entry that all listeners have, for those who are told of a gap; zero: there is none, or it
// is not known, because last is only a position between entries.
func (c *channel) lastEntry() stream.ID {
	if !c.last.IsEntry() || !c.partial.id.IsZero() && c.last == c.partial.id.Previous() {
		return stream.ID{}
	}
	return c.last
}

// isSubscribed tells whether Redis has confirmed the subscription of the Feed itself.
func (c *channel) isSubscribed() bool { return c.subscription != nil && c.subscription.confirmed }

// noteCount notes a publisher's count, and tells whether messages before it did not come.
func (c *channel) noteCount(publisher []byte, n uint64) bool {
	const publishers = 256 // remembered; more are those of relays long gone
	if c.counts == nil || len(c.counts) > publishers {
		c.counts = make(map[string]uint64, 1)
	}
	last, known := c.counts[string(publisher)]
	if !known || n != last {
		c.counts[string(publisher)] = n
	}
	return known && n > last+1
}

// noteAdded notes how many entries the stream ever had, by the answer of Redis.
func (c *channel) noteAdded(t *tail) {
	c.base, c.passed, c.compared = -1, 0, true
	switch {
	case t.absent:
		c.base = 0
	case t.refused == "":
		c.base = t.added
	}
}

// overlooked returns how many entries neither came nor were read, of those that were added until Redis was
// asked.
func (c *channel) overlooked(t *tail) int64 {
	if c.base < 0 || t.added < 0 || t.refused != "" {
		return 0
	}
	return max(0, t.added-c.base-c.passed)
}

// firstHeld returns the ID of the first held entry.
func (c *channel) firstHeld() (stream.ID, bool) {
	i := slices.IndexFunc(c.held, func(h heldMessage) bool { return !h.id.IsZero() })
	if i < 0 {
		return stream.ID{}, false
	}
	return c.held[i].id, true
}
