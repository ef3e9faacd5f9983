package history

// Reading older entries for readers that wait.

import (
	"context"
	"errors"
	"slices"

	"go.uber.org/zap"
)

const (
	maxFetches  = 4       // questions for readers that are under way together
	fetchBudget = 4 << 20 // bytes of one answer, about
)

// fetcher reads on the reading connection, one channel at a time and once for all who wait for it.
type fetcher struct {
	feed   *Feed
	hungry []*channel // with readers that wait for older entries
	under  int        // fetches under way
}

// want has Redis asked for entries of a channel that are not kept here.
func (t *fetcher) want(c *channel) {
	if !c.fetching {
		c.fetching = true
		t.hungry = append(t.hungry, c)
		t.next()
	}
}

// next begins to read, as far as it may.
func (t *fetcher) next() {
	for t.under < maxFetches && len(t.hungry) > 0 {
		c := t.hungry[0]
		t.hungry = t.hungry[1:]
		if q, from, ok := c.question(); ok {
			t.fetch(c, q, from)
		} else {
			c.fetching = false
		}
	}
}

func (t *fetcher) stop() { t.hungry = nil }

// fetch reads. from is where what is kept here begins.
func (t *fetcher) fetch(c *channel, q question, from ID) {
	f := t.feed
	t.under++
	f.work.beside(func(ctx context.Context) func() {
		answer, err := fetch(ctx, f.redis, q)
		return func() { t.answered(c, q, from, answer, err) }
	})
}

// answered takes an answer, and tries again later if there was none.
func (t *fetcher) answered(c *channel, q question, from ID, answer *tail, err error) {
	switch {
	case err == nil:
	case lasting(err):
		answer = &tail{refused: err.Error()}
	default:
		t.feed.log.Debug("cannot read a stream", zap.String("channel", q.channel), zap.Error(err))
		t.feed.loop.AfterFunc(retryMax/4, func() { t.fetched(c, q, from, nil) })
		return
	}
	t.fetched(c, q, from, answer)
}

// question makes one of the entries that the waiters of a channel lack and that are not kept here. from is
// where what is kept begins. It is not ok when they lack nothing.
func (c *channel) question() (q question, from ID, ok bool) {
	from = c.recent.from
	if c.state != live {
		return q, from, false
	}
	for _, w := range c.waiters {
		if w.lacks() && (!ok || q.after.After(w.After)) {
			q, ok = question{channel: c.name, entries: true, after: w.After, count: w.read.count}, true
		}
	}
	return q, from, ok
}

// fetched gives an answer to all it answers. answer is nil if there was none.
func (t *fetcher) fetched(c *channel, q question, from ID, answer *tail) {
	t.under--
	c.fetching = false
	for _, w := range slices.Clone(c.waiters) {
		switch {
		case answer == nil:
		case answer.refused != "" && !answer.absent:
			t.feed.readers.end(w.read, nil, errors.New(answer.refused))
		case !w.Newest && len(w.found) == 0 && w.After.Compare(q.after) >= 0 && from.After(w.After):
			t.feed.readers.take(w, from, answer)
		}
	}
	t.feed.readers.served(c)
	t.next()
}

// take takes what was read behind an ID that is not behind the waiter's, up to from, or
// to an entry that is too large: who comes to that learns it.
func (r *readers) take(w *waiter, from ID, t *tail) {
	i := slices.IndexFunc(t.entries, func(e Entry) bool { return e.ID.After(w.After) })
	switch {
	case i >= 0 && t.entries[i].large != nil:
		r.end(w.read, nil, t.entries[i].large)
	case i >= 0:
		list := t.entries[i:]
		if n := slices.IndexFunc(list, func(e Entry) bool { return e.large != nil }); n > 0 {
			list = list[:n]
		}
		if n := w.read.count; n > 0 && len(list) > n {
			list = list[:n]
		}
		w.take(list)
	case !t.more:
		w.After = from // nothing is left in between
	}
}
