package history

// Where "$" is: the newest entry when a reader comes.

import (
	"errors"
	"slices"

	"redis-relay/relay/stream"
)

// findNewest asks where the streams of new waiters end, by questions that Redis carries out
// behind all commands that were sent before.
func (r *readers) findNewest(list []*waiter) {
	if !r.link.up {
		return // resume asks
	}
	var ask []*waiter
	for _, w := range list {
		if w.Newest && !w.asked && !w.read.done {
			ask = append(ask, w)
		}
	}
	for some := range slices.Chunk(ask, maxQuestions) {
		r.askNewest(some)
	}
}

// askNewest asks Redis where streams end.
func (r *readers) askNewest(some []*waiter) {
	session, list := r.link.session, make([]question, len(some))
	for i, w := range some {
		w.asked, list[i].channel = true, w.channel.name
	}
	keys, args := scriptArgs(r.names, list, false, 0, 0)
	r.main.Eval(readScript, keys, func(v any, err error) {
		if session != r.link.session || !r.link.up {
			return // resume asks again
		}
		r.newestAre(some, list, v, err)
	}, args...)
}

// newestAre takes the answer to askNewest.
func (r *readers) newestAre(some []*waiter, list []question, v any, err error) {
	var tails []tail
	if err == nil {
		tails, _, err = readAnswer(list, v)
	}
	switch {
	case err == nil:
		for i, w := range some {
			r.newestIs(w, &tails[i])
		}
		r.offer(some)
	case lasting(err):
		for _, w := range some {
			r.end(w.read, nil, err)
		}
	default:
		for _, w := range some {
			w.asked = false
		}
		r.loop.AfterFunc(retryMax/4, func() { r.findNewest(some) })
	}
}

// newestIs takes the answer about one channel.
func (r *readers) newestIs(w *waiter, t *tail) {
	c, newest := w.channel, t.newest
	switch {
	case w.read.done || !w.Newest:
		return
	case t.refused != "" && !t.absent:
		r.end(w.read, nil, errors.New(t.refused))
		return
	case c.state == fresh: // no message has come since it was subscribed
		r.healer.compare(c, t)
	}
	if c.state == live && c.last.After(newest) { // all entries up to there have come
		newest = c.last
	}
	w.known(newest)
}

// resume repeats the questions that were not answered before the connection was lost.
func (r *readers) resume() {
	for read := range r.waiting {
		for _, w := range read.waiters {
			w.asked = false
		}
		r.findNewest(read.waiters)
	}
}

// known sets the newest entry when the reader came.
func (w *waiter) known(newest stream.ID) { w.Newest, w.asked, w.After = false, false, newest }
