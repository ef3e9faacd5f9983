package upstream

// Questions to all nodes of a cluster.

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// AskAll asks every node of a cluster that is up, and calls done, once and later, with the answers, of the types of
// Plain and in no order. The error is ErrDown without a session, or if a node does not answer; ErrBusy if too many
// questions wait already; or a ReplyError.
func (c *Connection) AskAll(done func(answers []any, err error), args ...any) {
	b, q := &c.bus, &toAll{left: 1, done: done}
	if b.session == nil || !b.session.restored {
		q.err = ErrDown
	} else {
		for _, a := range b.askers {
			q.left++
			q.ask(c, a, args)
		}
	}
	c.loop.Post(func() { q.one(nil, nil) })
}

// toAll is such a question. It belongs to the loop.
type toAll struct {
	left    int // to come, and one for the question itself
	answers []any
	err     error // the first
	done    func([]any, error)
}

func (q *toAll) ask(c *Connection, a *asker, args []any) {
	if len(a.jobs) >= room {
		c.loop.Post(func() { q.one(nil, ErrBusy) })
		return
	}
	a.jobs <- func(ctx context.Context, client *redis.Client) func() {
		v, err := client.Do(ctx, args...).Result()
		var refused redis.Error
		switch {
		case errors.As(err, &refused):
			err = ReplyError(refused.Error())
		case err != nil:
			err = fmt.Errorf("%w (%w)", ErrDown, plain(err))
		}
		c.loop.Post(func() { q.one(v, err) }) // also when the session has ended meanwhile
		return func() {}
	}
}

func (q *toAll) one(v any, err error) {
	if q.err == nil {
		q.err = err
	}
	if v != nil {
		q.answers = append(q.answers, v)
	}
	if q.left--; q.left == 0 {
		q.done(q.answers, q.err)
	}
}
