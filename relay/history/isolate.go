package history

// Finding the channel that keeps others from their answers.

import (
	"context"
	"errors"
	"slices"
	"time"

	"redis-relay/relay/upstream"
)

// maxFailed is how many questions about a channel alone may cost the connection before it
// is given up.
const maxFailed = 2

// askAbout looks at channels. One of which the answer cannot be had keeps the others from
// theirs only until halving has found it.
func (f *Feed) askAbout(ctx context.Context, life uint64, batch []*channel) error {
	err := f.askTogether(ctx, life, batch)
	switch half := len(batch) / 2; {
	case err == nil:
		return nil
	case !f.isOfChannels(ctx, life, err):
		f.askAgain(life, batch)
		return err
	case half > 0:
		return errors.Join(f.askAbout(ctx, life, batch[:half]), f.askAbout(ctx, life, batch[half:]))
	case len(batch) == 0:
		return err
	}
	return f.isolate(life, batch[0], err)
}

// isOfChannels tells whether it is for the channels that were asked about that there is
// no answer: it lasts, or Redis, which is waited for, answers a question about none.
func (f *Feed) isOfChannels(ctx context.Context, life uint64, err error) bool {
	if !errors.Is(err, upstream.ErrUnknown) {
		return lasting(err)
	}
	for wait := retryMin; f.life() == life; wait = min(2*wait, retryMax) {
		if _, err := ask(ctx, f.redis, "", "", 0, 0, nil); err == nil {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
	}
	return false
}

// life returns the number of the connection that stands, or 0.
func (f *Feed) life() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.up {
		return 0
	}
	return f.lives
}

// mayBeAllowed tells whether an answer is refused, which may change, and takes no time.
func mayBeAllowed(err error) bool {
	var refused upstream.ReplyError
	return errors.As(err, &refused) || errors.Is(err, errNoFence)
}

// askAgain queues channels once more of which there was no answer.
func (f *Feed) askAgain(life uint64, batch []*channel) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range batch {
		if life == f.lives && f.up && f.channels[c.name] == c {
			c.asked = false
			f.enqueue(c)
		}
	}
}

// isolate gives a channel up of which the answer cannot be had: listeners go on behind a
// gap, readers get the error. With an error that may be one of the moment it is asked about a few times.
func (f *Feed) isolate(life uint64, c *channel, err error) error {
	if c.failed++; !lasting(err) && c.failed < maxFailed {
		f.askAgain(life, []*channel{c})
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if life == f.lives && f.up && f.channels[c.name] == c {
		c.asked, c.failed = false, 0
		known := c.settled
		f.settle(c, &tail{refused: err.Error(), heavy: !mayBeAllowed(err)})
		if !known {
			c.blind = err
		}
		for _, w := range slices.Clone(c.waiters) {
			f.endLocked(w.read, nil, err) // nobody knows what there is for them
		}
		f.ears.Flush()
	}
	return nil
}
