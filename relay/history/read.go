package history

// Waiting readers: XREAD BLOCK for any number of local clients, over the relay's connections.

import (
	"slices"
	"time"

	"redis-relay/relay/loop"
)

const (
	lookPatience = time.Second // beyond its time, for which a reader waits for a first answer of Redis
	part         = 1000        // channels of one reader that are dealt with together
)

// Position is where one stream is read on.
type Position struct {
	Channel string
	After   ID
	Newest  bool // from what is newest now: "$"
	Until   *ID  // where it is read to, by Pages; nil: to the end
}

// Stream is what was read of one channel.
type Stream struct {
	Channel string
	Entries []Entry
}

// Read is a reader that waits. It belongs to the Feed.
type Read struct {
	// Fixed after construction.
	count  int
	finish func([]Stream, error)

	waiters   []*waiter
	rest      []Position  // channels that it does not wait on yet
	have      int         // waiters with something for the answer
	at        int         // of waiters, one that lacked something when it was looked at last
	timer     *loop.Timer // nil: it waits for ever
	overdue   bool        // its time is over; it ends when it is known what there is
	done      bool
	cancelled bool
}

// waiter is a Read on one of its channels.
type waiter struct {
	read    *Read
	channel *channel
	fresh   bool    // it began with Newest: there was nothing for it
	asked   bool    // Redis is asked where the stream ends, for Newest
	found   []Entry // for the answer, which waits for what is read for other channels
	Position
}

// readers is all who wait, and what is kept for them.
type readers struct {
	feed    *Feed
	count   int
	waiting map[*Read]bool
	watches watches
	recents recents
	fetcher fetcher
}

func (r *readers) begin(f *Feed) {
	r.feed, r.waiting = f, map[*Read]bool{}
	r.watches.feed, r.recents.feed, r.fetcher.feed = f, f, f
}

// Read calls finish once: with entries as soon as there are any, with none after
// block (0: never), or with an error. finish is called in the loop, not before Read has returned; it may
// call the Feed. count bounds the entries of each stream; 0: no bound but that of memory. The caller may
// give up by Cancel.
//
// As in Redis, what there is on all channels comes in one answer: who reads a busy
// stream and, far behind, a second one would otherwise never get to that. And as in
// Redis block is for entries that are still to come: what there is already is not
// missed for being read by a Redis that takes longer, up to lookPatience.
//
// Newest is what is newest on Redis when all is carried out that was sent to it before this call, and
// nothing that is sent behind it.
func (f *Feed) Read(list []Position, count int, block time.Duration, finish func([]Stream, error)) *Read {
	r := &Read{count: count, finish: finish}
	f.readers.count++
	f.readers.waiting[r] = true
	f.readers.watches.makeRoom()
	r.waiters, r.rest = make([]*waiter, 0, len(list)), list
	if block > 0 {
		r.timer = f.loop.AfterFunc(block, func() { f.readers.timedOut(r) })
	}
	f.readers.join(r)
	return r
}

// join has a reader wait on its channels, in parts between which others are served.
func (r *readers) join(read *Read) {
	if read.done {
		return
	}
	n, before := min(part, len(read.rest)), len(read.waiters)
	for _, p := range read.rest[:n] {
		c := r.watches.watch(p.Channel)
		w := &waiter{read: read, channel: c, fresh: p.Newest, Position: p}
		read.waiters = append(read.waiters, w)
		c.waiters = append(c.waiters, w)
	}
	if read.rest = read.rest[n:]; len(read.rest) > 0 {
		r.feed.loop.Post(func() { r.join(read) })
	}
	r.findNewest(read.waiters[before:])
	r.offer(read.waiters[before:])
}

// found lists what there is for the reader.
func (r *Read) found() (list []Stream) {
	for _, w := range r.waiters {
		if len(w.found) > 0 {
			list = append(list, Stream{w.channel.name, w.found})
		}
	}
	return list
}

// Cancel gives a Read up: finish is not called any more.
func (f *Feed) Cancel(r *Read) {
	r.cancelled = true
	f.readers.leave(r)
}

func (r *readers) timedOut(read *Read) {
	if r.feed.up && !read.overdue && read.lacks() {
		read.overdue = true
		read.timer.Reset(lookPatience)
		return
	}
	r.end(read, read.found(), nil)
}

// end answers a reader, behind all that is being done now.
func (r *readers) end(read *Read, list []Stream, err error) {
	if read.done {
		return
	}
	r.leave(read)
	r.feed.loop.Post(func() {
		if !read.cancelled {
			read.finish(list, err)
		}
	})
}

// endAll answers all who wait for a channel with an error.
func (r *readers) endAll(c *channel, err error) {
	for _, w := range slices.Clone(c.waiters) {
		r.end(w.read, nil, err)
	}
}

func (r *readers) leave(read *Read) {
	if read.done {
		return
	}
	read.done = true
	r.count--
	delete(r.waiting, read)
	if read.timer != nil {
		read.timer.Stop()
	}
	for _, w := range read.waiters {
		c := w.channel
		c.waiters = slices.DeleteFunc(c.waiters, func(o *waiter) bool { return o == w })
		r.watches.linger(c, c.watch != nil && len(c.waiters) == 0)
	}
}

// stop ends the timers of all.
func (r *readers) stop() {
	for read := range r.waiting {
		read.cancelled = true
		r.leave(read)
	}
	r.fetcher.stop()
}

// served offers what is known of a channel to those that wait for it.
func (r *readers) served(c *channel) {
	if len(c.waiters) > 0 {
		r.offer(slices.Clone(c.waiters))
	}
}

// offer gives waiters what there is for them, and asks for what is not kept here.
func (r *readers) offer(list []*waiter) {
	for _, w := range list {
		r.look(w)
	}
	for _, w := range list {
		r.give(w.read)
	}
}

// look finds the entries for a waiter that are kept here.
func (r *readers) look(w *waiter) {
	c := w.channel
	switch {
	case w.read.done, len(w.found) > 0:
	case c.blind != nil:
		r.end(w.read, nil, c.blind)
	case w.Newest: // it is asked for
	case c.state != live: // it is offered again when the channel is
	default:
		r.recents.expire(c)
		list, ok := c.recent.after(w.After, w.read.count)
		if !ok {
			r.fetcher.want(c)
		}
		w.take(list)
	}
}

// take notes what there is for a waiter that had nothing.
func (w *waiter) take(list []Entry) {
	if w.found = list; len(list) > 0 {
		w.read.have++
	}
}

// lacks tells whether it is not known of all channels yet what there was when the reader came. It begins with
// the one that lacked something before: most of the time that still does.
func (r *Read) lacks() bool {
	if len(r.rest) > 0 {
		return true
	}
	for range r.waiters {
		if w := r.waiters[r.at]; !w.fresh && w.lacks() {
			return true
		}
		r.at = (r.at + 1) % len(r.waiters)
	}
	return false
}

// lacks tells whether it is not known yet what there is for a waiter.
func (w *waiter) lacks() bool {
	c := w.channel
	return len(w.found) == 0 && !w.Newest && (c.state != live || c.recent.from.After(w.After))
}

// give ends a reader that has entries, once it is known what there is on all its
// channels.
func (r *readers) give(read *Read) {
	if (read.have > 0 || read.overdue) && !read.done && !read.lacks() {
		r.end(read, read.found(), nil)
	}
}
