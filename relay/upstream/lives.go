package upstream

// One life after the other, and what is told of the time in between.

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"syscall"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
)

const (
	backoffMin = 100 * time.Millisecond
	backoffMax = 5 * time.Second
	retryMin   = 10 * time.Millisecond  // before the next attempt while something waits, at first
	retryMax   = 500 * time.Millisecond // and at last

	// outageInterval is between two reports of one outage.
	outageInterval = 10 * time.Second
)

// Run keeps the connection, and makes the next one after each loss, until ctx ends. Then what was sent gets
// its answers, and what waits for a connection is refused. It always returns nil. The loop must run.
func (c *Connection) Run(ctx context.Context) error {
	c.loop.Call(func() { c.outage.begin(c) })
	for ctx.Err() == nil {
		err := c.runLife(ctx)
		if ctx.Err() != nil {
			break
		}
		attempts := 0
		c.loop.Call(func() {
			attempts = c.outage.failed(c, err)
			c.hasten()
		})
		c.pause(ctx, attempts)
	}
	c.loop.Call(c.stop)
	c.goroutines.Wait()
	return nil
}

// runLife is one life: it dials, hands the connection to the loop, and returns why it ended.
func (c *Connection) runLife(ctx context.Context) error {
	ended := make(chan error, 1)
	living := func(f func(*life)) {
		c.loop.Post(func() {
			if k := c.life; k != nil && k.ended == ended {
				f(k)
			}
		})
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	if err := c.watchMasters(ctx, living); err != nil {
		return err
	}
	d, err := c.opts.dial(ctx, &c.goroutines, func(err error) { living(func(k *life) { k.end(err) }) })
	if err != nil {
		return c.opts.hint(err, c.lives.Load() == 0)
	}
	defer d.close()
	if d.version != "" {
		c.version.Store(&d.version)
	}
	if !c.loop.Call(func() { c.begin(d, ended) }) {
		_ = syscall.Close(d.fd)
		return net.ErrClosed
	}
	select {
	case err = <-ended:
		return err
	case <-ctx.Done():
		if !c.loop.Call(c.stop) {
			return net.ErrClosed
		}
		return <-ended
	}
}

// watchMasters has Sentinel, if there is one, asked until ctx ends. The life ends when another master was named
// twice: mostly Sentinel tells all its subscribers in between, and all relays leave the master before at the same
// moment. living runs a function in the loop while this life lasts.
func (c *Connection) watchMasters(ctx context.Context, living func(func(*life))) error {
	m, err := c.opts.masters()
	if m == nil {
		return err
	}
	first, others := "", 0
	c.goroutines.Go(func() {
		m.watch(ctx, func(addr string, asked time.Time) {
			if first == "" {
				first = addr
			}
			if addr == first {
				others = 0
				living(func(k *life) { k.watcher.named = asked })
				return
			}
			if others++; others > 1 {
				living(func(k *life) { k.end(errDemoted) })
			}
		})
	})
	return nil
}

// stop refuses what waits for a connection, takes nothing more, and ends the connection when all is
// answered.
func (c *Connection) stop() {
	if c.stopped {
		return
	}
	c.Flush()
	c.stopped = true
	c.outage.stop()
	c.refuseWaiting()
	if c.life != nil {
		c.life.rest()
	}
}

func (c *Connection) refuseWaiting() {
	if c.life == nil {
		c.record.giveUp()
	}
	waiting := c.waiting
	c.waiting = pending{}
	for waiting.list.count > 0 {
		m := waiting.list.pop()
		c.settle(&m, ErrDown)
	}
}

// hasten shortens the pause before the next life if something waits for it.
func (c *Connection) hasten() {
	if c.waiting.list.count > 0 {
		select {
		case c.hurry <- struct{}{}:
		default:
		}
	}
}

// pause waits before the next life: not long when something waits for it.
func (c *Connection) pause(ctx context.Context, attempts int) {
	timer := time.NewTimer(backoff(attempts))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-c.hurry:
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

// outage is what is known of the time without a connection, or without all that was subscribed on the one
// before.
type outage struct {
	connected bool // the handshake is done
	attempts  int  // failed in a row
	away      time.Time
	lostAt    time.Time // zero: all that was wanted has been subscribed since
	since     time.Time // up to when all that was published has come
	sinceMove time.Time // and up to when if the master has changed
	master    string    // replication ID of the last one connected to
	moved     bool      // the master has changed
	reason    string
	cause     error // of the last failure; nil: none yet
	ticker    *loop.Timer
}

func (o *outage) begin(c *Connection) {
	o.away = time.Now()
	interval := c.opts.outageInterval
	if interval == 0 {
		interval = outageInterval
	}
	o.ticker = c.loop.AfterFunc(interval, func() {
		if c.stopped {
			return
		}
		o.ticker.Reset(interval)
		if since := time.Since(o.away); !o.connected && o.cause != nil && since >= interval/2 { // else it has just been told
			c.owner.Waiting(since, o.cause)
		}
	})
}

func (o *outage) stop() {
	if o.ticker != nil {
		o.ticker.Stop()
	}
}

// on notes that there is a connection, to the master with this replication ID.
func (o *outage) on(c *Connection, master string) {
	o.connected = true
	if c.opts.Mode == modeSentinel {
		o.moved = o.moved || master == "" || master != o.master
		o.master = master
	}
}

// lost accounts for a connection that has ended.
func (c *Connection) lost(k *life, err error) {
	o := &c.outage
	o.connected, o.away = false, time.Now()
	o.note(err)
	if c.stopped {
		return
	}
	c.probes.lost(err)
	first := o.lostAt.IsZero()
	if first {
		o.lostAt, o.since, o.sinceMove = time.Now(), k.watcher.complete, k.watcher.moved()
	}
	c.owner.Lost(err)
	if first {
		c.owner.Down(err)
	} else {
		c.log.Debug("connection to Redis lost again", zap.Error(err))
	}
}

func (o *outage) note(err error) {
	o.reason = fmt.Sprintf("not connected to Redis: %v", err)
	o.cause = err
}

// failed accounts for an attempt that has failed, or a connection that has ended, and returns how many have
// since all was well.
func (o *outage) failed(c *Connection, err error) int {
	o.note(err)
	if o.attempts++; o.attempts == 1 && c.lives.Load() == 0 {
		c.owner.Waiting(time.Since(o.away), err) // of the first attempt: whoever starts a relay looks now
	}
	if o.attempts == c.opts.AlertAfter {
		c.owner.Alert(o.attempts, err)
	}
	c.log.Debug("connecting to Redis failed", zap.Error(err))
	return o.attempts
}

// over tells that all that was wanted is subscribed.
func (o *outage) over(c *Connection) {
	var told Outage
	switch {
	case o.lostAt.IsZero():
	case o.moved:
		told = Outage{time.Since(o.lostAt), o.sinceMove, time.Now().Add(switching)}
	default:
		told = Outage{time.Since(o.lostAt), o.since, time.Now()}
	}
	o.lostAt, o.attempts, o.moved = time.Time{}, 0, false
	k := c.life
	n := k.counts[0] + k.counts[1]
	if k.held {
		n-- // the relay's own
	}
	c.owner.Up(n, told)
}

// Status says whether there is a connection on which all that was wanted at its start is subscribed, and if
// not, why, in words for an operator. After a connection that delivered nothing, the next one has to prove
// that it delivers. connected tells whether there is one at all.
func (c *Connection) Status() (ready, connected bool, why string) {
	switch k := c.life; {
	case k == nil:
		return false, false, c.outage.reason
	case c.probes.deaf:
		return false, true, "Redis acknowledged a message to this relay itself and did not deliver it; " +
			"none has come back since"
	case !k.restored:
		return false, true, "subscribing to what is wanted"
	}
	return true, true, ""
}
