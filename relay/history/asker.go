package history

// Asking Redis about streams, over the connection that brings the messages: an answer comes
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

// asker asks about channels, with one question at a time under way.
type asker struct {
	*given
	link     *link
	channels *channels
	past     *past
	healer   *healer
	readers  *readers

	queue      []*channel // to be asked about
	timeWanted bool       // the time of Redis is wanted, even without a question
	timeAsked  bool       // TIME is under way
	posted     bool       // next is posted
	round      *round     // under way; nil: none
	retry      time.Duration
	retryTimer *loop.Timer // while it is set nothing is asked; nil: it never was
}

// round is the questions about some channels: one about all, or, if that has no answer, several about
// fewer.
type round struct{ batch []*channel } // channels of the question under way

// enqueue queues a channel to be asked about, once.
func (a *asker) enqueue(c *channel) {
	if !c.asked {
		c.asked = true
		a.queue = append(a.queue, c)
	}
	a.wake()
}

// askTime asks for the time of Redis, with a question about channels if there is one. Without listeners or
// readers it forgets the time, which would soon be an old one.
func (a *asker) askTime() {
	if len(a.channels.byName) == 0 && len(a.local.Patterns()) == 0 {
		a.past.redisTime = 0
		return
	}
	a.timeWanted = true
	a.wake()
}

// askTimeNow asks for the time of Redis before anything else is sent.
func (a *asker) askTimeNow() {
	if a.timeAsked {
		return
	}
	a.timeAsked = true
	a.main.Do(func(v any, err error) {
		a.timeAsked = false
		if ms, ok := milliseconds(v); ok && err == nil {
			a.past.reached(ms)
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

// compareSome asks about some channels that miss nothing, as far as is known. So it finds entries that
// were added by hand, or whose broadcast Redis refused. The order of the map chooses the channels: it is another
// one each time. A channel that costs Redis too much is left out.
func (a *asker) compareSome() {
	if !a.link.up {
		return
	}
	n := 0
	for _, c := range a.channels.byName {
		if c.state != live || c.heavy {
			continue
		}
		a.enqueue(c)
		if n++; n == maxCompared {
			return
		}
	}
}

// wake posts the next question, behind everything in this turn: channels that are queued meanwhile go
// with it.
func (a *asker) wake() {
	if !a.posted && a.ready() {
		a.posted = a.loop.Post(func() {
			a.posted = false
			a.next()
		})
	}
}

// ready tells whether there is something to ask, and may be asked now.
func (a *asker) ready() bool {
	paused := a.retryTimer != nil && a.retryTimer.Set()
	return a.link.up && a.round == nil && !paused && (len(a.queue) > 0 || a.timeWanted)
}

// next begins a round about the first channels of the queue.
func (a *asker) next() {
	if !a.ready() {
		return
	}
	r := &round{}
	a.round, a.timeWanted = r, false
	a.askAbout(r, a.nextBatch(), func(err error) { a.finished(err) })
}

// nextBatch takes channels off the queue: the fewer, the more often the connection was lost with one of them.
func (a *asker) nextBatch() []*channel {
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
	a.log.Debug("cannot read streams", zap.Error(err))
	if a.retryTimer == nil {
		a.retryTimer = a.loop.AfterFunc(a.retry, a.next)
	} else {
		a.retryTimer.Reset(a.retry)
	}
	a.retry = min(2*a.retry, retryMax)
}

// askTogether asks one question about channels. then is called with its error, if any; it is not called if the
// connection is lost before.
func (a *asker) askTogether(r *round, batch []*channel, then func(err error)) {
	list := make([]question, len(batch))
	for i, c := range batch {
		list[i] = question{channel: c.name, after: c.last, entries: c.state == behind && !c.last.IsZero()}
	}
	if len(list) == 0 { // the time alone is asked for, and some services carry out no script without a key
		list = append(list, question{})
	}
	r.batch = batch
	keys, args := scriptArgs(a.names, list, true, maxAnswer, a.limits.entry())
	a.main.Eval(readScript, keys, func(v any, err error) {
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

// answered takes an answer about channels. All messages that Redis had published before it have come.
func (a *asker) answered(batch []*channel, list []question, v any) error {
	tails, at, err := readAnswer(list, v)
	if err != nil {
		return err
	}
	a.past.reached(at)
	for i, c := range batch {
		c.asked, c.losses = false, 0
		switch {
		case a.channels.byName[c.name] != c: // it was dropped
		case c.state == behind && !c.last.IsZero() && !list[i].entries:
			a.enqueue(c) // it fell behind after it was asked about
		default:
			a.healer.compare(c, &tails[i])
		}
	}
	return nil
}

// lost forgets the queue, and notes the channels of the question under way. If there was none, the connection was
// lost for another reason, and channels that were given up may be asked about once more.
func (a *asker) lost() {
	if a.round != nil {
		for _, c := range a.round.batch {
			c.losses++
		}
	} else {
		for _, c := range a.channels.byName {
			c.losses = min(c.losses, maxLosses-1)
		}
	}
	a.stop()
	a.queue, a.retry = nil, retryMin
}

// resume goes on over a new connection. Channels that may have cost the last one come last.
func (a *asker) resume() {
	slices.SortStableFunc(a.queue, func(c, d *channel) int { return cmp.Compare(c.losses, d.losses) })
	a.askTime()
	a.wake()
}

func (a *asker) stop() {
	a.round = nil
	if a.retryTimer != nil {
		a.retryTimer.Stop()
	}
}
