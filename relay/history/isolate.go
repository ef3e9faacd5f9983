package history

// Finding the channel that keeps others from their answers.

import (
	"errors"

	"redis-relay/relay/upstream"
)

// maxLosses is how many times in a row the connection may be lost while a channel is being asked about,
// among fewer and fewer others, before it is given up. Connections that end for another reason, as often
// as that and each time in the moment of a question, are not to be expected.
const maxLosses = 8

var errCostly = errors.New("whenever its stream was to be read the connection to Redis was lost")

// askAbout looks at channels. One of which the answer cannot be had keeps the others from
// theirs only until halving has found it. then is called at the end, with what is to be tried again
// later.
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

// halve looks at each half of some channels.
func (a *asker) halve(r *round, batch []*channel, then func(err error)) {
	half := len(batch) / 2
	a.askAbout(r, batch[:half], func(first error) {
		a.askAbout(r, batch[half:], func(second error) { then(errors.Join(first, second)) })
	})
}

// askAgain queues channels once more of which there was no answer.
func (a *asker) askAgain(batch []*channel) {
	for _, c := range batch {
		c.asked = false
		if a.feed.channels[c.name] == c {
			a.enqueue(c)
		}
	}
}

// isolate gives a channel up, if it is still wanted.
func (a *asker) isolate(c *channel, err error) {
	c.asked = false
	if a.feed.channels[c.name] == c {
		a.giveUp(c, err)
	}
}

// giveUp goes on without an answer about a channel: its listeners go on behind a
// gap, readers get the error. It is not asked about before the next loss, and then alone.
func (a *asker) giveUp(c *channel, err error) {
	known := c.settled
	a.feed.healer.settle(c, &tail{refused: err.Error(), heavy: !mayBeAllowed(err)})
	if !known {
		c.blind = err
	}
	a.feed.readers.endAll(c, err) // nobody knows what there is for them
}

// mayBeAllowed tells whether an answer is refused, which may change, and takes no time.
func mayBeAllowed(err error) bool {
	var refused upstream.ReplyError
	return errors.As(err, &refused)
}
