package upstream

// The time without a connection, and what the owner is told of it.

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
)

// outageInterval is between two reports of one outage.
const outageInterval = 10 * time.Second

// outage is the time without a session, or before all names were subscribed again in one.
type outage struct {
	began     time.Time // when the Connection did
	connected bool      // there is a session
	attempts  int       // failed in a row
	away      time.Time // when the last session ended, or the Connection began
	lostAt    time.Time // zero: all wanted names have been subscribed since
	since     time.Time // all messages published before have come
	sinceMove time.Time // all messages published before have come, if the master has changed
	master    string    // replication ID of the last master
	moved     bool      // the master has changed
	told      time.Time // until when messages are told to be missing, for the master has changed; zero: it has not
	reason    string    // for Status
	cause     error     // of the last failure; nil: there was none yet
	ticker    *loop.Timer
}

// begin begins to count, and tells the owner from time to time that there is still no connection.
func (o *outage) begin(c *Connection) {
	o.began = time.Now()
	o.away = o.began
	interval := c.opts.outageInterval
	if interval == 0 {
		interval = outageInterval
	}
	o.ticker = c.loop.AfterFunc(interval, func() {
		if c.backlog.closed {
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

// noteConnected notes that a session has begun, with the master of this replication ID.
func (o *outage) noteConnected(c *Connection, master string) {
	o.connected = true
	if c.opts.Mode == modeSentinel {
		o.moved = o.moved || master == "" || master != o.master
		o.master = master
	}
}

// lost accounts for a session that has ended, and tells the owner.
func (o *outage) lost(c *Connection, s *session, err error) {
	o.connected, o.away = false, time.Now()
	o.note(err)
	if c.backlog.closed {
		return
	}
	// By the probes, which the prober is about to forget.
	complete := c.keyspace.complete(c.bus.complete(s.heartbeat.complete))
	c.prober.lost(err)
	first := o.lostAt.IsZero()
	if first {
		o.lostAt, o.since, o.sinceMove = time.Now(), complete, s.heartbeat.completeIfMoved()
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

// failed accounts for an attempt that has failed, or a session that has ended, and returns how many have since
// all names were subscribed.
func (o *outage) failed(c *Connection, err error) int {
	o.note(err)
	if o.attempts++; o.attempts == 1 && c.made.Load() == 0 {
		c.owner.Waiting(time.Since(o.away), err) // of the first attempt: the operator who starts a relay looks now
	}
	if o.attempts == c.opts.AlertAfter {
		c.owner.Alert(o.attempts, err)
	}
	c.log.Debug("connecting to Redis failed", zap.Error(err))
	return o.attempts
}

// over tells the owner that all wanted names are subscribed.
func (o *outage) over(c *Connection) {
	var told Outage
	switch {
	case o.lostAt.IsZero():
	case o.moved:
		o.told = time.Now().Add(switching)
		told = Outage{time.Since(o.lostAt), o.sinceMove, o.told}
	default:
		told = Outage{time.Since(o.lostAt), o.since, time.Now()}
	}
	o.lostAt, o.attempts, o.moved = time.Time{}, 0, false
	s := c.backlog.session
	n := s.counts[0] + s.counts[1]
	if c.prober.subscribed {
		n-- // the relay's own
	}
	c.owner.Up(n, told)
}

// converted tells the owner of messages that were published on a former master, which was made a replica at a time:
// later than was told when the master changed.
func (o *outage) converted(c *Connection, at time.Time) {
	if c.backlog.closed || o.told.IsZero() || !at.After(o.told) {
		return
	}
	since := o.told
	o.told = at.Add(closing)
	c.owner.BusLoss(BusGap{
		Since: since, Until: o.told, Cause: "a former master was still a master until a sentinel made a replica of it",
	})
}
