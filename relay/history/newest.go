package history

// Where "$" is.

import (
	"errors"
	"slices"
)

// findNewest finds out where "$" is for some that have just come: by questions that Redis carries out now,
// behind all that was sent before.
func (r *readers) findNewest(list []*waiter) {
	if !r.feed.up {
		return // up asks
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
	life, list := r.feed.lives, make([]question, len(some))
	for i, w := range some {
		w.asked, list[i].channel = true, w.channel.name
	}
	keys, args := words(list, false, 0, 0)
	r.feed.main.Eval(look, keys, func(v any, err error) {
		if life != r.feed.lives || !r.feed.up {
			return // up asks again
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
		r.feed.loop.AfterFunc(retryMax/4, func() { r.findNewest(some) })
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
	case c.state == fresh: // and has heard nothing since it was subscribed, before the question
		r.feed.healer.settle(c, t)
	}
	if c.state == live && c.last.After(newest) { // all that there is up to there has come
		newest = c.last
	}
	w.known(newest)
}

// up asks again what was not answered before the connection was lost.
func (r *readers) up() {
	for read := range r.waiting {
		for _, w := range read.waiters {
			w.asked = false
		}
		r.findNewest(read.waiters)
	}
}

// known says where the stream ended when the reader came.
func (w *waiter) known(newest ID) { w.Newest, w.asked, w.After = false, false, newest }
