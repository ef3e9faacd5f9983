package respserver

// Reading commands and carrying them out.

import (
	"errors"

	"redis-relay/relay/resp"
)

// share is how many bytes of one connection are read in a turn: whoever sends more has the rest read in the
// next, behind what came from others.
const bytesPerTurn = 64 << 10

// serve carries out what has come, up to a share. more tells whether there may be bytes in the socket: what
// has come since the kernel told of some has its place behind what came on other connections, and is read
// when the kernel tells again.
func (c *session) serve(more bool) {
	left := bytesPerTurn
	for c.executeBuffered(); c.runnable(); c.executeBuffered() {
		if c.incompleteSince == 0 && c.requests.in.Buffered() > 0 {
			c.incompleteSince = c.srv.clock()
		}
		if !more {
			c.requests.pause(c.socket.FD())
			break
		}
		if left <= 0 {
			c.socket.Again()
			break
		}
		var n int
		var err error
		if n, more, err = c.requests.read(c.socket.FD(), left == bytesPerTurn && c.subs.total() == 0); err != nil {
			c.inputEnded(err)
			return
		}
		left -= n
		c.active = c.srv.loop.Now()
	}
	c.unreadInSocket = more && c.pauses != 0
	c.countRequests()
}

// resume goes on when a command has been answered that the others waited for.
func (c *session) resume() {
	c.resuming = false
	c.serve(c.unreadInSocket)
}

// carryOut carries out the commands that are there, until one has to be answered first.
func (c *session) executeBuffered() {
	c.requests.in.MaxBulk = int(c.srv.limits.Payload.Load())
	for c.runnable() {
		cmd, ok, err := c.requests.in.Next()
		var bad *resp.ProtocolError
		switch {
		case errors.As(err, &bad):
			c.endAfterReplies(resp.AppendError(nil, "ERR "+bad.Error())) // also to one that asked for no replies
			return
		case err != nil:
			c.finish("")
			return
		case !ok:
			return
		}
		execute(c, cmd)
		if c.quits {
			c.endAfterReplies(nil)
		}
	}
}

// countRequests counts what there is of commands that wait among what waits for all clients.
func (c *session) countRequests() {
	held := c.requests.in.Held()
	if held <= uncounted {
		held = 0
	}
	if held != c.requests.counted && !c.finished {
		c.requests.counted = held
		c.out.Charge(held + c.charged)
	}
}
