package upstream

// Commands that get their answer without Redis: they were taken back, or have waited too long.

import (
	"errors"
	"time"

	"redis-relay/relay/resp"
)

// TakeBack answers ErrDown to what waits, from one sender, for a connection: nobody wants it any more. That
// follows soon: all who hang up in a turn of the loop are dealt with together.
func (c *Connection) TakeBack(from uint64) {
	if c.waiting.list.count == 0 {
		return
	}
	if c.gone == nil {
		c.gone = map[uint64]bool{}
		c.loop.Post(c.takeBack)
	}
	c.gone[from] = true
}

func (c *Connection) takeBack() {
	gone := c.gone
	c.gone = nil
	for _, m := range c.waiting.takeBack(gone) {
		c.settle(&m, ErrDown)
	}
}

// settle answers a command with an error.
func (c *Connection) settle(m *command, err error) {
	c.queued -= m.size
	if m.answer != nil {
		m.answer.Answer(resp.Value{}, err)
	}
}

// answered is settle for a command that Redis has answered.
func (c *Connection) answered(m *command, v resp.Value, err error) {
	c.queued -= m.size
	m.answer.Answer(v, err)
}

// arm sets the timer for the first deadline.
func (c *Connection) arm() {
	if c.expiry.Set() {
		return
	}
	var next time.Time
	if m := c.waiting.list.first(); m != nil {
		next = m.deadline
	}
	if k := c.life; k != nil {
		if at := k.due(); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if !next.IsZero() {
		c.expiry.Reset(max(time.Until(next), time.Millisecond))
	}
}

// expire refuses what has waited too long to be sent, and gives a connection up that has not answered in
// time.
func (c *Connection) expire() {
	now := time.Now() // this turn may have begun before the deadline
	for _, m := range c.waiting.expired(now) {
		c.settle(&m, ErrDown)
	}
	if k := c.life; k != nil {
		if at := k.due(); !at.IsZero() && !at.After(now) {
			k.end(errLate)
		}
	}
	c.arm()
}

var errLate = errors.New("Redis has not answered in time")
