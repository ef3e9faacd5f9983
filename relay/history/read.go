package history

// Waiting readers: XREAD BLOCK for any number of local clients, over the relay's connections.

import (
	"slices"
	"time"

	"redis-relay/relay/loop"
	"redis-relay/relay/stream"
)

const (
	lookPatience = time.Second // beyond its time, for which a reader waits for the first answer of Redis
	part         = 1000        // channels of one reader that are dealt with together
)

// Cursor is where the reading of one channel has come to. It begins at a stream.Position.
type Cursor struct {
	Channel string
	After   stream.ID
	Newest  bool       // it begins behind the newest entry, which is still to be found out; After is not set
	Until   *stream.ID // the last ID that Pages read; nil: they read to the end
}

// PendingRead is a reader that waits. It is for Feed.StopWaiting and Feed.Cancel.
type PendingRead struct {
	// Fixed after construction.
	count  int
	finish func([]stream.Result, error)

	waiters   []*waiter
	rest      []Cursor    // channels that it does not wait on yet
	have      int         // how many waiters have found entries
	at        int         // index of a waiter that lacked something last time
	timer     *loop.Timer // nil: it waits for ever
	overdue   bool        // its time is over; it ends when it is known which entries there are
	done      bool
	cancelled bool
}

// waiter is a Read on one of its channels.
type waiter struct {
	read    *PendingRead
	channel *channel
	fresh   bool           // it began with Newest: there were no entries for it
	asked   bool           // Redis is asked where the stream ends, for Newest
	found   []stream.Entry // for the answer, which waits for other channels
	Cursor
}

// readers is all pending reads, and the entries and subscriptions for them.
type readers struct {
	*given
	link   *link
	healer *healer

	count         int
	waiting       map[*PendingRead]bool
	subscriptions subscriptions
	recents       recents
	fetcher       fetcher
}

// connect tells each part of those that it needs.
func (r *readers) connect(f *Feed) {
	r.given, r.link, r.healer, r.waiting = f.given, &f.link, &f.healer, map[*PendingRead]bool{}
	r.subscriptions = subscriptions{given: f.given, link: &f.link, channels: &f.channels, readers: r}
	r.recents = recents{given: f.given, readers: r}
	r.fetcher = fetcher{given: f.given, readers: r, work: &f.work}
}

// Read calls finish once: with entries as soon as there are any, without entries after
// block (0: never), or with an error. finish is called in the loop, after Read has returned; it may
// call the Feed. count bounds the entries of each channel (0: no bound but that of memory). Cancel ends the
// reading without a call of finish.
//
// As in Redis, entries of all channels come in one answer: otherwise the reader of a busy
// channel would never get entries of a second one, far behind. And as in Redis, block is the time for entries
// that are still to come: entries that exist are returned even if Redis takes longer to read them, up
// to lookPatience.
//
// A Cursor's Newest is the newest entry when Redis has carried out all commands that were sent before this
// call, and none that is sent after it.
func (f *Feed) Read(list []Cursor, count int, block time.Duration, finish func([]stream.Result, error)) *PendingRead {
	r := &PendingRead{count: count, finish: finish}
	f.readers.count++
	f.readers.waiting[r] = true
	f.readers.subscriptions.makeRoom()
	r.waiters, r.rest = make([]*waiter, 0, len(list)), list
	if block > 0 {
		r.timer = f.loop.AfterFunc(block, func() { f.readers.timedOut(r) })
	}
	f.readers.attach(r)
	return r
}

// attach has a reader wait on its channels, in parts, between which others are served.
func (r *readers) attach(read *PendingRead) {
	if read.done {
		return
	}
	n, before := min(part, len(read.rest)), len(read.waiters)
	for _, p := range read.rest[:n] {
		c := r.subscriptions.subscribe(p.Channel)
		w := &waiter{read: read, channel: c, fresh: p.Newest, Cursor: p}
		read.waiters = append(read.waiters, w)
		c.waiters = append(c.waiters, w)
	}
	if read.rest = read.rest[n:]; len(read.rest) > 0 {
		r.loop.Post(func() { r.attach(read) })
	}
	r.findNewest(read.waiters[before:])
	r.offer(read.waiters[before:])
}

// found lists the entries for the reader.
func (r *PendingRead) found() (list []stream.Result) {
	for _, w := range r.waiters {
		if len(w.found) > 0 {
			list = append(list, stream.Result{Channel: w.channel.name, Entries: w.found})
		}
	}
	return list
}

// Cancel ends a Read: finish is not called any more.
func (f *Feed) Cancel(r *PendingRead) {
	r.cancelled = true
	f.readers.detach(r)
}

// StopWaiting has a Read finish as if its time were over: with the entries that exist, or without any. It may be
// called again, and after the end of the Read.
func (f *Feed) StopWaiting(r *PendingRead) {
	if r.done || r.overdue {
		return
	}
	f.readers.waitNoLonger(r)
	f.readers.finishIfKnown(r)
}

func (r *readers) timedOut(read *PendingRead) {
	if r.link.up && !read.overdue && read.lacks() {
		r.waitNoLonger(read)
		return
	}
	r.end(read, read.found(), nil)
}

// waitNoLonger has a reader end when it is known which entries there are, at the latest after lookPatience.
func (r *readers) waitNoLonger(read *PendingRead) {
	read.overdue = true
	if read.timer == nil {
		read.timer = r.loop.AfterFunc(lookPatience, func() { r.timedOut(read) })
		return
	}
	read.timer.Reset(lookPatience)
}

// end answers a reader, behind everything in this turn.
func (r *readers) end(read *PendingRead, list []stream.Result, err error) {
	if read.done {
		return
	}
	r.detach(read)
	r.loop.Post(func() {
		if !read.cancelled {
			read.finish(list, err)
		}
	})
}

// endAll answers all readers that wait for a channel with an error.
func (r *readers) endAll(c *channel, err error) {
	for _, w := range slices.Clone(c.waiters) {
		r.end(w.read, nil, err)
	}
}

func (r *readers) detach(read *PendingRead) {
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
		r.subscriptions.setLingering(c, c.subscription != nil && len(c.waiters) == 0)
	}
}

// stop cancels all readers.
func (r *readers) stop() {
	for read := range r.waiting {
		read.cancelled = true
		r.detach(read)
	}
	r.fetcher.stop()
}

// serve offers the known entries of a channel to its waiters.
func (r *readers) serve(c *channel) {
	if len(c.waiters) > 0 {
		r.offer(slices.Clone(c.waiters))
	}
}

// offer gives waiters the entries that are kept here, and asks for others.
func (r *readers) offer(list []*waiter) {
	for _, w := range list {
		r.findKept(w)
	}
	for _, w := range list {
		r.finishIfKnown(w.read)
	}
}

// findKept finds the entries for a waiter that are kept here.
func (r *readers) findKept(w *waiter) {
	c := w.channel
	switch {
	case w.read.done, len(w.found) > 0:
	case c.positionErr != nil:
		r.end(w.read, nil, c.positionErr)
	case w.Newest: // Redis is asked
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

// take gives entries to a waiter that had none.
func (w *waiter) take(list []stream.Entry) {
	if w.found = list; len(list) > 0 {
		w.read.have++
	}
}

// lacks tells whether it is not known yet which entries there were when the reader came. It begins with
// the waiter that lacked something before: most of the time it still does.
func (r *PendingRead) lacks() bool {
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

// lacks tells whether it is not known yet which entries there are for a waiter.
func (w *waiter) lacks() bool {
	c := w.channel
	return len(w.found) == 0 && !w.Newest && (c.state != live || c.recent.from.After(w.After))
}

// finishIfKnown ends a reader that has entries, once it is known which entries there are on all its
// channels.
func (r *readers) finishIfKnown(read *PendingRead) {
	if (read.have > 0 || read.overdue) && !read.done && !read.lacks() {
		r.end(read, read.found(), nil)
	}
}
