package upstream

// One session after the other: dialing, and the pauses in between.

import (
	"context"
	"math/rand/v2"
	"net"
	"syscall"
	"time"
)

const (
	backoffMin = 100 * time.Millisecond
	backoffMax = 5 * time.Second
	retryMin   = 10 * time.Millisecond  // before the next attempt while a command waits, at first
	retryMax   = 500 * time.Millisecond // and at last
)

// Run keeps a session, and begins the next one after each loss, until ctx ends. Then commands that were sent
// get their answers, and those that wait for a connection fail. It always returns nil. The loop must run.
func (c *Connection) Run(ctx context.Context) error {
	c.loop.Call(func() { c.outage.begin(c) })
	c.watchSentinels(ctx)
	for ctx.Err() == nil {
		var moved <-chan struct{} // nil: there are no sentinels
		if c.opts.Mode == modeSentinel {
			_, moved = c.opts.Sentinels.Master()
		}
		err := c.runSession(ctx)
		if ctx.Err() != nil {
			break
		}
		attempts := 0
		c.loop.Call(func() {
			attempts = c.outage.failed(c, err)
			c.backlog.hasten()
		})
		pause(ctx, attempts, c.backlog.hurry, moved)
	}
	c.loop.Call(c.stop)
	c.goroutines.Wait()
	return nil
}

// runSession dials, hands the connection to the loop, and returns why the session ended.
func (c *Connection) runSession(ctx context.Context) error {
	ended := make(chan error, 1)
	inSession := func(f func(*session)) {
		c.loop.Post(func() {
			if s := c.backlog.session; s != nil && s.ended == ended {
				f(s)
			}
		})
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	d, err := c.opts.dial(ctx, &c.goroutines, func(err error) { inSession(func(s *session) { s.end(err) }) })
	if err != nil {
		return c.opts.hint(err, c.made.Load() == 0)
	}
	defer d.close()
	if d.version != "" {
		c.version.Store(&d.version)
	}
	if !c.loop.Call(func() { beginSession(c, d, ended) }) {
		_ = syscall.Close(d.fd)
		return net.ErrClosed
	}
	select {
	case err = <-ended:
		c.opts.failed(d.node)
		return err
	case <-ctx.Done():
		if !c.loop.Call(c.stop) {
			return net.ErrClosed
		}
		return <-ended
	}
}

// stop fails commands that wait for a connection, takes no more, and ends the session when all sent commands
// are answered.
func (c *Connection) stop() {
	if c.backlog.closed {
		return
	}
	c.Flush()
	c.backlog.closed = true
	c.outage.stop()
	c.refuseWaiting()
	if s := c.backlog.session; s != nil {
		s.endIfIdle()
	}
}

// refuseWaiting fails commands that wait for a connection, for there will be none.
func (c *Connection) refuseWaiting() {
	if c.backlog.session == nil {
		c.record.failAll()
	}
	c.backlog.failWaiting()
}

// pause waits before the next session, for a shorter time once a command waits for it, or when the master is another.
func pause(ctx context.Context, attempts int, hurry, moved <-chan struct{}) {
	timer := time.NewTimer(backoff(attempts))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-moved:
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-time.After(backoff(1)): // not all relays at once
		}
	case <-hurry:
		select {
		case <-ctx.Done():
		case <-time.After(min(retryMax, retryMin<<min(attempts-1, 6))):
		}
	}
}

// backoff returns how long to wait before attempt n+1: between 0 and a bound
// that doubles, so that the relays of a fleet do not come back at once.
func backoff(n int) time.Duration {
	bound := backoffMax
	if n < 7 {
		bound = min(backoffMax, backoffMin<<(n-1))
	}
	return rand.N(bound)
}
