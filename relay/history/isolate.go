package history

// Finding the one channel about which there is no answer.

import (
	"errors"

	"redis-relay/relay/upstream"
)

// maxLosses is how many times in a row the connection may be lost while a channel is asked about,
// among fewer and fewer others, before the channel is given up. A connection that is lost for other reasons so often,
// each time during a question, is not to be expected.
const maxLosses = 8

var errCostly = errors.New("whenever its stream was to be read the connection to Redis was lost")

// askAbout asks about channels. If one of them has no answer, halving finds it, and the others get
// theirs. then is called at the end, with the error for which some channels are to be asked about again.
func (a *asker) askAbout(r *round, batch []*channel, then func(err error)) {
	a.askTogether(r, batch, func(err error) {
		switch {
		case err == nil:
			then(nil)
		case !lasting(err):
			a.askAgain(batch)
			then(err)
		case len(batch) == 0:
			then(err)
		case len(batch) == 1:
			a.isolate(batch[0], err)
			then(nil)
		default:
			a.halve(r, batch, then)
		}
	})
}

// halve asks about each half of some channels.
func (a *asker) halve(r *round, batch []*channel, then func(err error)) {
	half := len(batch) / 2
	a.askAbout(r, batch[:half], func(first error) {
		a.askAbout(r, batch[half:], func(second error) { then(errors.Join(first, second)) })
	})
}

// askAgain queues channels once more that got no answer.
func (a *asker) askAgain(batch []*channel) {
	for _, c := range batch {
		c.asked = false
		if a.channels.byName[c.name] == c {
			a.enqueue(c)
		}
	}
}

// isolate gives a channel up, if it is still wanted.
func (a *asker) isolate(c *channel, err error) {
	c.asked = false
	if a.channels.byName[c.name] == c {
		a.giveUp(c, err)
	}
}

// giveUp goes on without an answer about a channel: its listeners get a gap, readers get the error. The
// channel is not asked about before the next loss, and then alone.
func (a *asker) giveUp(c *channel, err error) {
	known := c.compared
	a.healer.compare(c, &tail{refused: err.Error(), heavy: !mayBeAllowed(err)})
	if !known {
		c.positionErr = err
	}
	a.readers.endAll(c, err) // it is not known which entries there are for them
}

// mayBeAllowed tells whether Redis refused the question: that costs nothing, and may change.
func mayBeAllowed(err error) bool {
	var refused upstream.ReplyError
	return errors.As(err, &refused)
}
