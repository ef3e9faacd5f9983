package history

// Waiting readers: XREAD BLOCK for any number of local clients, over the one
// connection.

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"
)

const (
	maxFetches  = 4       // questions for readers that are under way together
	fetchBudget = 4 << 20 // bytes of one answer, about
	lingerTicks = 6       // a channel stays subscribed for readers that come back

	lookPatience = time.Second // beyond its time a reader waits for a first answer of Redis
)

// Position is where one stream is read on.
type Position struct {
	Channel string
	After   ID
	Newest  bool // from what is newest now: "$"
}

// Stream is what was read of one channel.
type Stream struct {
	Channel string
	Entries []Entry
}

// Read is a reader that waits.
type Read struct {
	// Fixed after construction.
	count  int
	finish func([]Stream, error)

	// Guarded by Feed.mu.
	waiters []*waiter
	timer   *time.Timer
	overdue bool // its time is over; it ends when it is known what there is
	done    bool
}

// waiter is a Read on one of its channels. Guarded by Feed.mu.
type waiter struct {
	read    *Read
	channel *channel
	asked   bool    // where the stream ended when Newest was said
	found   []Entry // for the answer, which waits for what is read for other channels
	Position
}

// Read calls finish once: with entries as soon as there are any, with none after
// block (0: never), or with an error. finish is called with Feed.mu held. count
// bounds the entries of each stream; 0: no bound but that of memory. The caller may
// give up by Cancel.
//
// As in Redis, what there is on all channels comes in one answer: who reads a busy
// stream and, far behind, a second one would otherwise never get to that. And as in
// Redis block is for entries that are still to come: what there is already is not
// missed for being read by a Redis that takes longer, up to lookPatience.
func (f *Feed) Read(list []Position, count int, block time.Duration, finish func([]Stream, error)) *Read {
	r := &Read{count: count, finish: finish}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers++
	if f.lingering > f.upTo(maxLinger) {
		f.endLinger()
	}
	for _, p := range list {
		c := f.watch(p.Channel)
		w := &waiter{read: r, channel: c, Position: p}
		r.waiters = append(r.waiters, w)
		c.waiters = append(c.waiters, w)
	}
	if block > 0 {
		r.timer = time.AfterFunc(block, func() { f.timedOut(r) })
	}
	f.offer(r.waiters)
	return r
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
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leave(r)
}

func (f *Feed) timedOut(r *Read) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.up && !r.overdue && r.lacks() {
		r.overdue = true
		r.timer.Reset(lookPatience)
		return
	}
	f.endLocked(r, r.found(), nil)
}

func (f *Feed) endLocked(r *Read, list []Stream, err error) {
	if !r.done {
		f.leave(r)
		r.finish(list, err)
	}
}

func (f *Feed) leave(r *Read) {
	if r.done {
		return
	}
	r.done = true
	f.readers--
	if r.timer != nil {
		r.timer.Stop()
	}
	for _, w := range r.waiters {
		w.channel.waiters = slices.DeleteFunc(w.channel.waiters, func(o *waiter) bool { return o == w })
		f.linger(w.channel, w.channel.watched && len(w.channel.waiters) == 0)
	}
}

// linger notes whether a channel is watched and nobody reads it.
func (f *Feed) linger(c *channel, lingers bool) {
	const each = 512 // bytes for a channel besides its name, here, in the hub and on the way to Redis
	switch {
	case lingers && !c.lingers:
		f.lingering += len(c.name) + each
	case !lingers && c.lingers:
		f.lingering -= len(c.name) + each
	}
	c.lingers = lingers
}

// endLinger lets all channels go that nobody reads.
func (f *Feed) endLinger() {
	for _, c := range f.channels {
		if c.lingers {
			f.unwatch(c)
		}
	}
}

// fixNewest says where "$" is for those who wait and do not know it yet: an entry comes
// after they began to.
func (c *channel) fixNewest(id ID) {
	for _, w := range c.waiters {
		if w.Newest {
			w.Newest, w.After = false, id.Previous()
		}
	}
}

// watch makes sure that a channel's entries are heard.
func (f *Feed) watch(name string) *channel {
	c := f.channels[name]
	if c == nil {
		c = newChannel(name, unheard, ID{})
		f.channels[name] = c
	}
	c.idle = 0
	f.linger(c, false)
	if c.watched {
		return c
	}
	c.watched = true
	if f.ears.Watch(name) && c.state == unheard {
		c.state, c.last = fresh, before(f.seen)
		f.enqueue(c)
	}
	return c
}

// rest lets a channel go that nobody has read for some time.
func (f *Feed) rest(c *channel) {
	if !c.watched || len(c.waiters) > 0 {
		c.idle = 0
		return
	}
	if c.idle++; c.idle > lingerTicks {
		f.unwatch(c)
	}
}

func (f *Feed) unwatch(c *channel) {
	c.watched = false
	f.linger(c, false)
	f.forgetRecent(c)
	f.ears.Unwatch(c.name)
	if !f.wanted(c) {
		f.drop(c)
	}
}

// remember keeps an entry for readers, and gives it to those that wait.
func (f *Feed) remember(c *channel, e Entry) {
	kept := c.recent.bytes
	c.recent.add(e, time.Now())
	f.keptBytes += c.recent.bytes - kept
	f.served(c)
	if f.keptBytes > f.upTo(maxRecent) {
		f.forgetRecent(c)
	}
}

// expireRecent leaves older entries to Redis, where they may have been deleted.
func (f *Feed) expireRecent(c *channel) {
	kept := c.recent.bytes
	c.recent.expire(time.Now())
	f.keptBytes += c.recent.bytes - kept
}

func (f *Feed) forgetRecent(c *channel) {
	f.keptBytes -= c.recent.bytes
	c.recent.restart(c.last)
}

// served offers what is known of a channel to those that wait for it.
func (f *Feed) served(c *channel) {
	if len(c.waiters) > 0 {
		f.offer(slices.Clone(c.waiters))
	}
}

// offer gives waiters what there is for them, and asks for what is not kept here.
func (f *Feed) offer(list []*waiter) {
	for _, w := range list {
		f.look(w)
	}
	for _, w := range list {
		f.give(w.read)
	}
}

// look finds the entries for a waiter that are kept here.
func (f *Feed) look(w *waiter) {
	c := w.channel
	switch {
	case w.read.done, len(w.found) > 0:
	case c.blind != nil:
		f.endLocked(w.read, nil, c.blind)
	case w.Newest && c.state == live:
		w.Newest, w.After = false, c.last
	case w.Newest:
		f.fetchFor(w)
	case c.state != live: // it is offered again when the channel is
	default:
		f.expireRecent(c)
		var ok bool
		if w.found, ok = c.recent.after(w.After, w.read.count); !ok {
			f.fetchFor(w)
		}
	}
}

// lacks tells whether it is not known of all channels yet what there is.
func (r *Read) lacks() bool { return slices.ContainsFunc(r.waiters, (*waiter).lacks) }

// lacks tells whether it is not known yet what there is for a waiter.
func (w *waiter) lacks() bool {
	c := w.channel
	return len(w.found) == 0 && !w.Newest && (c.state != live || c.recent.from.After(w.After))
}

// give ends a reader that has entries, once it is known what there is on all its
// channels.
func (f *Feed) give(r *Read) {
	if list := r.found(); (len(list) > 0 || r.overdue) && !r.lacks() {
		f.endLocked(r, list, nil)
	}
}

// fetchFor has Redis asked for entries that are not kept here: once for all who wait.
func (f *Feed) fetchFor(w *waiter) {
	if c := w.channel; !c.fetching {
		c.fetching = true
		f.hungry = append(f.hungry, c)
		signal(f.fetch)
	}
}

// fetchAll asks for readers, one channel at a time, until ctx ends.
func (f *Feed) fetchAll(ctx context.Context) {
	for {
		c, q, from := f.nextFetch()
		if c == nil {
			select {
			case <-ctx.Done():
				return
			case <-f.fetch:
			}
			continue
		}
		tails, err := ask(ctx, f.redis, "", "", fetchBudget, maxEntry, []question{q})
		if lasting(err) {
			f.fetched(c, q, from, &tail{refused: err.Error()})
			continue
		}
		if err != nil {
			f.log.Debug("cannot read a stream", zap.String("channel", q.channel), zap.Error(err))
			select {
			case <-ctx.Done():
				return
			case <-time.After(retryMax / 4):
			}
			f.fetched(c, q, from, nil)
			continue
		}
		f.fetched(c, q, from, &tails[0])
	}
}

// nextFetch takes a channel off the list of those to be read, and says from where
// on. from is where what is kept here begins.
func (f *Feed) nextFetch() (c *channel, q question, from ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.hungry) > 0 {
		c, f.hungry = f.hungry[0], f.hungry[1:]
		if q, from = c.question(); q.channel != "" {
			if len(f.hungry) > 0 {
				signal(f.fetch) // for another goroutine
			}
			return c, q, from
		}
		c.fetching = false
	}
	return nil, question{}, ID{}
}

// question makes one of what the waiters of a channel lack: where the stream ends,
// or else entries that are not kept here. It is empty when they lack nothing.
func (c *channel) question() (q question, from ID) {
	from = c.recent.from
	for _, w := range c.waiters {
		if w.Newest {
			w.asked = true
			q = question{channel: c.name}
		}
	}
	if q.channel != "" || c.state != live {
		return q, from
	}
	for _, w := range c.waiters {
		if from.After(w.After) && (q.channel == "" || q.after.After(w.After)) {
			q = question{channel: c.name, entries: true, after: w.After, count: w.read.count}
		}
	}
	return q, from
}

// fetched gives an answer to all it answers. t is nil if there was none.
func (f *Feed) fetched(c *channel, q question, from ID, t *tail) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.fetching = false
	for _, w := range slices.Clone(c.waiters) {
		switch {
		case t == nil:
		case t.refused != "" && !t.absent:
			f.endLocked(w.read, nil, errors.New(t.refused))
		case !q.entries && w.asked && w.Newest:
			w.Newest, w.asked, w.After = false, false, t.newest
		case q.entries && !w.Newest && len(w.found) == 0 && w.After.Compare(q.after) >= 0 && from.After(w.After):
			f.take(w, from, t)
		}
	}
	f.served(c)
}

// take takes what was read behind an ID that is not behind the waiter's, up to from, or
// to an entry that is too large: who comes to that learns it.
func (f *Feed) take(w *waiter, from ID, t *tail) {
	i := slices.IndexFunc(t.entries, func(e Entry) bool { return e.ID.After(w.After) })
	switch {
	case i >= 0 && t.entries[i].large != nil:
		f.endLocked(w.read, nil, t.entries[i].large)
	case i >= 0:
		w.found = t.entries[i:]
		if n := slices.IndexFunc(w.found, func(e Entry) bool { return e.large != nil }); n > 0 {
			w.found = w.found[:n]
		}
		if n := w.read.count; n > 0 && len(w.found) > n {
			w.found = w.found[:n]
		}
	case !t.more:
		w.After = from // nothing is left in between
	}
}
