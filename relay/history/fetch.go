package history

// Reading older entries for readers that wait.

import (
	"context"
	"errors"
	"slices"

	"go.uber.org/zap"

	"redis-relay/relay/stream"
)

const (
	maxFetches  = 4       // questions for readers under way together
	fetchBudget = 4 << 20 // bytes of one answer, about
)

// fetcher reads on the reading connection, one question for each channel at a time, for all waiters together.
type fetcher struct {
	*given
	readers *readers
	work    *work

	hungry []*channel // with waiters that lack older entries
	under  int        // fetches under way
}

// want queues a channel of which waiters lack entries that are not kept here.
func (t *fetcher) want(c *channel) {
	if !c.fetching {
		c.fetching = true
		t.hungry = append(t.hungry, c)
		t.next()
	}
}

// next begins as many fetches as may be under way.
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

// fetch reads entries. from is where those begin that are kept here.
func (t *fetcher) fetch(c *channel, q question, from stream.ID) {
	t.under++
	t.work.beside(func(ctx context.Context) func() {
		answer, err := fetch(ctx, t.readConn, t.names, q)
		return func() { t.answered(c, q, from, answer, err) }
	})
}

// answered takes an answer, and tries again later if there was none.
func (t *fetcher) answered(c *channel, q question, from stream.ID, answer *tail, err error) {
	switch {
	case err == nil:
	case lasting(err):
		answer = &tail{refused: err.Error()}
	default:
		t.log.Debug("cannot read a stream", zap.String("channel", q.channel), zap.Error(err))
		t.loop.AfterFunc(retryMax/4, func() { t.fetched(c, q, from, nil) })
		return
	}
	t.fetched(c, q, from, answer)
}

// question asks for the entries that waiters of a channel lack and that are not kept here. from is
// where the kept ones begin. ok is false if they lack nothing.
func (c *channel) question() (q question, from stream.ID, ok bool) {
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

// fetched gives an answer to all waiters that it serves. answer is nil if there was none.
func (t *fetcher) fetched(c *channel, q question, from stream.ID, answer *tail) {
	t.under--
	c.fetching = false
	for _, w := range slices.Clone(c.waiters) {
		switch {
		case answer == nil:
		case answer.refused != "" && !answer.absent:
			t.readers.end(w.read, nil, errors.New(answer.refused))
		case !w.Newest && len(w.found) == 0 && w.After.Compare(q.after) >= 0 && from.After(w.After):
			t.readers.takeFetched(w, from, answer)
		}
	}
	t.readers.serve(c)
	t.next()
}

// takeFetched gives a waiter the entries behind its cursor, of those that were read up to from. They end before
// an entry that is too large: a waiter that comes to it gets the error.
func (r *readers) takeFetched(w *waiter, from stream.ID, t *tail) {
	i := slices.IndexFunc(t.entries, func(e measured) bool { return e.ID.After(w.After) })
	switch {
	case i >= 0 && t.entries[i].large != nil:
		r.end(w.read, nil, t.entries[i].large)
	case i >= 0:
		var list []stream.Entry
		for _, e := range t.entries[i:] {
			if e.large != nil || w.read.count > 0 && len(list) == w.read.count {
				break
			}
			list = append(list, e.Entry)
		}
		w.take(list)
	case !t.more:
		w.After = from // nothing is left in between
	}
}
