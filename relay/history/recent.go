package history

// The newest entries, kept for readers.

import (
	"slices"
	"time"

	"redis-relay/relay/stream"
)

// recents is the newest entries of all channels that are read.
type recents struct {
	*given
	readers *readers

	bytes int
}

// remember keeps an entry for readers, and gives it to those that wait.
func (s *recents) remember(c *channel, e stream.Entry) {
	kept := c.recent.bytes
	c.recent.add(e, time.Now())
	s.bytes += c.recent.bytes - kept
	s.readers.serve(c)
	if s.bytes > s.limits.upTo(maxRecent) {
		s.forget(c)
	}
}

// expire leaves older entries to Redis, where they may have been deleted.
func (s *recents) expire(c *channel) {
	kept := c.recent.bytes
	c.recent.expire(time.Now())
	s.bytes += c.recent.bytes - kept
}

// forget leaves all entries up to the last delivered one to Redis.
func (s *recents) forget(c *channel) {
	s.bytes -= c.recent.bytes
	c.recent.restart(c.last)
}

// recent is the newest entries of a channel that has readers: all behind from.
type recent struct {
	from    stream.ID
	entries []stream.Entry
	came    []time.Time // the time of each entry
	bytes   int
}

const (
	maxRecent     = 32 << 20 // bytes of entries, over all channels
	recentEntries = 128
	recentBytes   = 256 << 10
	// recentAge is how long an entry is served from memory: one that is deleted from the stream
	// is not readable for longer than that.
	recentAge = 900 * time.Millisecond
)

// restart forgets everything up to id.
func (r *recent) restart(id stream.ID) { *r = recent{from: id} }

// add takes an entry that came now, and lets go of those that are too many or too old.
func (r *recent) add(e stream.Entry, now time.Time) {
	r.entries, r.came = append(r.entries, e), append(r.came, now)
	r.bytes += e.Size()
	r.expire(now)
}

// expire lets go of entries that are too many or too old.
func (r *recent) expire(now time.Time) {
	n := 0
	for n < len(r.entries) &&
		(len(r.entries)-n > recentEntries || r.bytes > recentBytes || now.Sub(r.came[n]) > recentAge) {
		r.bytes -= r.entries[n].Size()
		r.from = r.entries[n].ID
		n++
	}
	r.entries, r.came = slices.Delete(r.entries, 0, n), slices.Delete(r.came, 0, n)
}

// after returns the entries behind id, at most count of them (0: all). ok is false
// if some of them are not kept.
func (r *recent) after(id stream.ID, count int) (list []stream.Entry, ok bool) {
	if r.from.After(id) {
		return nil, false
	}
	i, found := slices.BinarySearchFunc(r.entries, id, func(e stream.Entry, id stream.ID) int { return e.ID.Compare(id) })
	if found {
		i++
	}
	list = r.entries[i:]
	if count > 0 && len(list) > count {
		list = list[:count]
	}
	return slices.Clone(list), true
}
