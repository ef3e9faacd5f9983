package history

// Asking Redis how channels stand, over the connection that brings their messages: an answer comes
// behind all messages that Redis had sent before.

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
)

const (
	maxQuestions = 64      // streams in one question
	maxAnswer    = 1 << 20 // bytes, about
	retryMin     = 50 * time.Millisecond
	retryMax     = 2 * time.Second
	maxCompared  = 16 // channels that are compared with their streams at a tick
)

// asker has one question at a time under way.
type asker struct {
	feed  *Feed
	queue []*channel // to be asked about
	beat  bool       // the time of Redis is wanted, also without a question
	timed bool       // it is being asked for alone
	woken bool       // next is posted
	round *round     // under way; nil: none
	retry time.Duration
	pause *loop.Timer // while it is set nothing is asked; nil: it never was
}

// round is what is done about some channels: a question about all, or, if that has no answer, more about
// fewer.
type round struct{ batch []*channel } // that the question under way is about

// enqueue has a channel asked about, once.
func (a *asker) enqueue(c *channel) {
	if !c.asked {
		c.asked = true
		a.queue = append(a.queue, c)
	}
	a.wake()
}

// askTime has a question asked about nothing, for the time of Redis, if anybody hears
// channels with history. Else a time that is known would soon be an old one.
func (a *asker) askTime() {
	if len(a.feed.channels) == 0 && len(a.feed.local.Patterns()) == 0 {
		a.feed.past.seen = 0
		return
	}
	a.beat = true
	a.wake()
}

// askTimeNow asks for the time of Redis before anything else is sent.
func (a *asker) askTimeNow() {
	if a.timed {
		return
	}
	a.timed = true
	a.feed.main.Ask(func(v any, err error) {
		a.timed = false
		if ms, ok := milliseconds(v); ok && err == nil {
			a.feed.past.arrived(ms)
		}
	}, "TIME")
}

// milliseconds reads what TIME returns: seconds, and microseconds.
func milliseconds(v any) (ms uint64, ok bool) {
	words, _ := v.([]any)
	if len(words) != 2 {
		return 0, false
	}
	seconds, errSeconds := strconv.ParseUint(fmt.Sprint(words[0]), 10, 64)
	micros, errMicros := strconv.ParseUint(fmt.Sprint(words[1]), 10, 64)
	return seconds*1000 + micros/1000, errSeconds == nil && errMicros == nil
}

// compareSome finds what did not come though the connection stands: entries that
// somebody added by hand, or whose broadcast Redis refused. Which channels it looks
// at is left to the order of the map, which is another one each time. One that costs
// Redis too much is left out.
func (a *asker) compareSome() {
	if !a.feed.up {
		return
	}
	n := 0
	for _, c := range a.feed.channels {
		if c.state != live || c.heavy {
			continue
		}
		a.enqueue(c)
		if n++; n == maxCompared {
			return
		}
	}
}

// wake has the next question asked behind all that is being done now: what is queued meanwhile goes
// with it.
func (a *asker) wake() {
	if !a.woken && a.ready() {
		a.woken = a.feed.loop.Post(func() {
			a.woken = false
			a.next()
		})
	}
}

// ready tells whether there is something to ask, and nothing in the way.
func (a *asker) ready() bool {
	paused := a.pause != nil && a.pause.Set()
	return a.feed.up && a.round == nil && !paused && (len(a.queue) > 0 || a.beat)
}

// next begins a round about the first channels of the queue.
func (a *asker) next() {
	if !a.ready() {
		return
	}
	r := &round{}
	a.round, a.beat = r, false
	a.askAbout(r, a.take(), func(err error) { a.finished(err) })
}

// take takes channels off the queue: fewer together, of which some may have cost the connection.
func (a *asker) take() []*channel {
	n, most := 0, maxQuestions
	for n < len(a.queue) {
		most = min(most, max(1, maxQuestions>>a.queue[n].losses))
		if n >= most {
			break
		}
		n++
	}
	batch := a.queue[:n:n]
	a.queue = a.queue[n:]
	return batch
}

// finished ends a round. After an error the next one waits.
func (a *asker) finished(err error) {
	a.round = nil
	if err == nil {
		a.retry = retryMin
		a.wake()
		return
	}
	a.feed.log.Debug("cannot read streams", zap.Error(err))
	if a.pause == nil {
		a.pause = a.feed.loop.AfterFunc(a.retry, a.next)
	} else {
		a.pause.Reset(a.retry)
	}
	a.retry = min(2*a.retry, retryMax)
}

// askTogether looks at channels in one question. With an error nothing is done about
// them. then is not called when the connection is lost before.
func (a *asker) askTogether(r *round, batch []*channel, then func(err error)) {
	list := make([]question, len(batch))
	for i, c := range batch {
		list[i] = question{channel: c.name, after: c.last, entries: c.state == behind && !c.last.IsZero()}
	}
	r.batch = batch
	keys, args := words(list, true, maxAnswer, a.feed.limits.entry())
	a.feed.main.Eval(look, keys, func(v any, err error) {
		if a.round != r {
			return // the connection was lost: all that is behind is queued again
		}
		r.batch = nil
		if err == nil {
			err = a.answered(batch, list, v)
		}
		then(err)
	}, args...)
}

// answered takes an answer about channels. All that had been published when Redis gave it has come.
func (a *asker) answered(batch []*channel, list []question, v any) error {
	f := a.feed
	tails, at, err := readAnswer(list, v)
	if err != nil {
		return err
	}
	f.past.arrived(at)
	for i, c := range batch {
		c.asked, c.losses = false, 0
		switch {
		case f.channels[c.name] != c: // nobody wants it any more
		case c.state == behind && !c.last.IsZero() && !list[i].entries:
			a.enqueue(c) // it fell behind after it was asked about
		default:
			f.healer.settle(c, &tails[i])
		}
	}
	return nil
}

// lost forgets what was to be asked, and notes what was being asked when the connection was lost. If it was
// nothing, another reason ended it, and channels that were given up may be asked about once more.
func (a *asker) lost() {
	if a.round != nil {
		for _, c := range a.round.batch {
			c.losses++
		}
	} else {
		for _, c := range a.feed.channels {
			c.losses = min(c.losses, maxLosses-1)
		}
	}
	a.stop()
	a.queue, a.retry = nil, retryMin
}

// up goes on over a new connection. Channels that may have cost the last one come last.
func (a *asker) up() {
	slices.SortStableFunc(a.queue, func(c, d *channel) int { return cmp.Compare(c.losses, d.losses) })
	a.askTime()
	a.wake()
}

func (a *asker) stop() {
	a.round = nil
	if a.pause != nil {
		a.pause.Stop()
	}
}
