package respserver

// How a connection ends.

import (
	"errors"
	"io"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
)

// reasonBarred says that a reload took the right to listen away.
const reasonDenied hub.Reason = "denied"

// behind are the reasons for which there is no use in waiting for the client to take its output.
var cannotKeepUp = map[hub.Reason]bool{hub.ReasonSlow: true, hub.ReasonAge: true, hub.ReasonMemory: true}

// drainTime is for the last replies to leave, beyond the time for a publish.
const drainTime = 500 * time.Millisecond

// end tells the session to end soon. It may be called while others are being served; only the first reason
// counts.
func (c *session) requestEnd(why hub.Reason) {
	if c.endReason == nil {
		c.endReason = &why
	}
	if !c.endRequested {
		c.endRequested = true
		c.srv.endSoon(c)
	}
}

// finish ends the session: it carries out no further command and hears nothing more. What was answered,
// and what is still to be, goes out first, if the client may still want it.
func (c *session) finish(why hub.Reason) {
	if c.finished {
		return
	}
	if c.endReason == nil {
		c.endReason = &why
	}
	why = *c.endReason
	c.finished = true
	c.hungUp = c.hungUp || c.out.Closed() || c.requests.hungUp(c.socket.FD())
	c.srv.countEnd(why)
	logEnd(c, why)
	c.listener.Stop()
	unsubscribeAll(c, func() {})
	if c.cancelRead != nil {
		c.cancelRead()
	}
	if c.hungUp || cannotKeepUp[why] {
		c.withdrawPublishes()
	}
	if c.hungUp || cannotKeepUp[why] || !c.out.Pending() {
		c.close()
		return
	}
	c.drain()
}

// ended is called when the client sends nothing more. If it still reads, it hears what was published before,
// and gets all answers.
func (c *session) inputEnded(err error) {
	c.hungUp = c.hungUp || !errors.Is(err, io.EOF) || c.requests.hungUp(c.socket.FD())
	if c.hungUp {
		c.finish("")
		return
	}
	c.endAfterReplies(nil)
}

// leave ends the session when the client has heard what was published before, and got all answers, and a
// last one.
func (c *session) endAfterReplies(last []byte) {
	slot := &hub.Slot{}
	if !c.out.Reserve(slot) {
		return // it does not read, and is ending
	}
	c.finished = true
	unsubscribeAll(c, func() { slot.Complete(last) })
	c.drain()
}

// drain ends the session, at the latest, when all answers had their time.
func (c *session) drain() {
	if c.timer == nil {
		c.timer = c.srv.loop.AfterFunc(c.srv.opts.PublishTimeout+drainTime, func() {
			c.finish("")
			c.close()
		})
	}
}

// flushed is called at the end of a turn in which something may have been written.
func (c *session) flushed() {
	switch {
	case c.out.Closed() && !c.finished:
		c.replyFailed()
	case c.finished && !c.out.Pending():
		c.close()
	case !c.out.Pending():
		c.requests.consumePeeked(c.socket.FD())
	}
}

// broken is called when a reply finds nobody. If the client has hung up, and the loop has not told of that, it
// is about to: that place is the one of the end among what came on other connections.
func (c *session) replyFailed() {
	if c.hungUp || !c.requests.hungUp(c.socket.FD()) {
		c.finish("")
	}
}

// close closes the connection.
func (c *session) close() {
	if _, there := c.srv.sessions[c.id]; !there {
		return
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	delete(c.srv.sessions, c.id)
	c.srv.clients.Add(-1)
	c.requests.drain(c.socket.FD())
	c.out.Close()
	c.socket.Close()
	c.srv.sessionClosed()
}

// logEnd says why a connection ended, if that is news: losses and
// shutdowns are told once for all connections.
func logEnd(c *session, why hub.Reason) {
	who := c.Identity().Fields()
	switch {
	case cannotKeepUp[why]:
		backlog := c.out.Backlog()
		c.srv.backend.ClientSlow(SlowClient{Client: c.Identity(), Reason: why, Disconnected: true, Backlog: backlog})
		text := "client disconnected: it did not keep up"
		if why == hub.ReasonMemory {
			text = "client disconnected: limits.memory was exceeded, and this client had the most"
		}
		c.srv.log.Warn(text, append(who, zap.String("reason", string(why)),
			zap.Int("queued_bytes", backlog.Queued), zap.Int("kept_bytes", backlog.Kept))...)
	case why == reasonDenied:
		c.srv.warn("client disconnected: its user may not listen any more to what it listens to", c.peer.key(), who...)
	case why == ReasonCutOff:
		c.srv.warn("client disconnected: its command did not come in whole within limits.command_timeout",
			c.peer.key(), who...)
	case why != "":
		c.srv.log.Debug("client disconnected", append(who, zap.String("reason", string(why)))...)
	}
}
