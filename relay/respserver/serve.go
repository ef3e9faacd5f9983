package respserver

// Reading commands and carrying them out.

import (
	"errors"

	"redis-relay/relay/resp"
)

// bytesPerTurn is how many bytes of one connection are read in a turn. If the client sends more, the rest is read
// in the next turn, after what came from others.
const bytesPerTurn = 64 << 10

// serve carries out what has come, up to bytesPerTurn. more tells whether there may be bytes in the socket. What has
// come since the kernel reported the last bytes has its place after what came on other connections: it is read
// when the kernel reports it.
func (c *session) serve(more bool) {
	left := bytesPerTurn
	for c.executeBuffered(); c.runnable(); c.executeBuffered() {
		if c.input.incompleteSince == 0 && c.input.commands.Buffered() > 0 {
			c.input.incompleteSince = c.srv.clock()
		}
		if !more {
			c.input.idle(c.socket.FD())
			break
		}
		if left <= 0 {
			c.socket.Again()
			break
		}
		var n int
		var err error
		if n, more, err = c.input.read(c.socket.FD(), left == bytesPerTurn && c.mayPeek()); err != nil {
			c.inputEnded(err)
			return
		}
		left -= n
		c.input.lastUsed = c.srv.loop.Now()
	}
	c.pauses.unread = more && c.pauses.reasons != 0
	if !c.ending.finished {
		c.memory.chargeInput(c.input.memory())
	}
}

// mayPeek tells whether requests may stay in the socket until they are answered. That helps on Unix sockets, and not
// where messages come in between.
func (c *session) mayPeek() bool { return c.client.peer.tcp == nil && c.subs.total() == 0 }

// executeBuffered carries out the commands that were read, until the session is paused or ends.
func (c *session) executeBuffered() {
	c.input.commands.MaxBulk = int(c.srv.limits.Payload.Load())
	for c.runnable() {
		c.input.commands.Strict = c.login.isAwaited()
		cmd, ok, err := c.input.commands.Next()
		var bad *resp.ProtocolError
		switch {
		case errors.As(err, &bad):
			c.endAfterReplies(resp.AppendError(nil, "ERR "+bad.Error())) // also to a client that asked for no replies
			return
		case err != nil:
			c.finish("")
			return
		case !ok:
			return
		}
		execute(c, cmd)
		if c.ending.quits {
			c.endAfterReplies(nil)
		}
	}
}
