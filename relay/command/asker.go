package command

// Asking the running relay for its status, again and again.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"redis-relay/relay/top"
)

// asker asks the running relay for its status, over one connection for as long as that lasts. One goroutine at a time
// may use it.
type asker struct {
	relay  running
	client *client // nil: none
	close  func()
}

// answerTime is how long the relay may take.
const answerTime = 5 * time.Second

// ask returns the relay's status as JSON.
func (a *asker) ask(ctx context.Context) ([]byte, error) {
	if a.client == nil {
		if err := a.dial(ctx); err != nil {
			return nil, err
		}
	}
	if err := a.client.conn.SetDeadline(time.Now().Add(answerTime)); err != nil {
		a.hangUp()
		return nil, err
	}
	v, err := a.client.do("RELAY", "STATUS")
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("the relay at %s does not answer", a.client.socket)
	}
	if err != nil {
		a.hangUp()
	}
	return v.Str, err
}

func (a *asker) dial(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx) // of this connection; else each one would stay known to the context of all
	c, err := a.relay.dial(ctx, "redis-relay-top")
	if err != nil {
		cancel()
		return err
	}
	a.client, a.close = c, cancel
	return nil
}

func (a *asker) hangUp() {
	if a.client != nil {
		a.client.close()
		a.close()
		a.client = nil
	}
}

// askEach asks at each interval until ctx ends.
func (a *asker) askEach(ctx context.Context, interval time.Duration, answers chan<- top.Answer) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		answer := top.Answer{}
		text, err := a.ask(ctx)
		if err == nil {
			answer.Status, err = top.Decode(text)
		}
		answer.Err = err
		select {
		case <-ctx.Done():
			return
		case answers <- answer:
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
