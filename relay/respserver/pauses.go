package respserver

// Why a session carries out no commands for now, and how it goes on.

// pauseReason says what must happen before a session goes on.
type pauseReason uint8

const (
	waitsForCheck  pauseReason = 1 << iota // a publish is being checked
	waitsForRoom                           // too many publishes wait for Redis
	waitsForAnswer                         // of XREAD BLOCK, whether a stream exists, or a list that waits for others
	waitsForReads                          // too many reads of history are under way
	waitsForParts                          // a command with very many names is carried out in parts
)

// pauses are the reasons for which a session carries out no commands.
type pauses struct {
	reasons  pauseReason
	resuming bool // session.resume was posted
	unread   bool // the socket may have bytes that came while the session was paused
}

// begin has the session carry out no further command until unpause is called for the same reason.
func (p *pauses) begin(why pauseReason) { p.reasons |= why }

// end ends one reason. It reports whether there was that reason, and whether the session must resume.
func (p *pauses) end(why pauseReason) (was, resume bool) {
	if p.reasons&why == 0 {
		return false, false
	}
	p.reasons &^= why
	resume = p.reasons == 0 && !p.resuming
	p.resuming = p.resuming || resume
	return true, resume
}

// unpause ends one reason, and has the session go on if there is no other.
func (c *session) unpause(why pauseReason) {
	was, resume := c.pauses.end(why)
	if !was {
		return
	}
	if resume {
		c.srv.loop.Post(c.resume)
	}
	if c.ending.finished && !c.out.Pending() {
		c.close()
	}
}

// runnable tells whether the next command may be carried out.
func (c *session) runnable() bool {
	return !c.ending.finished && c.ending.reason == nil && c.pauses.reasons == 0
}

// resume carries out the commands that have waited.
func (c *session) resume() {
	c.pauses.resuming = false
	c.serve(c.pauses.unread)
}
