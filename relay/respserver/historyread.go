package respserver

// Reading history for a client: how much at a time, and what it counts for.

import (
	"errors"
	"math"
)

// maxOpenReads is how many reads of history may be under way for one client.
const maxOpenReads = 16

// reads are the reads of history that are under way for one session.
type reads struct {
	open    int
	waiting *pendingXRead // the blocking XREAD that waits; nil: none does
}

// historyRead is one read of history. It reads what was persisted when the command came; the session goes on in
// the meantime.
type historyRead struct {
	*pendingReply
	channel string
	charged int // bytes that were read so far
}

// beginHistoryRead reserves the reply slot; nil: the client does not read, and is being disconnected.
func beginHistoryRead(c *session, channel string) *historyRead {
	r := c.reserveReply()
	if r == nil {
		return nil
	}
	if c.reads.open++; c.reads.open == maxOpenReads {
		c.pauses.begin(waitsForReads)
	}
	return &historyRead{pendingReply: r, channel: channel}
}

var errEnding = errors.New("the session is ending")

// progress is stream.Progress. What was read counts for all clients until the reply is complete. A single entry is
// read, however large.
func (r *historyRead) progress(entries, bytes int) error {
	c := r.session
	if c.out.Closed() {
		return errEnding
	}
	limit := c.srv.limits.Answer.Load()
	if entries <= 1 {
		limit = math.MaxInt64
	}
	if problem := tooLarge(c, r.channel, bytes, limit, "read less at a time, with COUNT"); problem != "" {
		return errors.New(problem)
	}
	c.memory.charge(bytes - r.charged)
	r.charged = bytes
	return nil
}

// finish sends the reply, or the error, and releases the read.
func (r *historyRead) finish(err error, reply func() []byte) {
	if err != nil {
		r.err(err.Error())
	} else {
		r.slot.CompleteOwned(reply())
	}
	r.release()
}

// release makes room for another read.
func (r *historyRead) release() {
	c := r.session
	c.memory.charge(-r.charged)
	r.charged = 0
	c.reads.open--
	c.unpause(waitsForReads)
}
