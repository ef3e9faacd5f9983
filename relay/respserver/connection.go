package respserver

// Commands about the connection itself: the handshake, PING, RESET, QUIT.

import (
	"fmt"

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
	unsubscribeAll(c, func() { slot.Complete(reply) })
}

// auth accepts any credentials: applications may still have those of their Redis URL. The socket decides who may
// connect.
func auth(c *session, args [][]byte) {
	if len(args) > 3 {
		c.replies.err("ERR syntax error")
		return
	}
	c.replies.simple("OK")
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

// hello negotiates the protocol. It may come again at any time.
func hello(c *session, args [][]byte) {
	proto := c.proto
	if len(args) > 1 {
		n, ok := resp.ParseInt(args[1])
		switch {
		case !ok:
			c.replies.err("ERR Protocol version is not an integer or out of range")
			return
		case n != 2 && n != 3:
			c.replies.err("NOPROTO unsupported protocol version")
			return
		}
		proto = resp.Proto(n)
	}
	name, hasName, problem := helloOptions(args)
	if problem != "" {
		c.replies.err(problem)
		return
	}
	if hasName {
		c.client.name = name
	}
	c.proto = proto
	reply := appendHello(nil, c)
	if c.replies.muted {
		reply = nil // the slot still marks where messages change to the protocol
	}
	slot := &hub.Slot{Before: func() { c.srv.hub.SetRESP3(c.listener, proto == resp.RESP3) }}
	if c.out.Reserve(slot) {
		slot.Complete(reply)
	}
}

// helloOptions parses the options AUTH and SETNAME. Any credentials are accepted, as by the command AUTH.
func helloOptions(args [][]byte) (name string, hasName bool, problem string) {
	for i := 2; i < len(args); i++ {
		more := len(args) - 1 - i
		switch word := lower(args[i]); {
		case word == "auth" && more >= 2:
			i += 2
		case word == "setname" && more >= 1:
			i++
			name, hasName = string(args[i]), true
			if problem := badName(clientNames, args[i]); problem != "" {
				return "", false, problem
			}
		default:
			return "", false, fmt.Sprintf("ERR Syntax error in HELLO option '%.128s'", args[i])
		}
	}
	return name, hasName, ""
}

func appendHello(b []byte, c *session) []byte {
	b = resp.AppendMap(b, c.proto, 7)
	b = resp.AppendBulkString(resp.AppendBulkString(b, "server"), "redis")
	b = resp.AppendBulkString(resp.AppendBulkString(b, "version"), c.srv.backend.RedisVersion())
	b = resp.AppendInt(resp.AppendBulkString(b, "proto"), int64(c.proto))
	b = resp.AppendInt(resp.AppendBulkString(b, "id"), int64(c.client.id))
	b = resp.AppendBulkString(resp.AppendBulkString(b, "mode"), "standalone")
	b = resp.AppendBulkString(resp.AppendBulkString(b, "role"), "master")
	return resp.AppendArray(resp.AppendBulkString(b, "modules"), 0)
}
