package respserver

// Commands about the connection itself: PING, SELECT, RESET, QUIT.

import (
	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

func ping(c *session, args [][]byte) {
	if len(args) > 2 {
		c.replies.err("ERR wrong number of arguments for 'ping' command")
		return
	}
	var message []byte
	if len(args) == 2 {
		message = args[1]
	}
	switch {
	case c.subscriberMode():
		b := resp.AppendBulkString(resp.AppendArray(c.replies.scratch, 2), "pong")
		c.replies.send(resp.AppendBulk(b, message))
	case len(args) == 2:
		c.replies.bulk(message)
	default:
		c.replies.simple("PONG")
	}
}

func echo(c *session, args [][]byte) { c.replies.bulk(args[1]) }

// quit ends the connection when the client has got what was published before.
func quit(c *session, _ [][]byte) {
	if c.replies.muted {
		c.endAfterReplies(nil)
		return
	}
	c.endAfterReplies([]byte("+OK\r\n"))
}

// reset sets the connection back to its initial state.
func reset(c *session, _ [][]byte) {
	if c.replies.off { // RESET does not end CLIENT REPLY SKIP
		c.replies.off, c.replies.muted = false, false
	}
	reply := []byte("+RESET\r\n")
	if c.replies.muted {
		reply = nil // the slot still keeps the order
	}
	slot := &hub.Slot{Before: func() { c.srv.hub.SetRESP3(c.listener, false) }}
	if !c.out.Reserve(slot) {
		return // the client does not read, and is being disconnected
	}
	c.client.name, c.client.db, c.proto = "", 0, resp.RESP2
	if c.srv.asksPassword(c.client.peer) {
		c.login.await(c.srv.clock())
	} else {
		c.login.end()
	}
	unsubscribeAll(c, func() { slot.Complete(reply) })
}

// selectDB accepts any database: Pub/Sub has none. CLIENT INFO shows the number, because libraries check there that it
// is still selected.
func selectDB(c *session, args [][]byte) {
	n, ok := resp.ParseInt(args[1])
	switch {
	case !ok:
		c.replies.err(errNotInteger)
	case n != int64(int32(n)):
		c.replies.err("ERR value is out of range, value must between -2147483648 and 2147483647")
	case n < 0:
		c.replies.err("ERR DB index is out of range")
	default:
		c.client.db = int(n)
		c.replies.simple("OK")
	}
}
