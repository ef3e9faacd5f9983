package history

// Where "$" is.

import "errors"

// findNewest finds out where "$" is for a reader that has just come: by questions that Redis carries out now,
// behind all that was sent before.
func (r *readers) findNewest(read *Read) {
	for _, w := range read.waiters {
		if w.Newest && r.feed.up {
			r.askNewest(w)
		}
	}
}

// askNewest asks Redis where a stream ends.
func (r *readers) askNewest(w *waiter) {
	w.asked = true
	life, list := r.feed.lives, []question{{channel: w.channel.name}}
	keys, args := words(list, false, 0, 0)
	r.feed.main.Eval(look, keys, func(v any, err error) {
		if w.read.done || !w.Newest || life != r.feed.lives || !r.feed.up {
			return // up asks again
		}
		r.newestIs(w, list, v, err)
	}, args...)
}

// newestIs takes the answer to askNewest.
func (r *readers) newestIs(w *waiter, list []question, v any, err error) {
	var tails []tail
	if err == nil {
		tails, _, err = readAnswer(list, v)
	}
	switch {
	case err == nil && tails[0].refused != "" && !tails[0].absent:
		err = errors.New(tails[0].refused)
	case err == nil:
		c, newest := w.channel, tails[0].newest
		if c.state == fresh { // and has heard nothing since it was subscribed, before the question
			r.feed.healer.settle(c, &tails[0])
		}
		if c.state == live && c.last.After(newest) { // all that there is up to there has come
			newest = c.last
		}
		w.known(newest)
		r.offer([]*waiter{w})
		return
	case !lasting(err):
		w.asked = false
		r.feed.loop.AfterFunc(retryMax/4, func() { r.retryNewest(w) })
		return
	}
	r.end(w.read, nil, err)
}

func (r *readers) retryNewest(w *waiter) {
	if w.Newest && !w.asked && !w.read.done && r.feed.up {
		r.askNewest(w)
	}
}

// up asks again what was not answered before the connection was lost.
func (r *readers) up() {
	for read := range r.waiting {
		for _, w := range read.waiters {
			w.asked = false
		}
		r.findNewest(read)
	}
}

// known says where the stream ended when the reader came.
func (w *waiter) known(newest ID) { w.Newest, w.asked, w.After = false, false, newest }
