package history

// What is known of one channel.

import (
	"slices"
	"time"

	"redis-relay/relay/resp"
)

// state says how far the local listeners of a channel are.
type state uint8

const (
	// unheard: nothing of the channel comes from Redis yet; somebody waits for that.
	unheard state = iota
	// fresh: messages are passed on as they come; of the last entry before them it
	// is only known that it is not older than channel.last.
	fresh
	// live: messages are passed on; channel.last is the newest entry there is.
	live
	// behind: entries are missing. Messages are held until those are read.
	behind
)

type channel struct {
	name   string
	state  state
	named  bool  // Redis has confirmed the name itself, over this connection
	asked  bool  // a question is queued or under way
	losses int   // of the connection in a row, while a question about it was under way
	blind  error // why it is not known where its stream stands, so that nobody can wait for what comes
	heavy  bool  // it has an entry that is too large to be looked at again and again
	last   ID    // the newest entry that listeners have, or that came before they did
	exact  bool  // and no entry lies between last and what they heard first
	counts map[string]uint64
	half   half

	// Entries that Redis had ever added when it was last asked, and those passed on
	// since: by them it is seen how many were trimmed, or overlooked. base is -1 when not
	// known.
	base, passed int64
	settled      bool // it was asked, and last was the newest entry then

	held     []held
	joined   bool  // and it follows what listeners have
	overflow bool  // an entry that came could not be held, and must be read
	dropped  int64 // messages that came, were not held to the end, and are no entries

	barriers []*barrier // that wait for it to catch up

	recent   recent
	waiters  []*waiter
	watch    *watch // the Feed itself keeps the channel subscribed, for readers; nil: it does not
	idle     int    // ticks since somebody last read
	lingers  bool   // it is watched, and nobody reads
	fetching bool
}

// held is a message that waits until what came before it is read.
type held struct {
	id    ID // zero: it is no entry
	field string
	copy  bool // the same message for another name: a pattern
	epoch uint64
	frame []byte
}

// half is the entry behind channel.last, if some of the names that hear it got it
// before the connection was lost.
type half struct {
	id       ID
	exact    bool
	patterns []string
}

// without returns the names that have not got an entry.
func (h *half) without(id ID, exact bool, patterns []string) (bool, []string) {
	if h.id != id {
		return exact, patterns
	}
	return exact && !h.exact, slices.DeleteFunc(slices.Clone(patterns), func(p string) bool {
		return slices.Contains(h.patterns, p)
	})
}

// newChannel returns one that is not heard yet.
func newChannel(name string) *channel { return &channel{name: name, base: -1} }

// watched tells whether a watch of the Feed keeps it subscribed on Redis.
func (c *channel) watched() bool { return c.watch != nil && c.watch.confirmed }

// jumped notes a publisher's count, and tells whether some before it did not come.
func (c *channel) jumped(publisher []byte, n uint64) bool {
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

// counted notes how many entries the stream had ever had when Redis was asked.
func (c *channel) counted(t *tail) {
	c.base, c.passed, c.settled = -1, 0, true
	switch {
	case t.absent:
		c.base = 0
	case t.refused == "":
		c.base = t.added
	}
}

// overlooked returns how many entries had been added when Redis was asked that neither
// came nor were read.
func (c *channel) overlooked(t *tail) int64 {
	if c.base < 0 || t.added < 0 || t.refused != "" {
		return 0
	}
	return max(0, t.added-c.base-c.passed)
}

// firstHeld returns the ID of the first entry that is held.
func (c *channel) firstHeld() (ID, bool) {
	i := slices.IndexFunc(c.held, func(h held) bool { return !h.id.IsZero() })
	if i < 0 {
		return ID{}, false
	}
	return c.held[i].id, true
}

// recent is the newest entries of a channel that somebody reads: all those behind
// from.
type recent struct {
	from    ID
	entries []Entry
	came    []time.Time // when, for each of entries
	bytes   int
}

const (
	recentEntries = 128
	recentBytes   = 256 << 10
	// recentAge is how long an entry is served from memory: one that is deleted from the stream
	// is not readable for longer than that.
	recentAge = 900 * time.Millisecond
)

// restart forgets everything up to id.
func (r *recent) restart(id ID) { *r = recent{from: id} }

// add takes an entry that came now, and lets go of those that are too many or too old.
func (r *recent) add(e Entry, now time.Time) {
	r.entries, r.came = append(r.entries, e), append(r.came, now)
	r.bytes += e.size()
	r.expire(now)
}

// expire lets go of entries that are too many or too old.
func (r *recent) expire(now time.Time) {
	n := 0
	for n < len(r.entries) &&
		(len(r.entries)-n > recentEntries || r.bytes > recentBytes || now.Sub(r.came[n]) > recentAge) {
		r.bytes -= r.entries[n].size()
		r.from = r.entries[n].ID
		n++
	}
	r.entries, r.came = slices.Delete(r.entries, 0, n), slices.Delete(r.came, 0, n)
}

// after returns the entries behind id, at most count of them (0: all); ok is false
// when they are not all known.
func (r *recent) after(id ID, count int) (list []Entry, ok bool) {
	if r.from.After(id) {
		return nil, false
	}
	i, found := slices.BinarySearchFunc(r.entries, id, func(e Entry, id ID) int { return e.ID.Compare(id) })
	if found {
		i++
	}
	list = r.entries[i:]
	if count > 0 && len(list) > count {
		list = list[:count]
	}
	return slices.Clone(list), true
}

// delivery reads a frame again that was held.
func delivery(frame []byte) resp.Delivery {
	var d resp.Delivery
	_, _, _ = resp.ScanServer(frame, &d) // it was a delivery when it came
	return d
}
