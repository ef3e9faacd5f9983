package respserver

// How a connection ends.

import (
	"errors"
	"io"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
)

// reasonDenied says that a reload took the user's right to listen away.
const reasonDenied hub.Reason = "denied"

// cannotKeepUp has the reasons for which it is no use to wait until the client takes its output.
var cannotKeepUp = map[hub.Reason]bool{hub.ReasonSlow: true, hub.ReasonAge: true, hub.ReasonMemory: true}

// drainTime is how long the last replies may take, beyond the time for a publish.
const drainTime = 500 * time.Millisecond

// ending is whether a session ends, and how far that is.
type ending struct {
	reason    *hub.Reason // why the session ends; nil: it does not
	requested bool        // the session is in Server.endingSoon
	quits     bool        // a command has ended the session: it ends with the reply
	finished  bool        // no command is carried out any more; replies may still go out
	hungUp    bool        // the client has closed its connection: it reads no reply
	timer     *loop.Timer // closes the connection when the last replies take too long; nil: they are not awaited
}

// because sets the reason, unless there is one, and returns the reason that counts.
func (e *ending) because(why hub.Reason) hub.Reason {
	if e.reason == nil {
		e.reason = &why
	}
	return *e.reason
}

// requestEnd has the session end soon. It may be called while other sessions are being served. Only the first
// reason counts.
func (c *session) requestEnd(why hub.Reason) {
	c.ending.because(why)
	if !c.ending.requested {
		c.ending.requested = true
		c.srv.endSoon(c)
	}
}

// finish ends the session: it carries out no further command and gets no more messages. Replies that are known or
// pending go out first, if the client may still want them.
func (c *session) finish(why hub.Reason) {
	if c.ending.finished {
		return
	}
	why = c.ending.because(why)
	c.ending.finished = true
	c.ending.hungUp = c.ending.hungUp || c.out.Closed() || hungUp(c.socket.FD())
	c.srv.countEnd(why)
	logEnd(c, why)
	c.listener.Stop()
	unsubscribeAll(c, func() {})
	if c.reads.waiting != nil {
		c.reads.waiting.cancel()
	}
	if c.subs.inParts != nil {
		c.subs.inParts.end()
	}
	unwanted := c.ending.hungUp || cannotKeepUp[why]
	if unwanted {
		c.withdrawPublishes()
	}
	if unwanted || !c.out.Pending() {
		c.close()
		return
	}
	c.drain()
}

// inputEnded is called when the client sends nothing more. If it still reads, it gets all messages that were
// published before, and all replies.
func (c *session) inputEnded(err error) {
	c.ending.hungUp = c.ending.hungUp || !errors.Is(err, io.EOF) || hungUp(c.socket.FD())
	if c.ending.hungUp {
		c.finish("")
		return
	}
	c.mayHaveClosed()
	c.endAfterReplies(nil)
}

// mayHaveClosed is called when the client sends nothing more. On TCP that is all that is seen of a client that has
// closed its connection, and that may be trying again.
func (c *session) mayHaveClosed() {
	if c.client.peer.tcp != nil {
		c.withdrawPublishes()
	}
}

// peerEnded is called when the client sends nothing more, also while the session reads nothing. What was sent before is
// still carried out, and the end of the input is read behind it. But XREAD waits no longer: as in Redis, the end of a
// client that waits takes effect at once.
func (c *session) peerEnded() {
	c.input.ended = true
	c.mayHaveClosed()
	if c.subs.inParts != nil && c.subs.inParts.waits {
		c.drain()
	}
	if c.reads.waiting != nil {
		c.reads.waiting.awaited.StopWaiting()
	}
}

// endAfterReplies ends the session when the client has got all messages that were published before, all replies, and
// a last one.
func (c *session) endAfterReplies(last []byte) {
	slot := &hub.Slot{}
	if !c.out.Reserve(slot) {
		return // the client does not read, and is being disconnected
	}
	c.ending.finished = true
	unsubscribeAll(c, func() { slot.Complete(last) })
	c.drain()
}

// drain closes the connection when all replies had their time, if nothing has closed it before.
func (c *session) drain() {
	if c.ending.timer == nil {
		c.ending.timer = c.srv.loop.AfterFunc(c.srv.opts.PublishTimeout+drainTime, func() {
			c.finish("")
			c.close()
		})
	}
}

// clientHungUp is called when the client has closed its connection. Commands that came before are still carried
// out, until a reply cannot be written, as in Redis.
func (c *session) clientHungUp() {
	c.ending.hungUp = true
	c.withdrawPublishes()
	switch {
	case c.ending.finished:
		c.close() // nobody reads the last replies
	case c.out.Closed():
		c.finish("") // a reply could not be written
	case c.reads.waiting != nil:
		c.finish("") // nobody reads what XREAD waits for
	case c.subs.inParts != nil && c.subs.inParts.waits:
		c.subs.inParts.end() // nobody reads the reply
	}
}

// flushed is called at the end of a turn in which something may have been written.
func (c *session) flushed() {
	switch {
	case c.out.Closed() && !c.ending.finished:
		c.replyFailed()
	case c.ending.finished && !c.out.Pending():
		c.close()
	case !c.out.Pending():
		c.input.consumePeeked(c.socket.FD())
	}
}

// replyFailed is called when a reply could not be written. If the client has hung up and the loop has not reported
// that, the loop is about to: the session ends then, in order with what came on other connections.
func (c *session) replyFailed() {
	if c.ending.hungUp || !hungUp(c.socket.FD()) {
		c.finish("")
	}
}

// close closes the connection. It may be called again.
func (c *session) close() {
	if _, there := c.srv.sessions[c.client.id]; !there {
		return
	}
	if c.ending.timer != nil {
		c.ending.timer.Stop()
	}
	delete(c.srv.sessions, c.client.id)
	c.login.end()
	c.srv.unstick(c, true)
	c.input.drain(c.socket.FD())
	c.out.Close()
	c.srv.clients.Add(-1) // behind its bytes: who sees that it is gone sees them gone, too
	c.socket.Close()
	c.srv.sessionClosed()
}

// logEnd logs why a connection ended. Gaps and shutdowns are logged once for all connections, so here they are only
// for debugging.
func logEnd(c *session, why hub.Reason) {
	who := c.client.Identity().Fields()
	switch {
	case cannotKeepUp[why]:
		backlog := c.out.Backlog()
		c.srv.backend.ClientSlow(SlowClient{Client: c.client.Identity(), Reason: why, Disconnected: true, Backlog: backlog})
		text := "client disconnected: it did not keep up"
		if why == hub.ReasonMemory {
			text = "client disconnected: limits.memory was exceeded, and this client had the most"
		}
		c.srv.log.Warn(text, append(who, zap.String("reason", string(why)),
			zap.Int("queued_bytes", backlog.Queued), zap.Int("kept_bytes", backlog.Kept))...)
	case why == reasonDenied:
		c.srv.warn("client disconnected: its user may not listen any more to what it listens to", c.client.peer.key(), who...)
	case why == ReasonCutOff:
		c.srv.warn("client disconnected: its command did not come in whole within limits.command_timeout",
			c.client.peer.key(), who...)
	case why != "":
		c.srv.log.Debug("client disconnected", append(who, zap.String("reason", string(why)))...)
	}
}
