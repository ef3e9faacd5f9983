package respserver

// Commands about the connection itself: the handshake, PING, RESET, QUIT.

import (
	"fmt"

	"redis-relay/relay/resp"
)

func (c *session) ping(args [][]byte) {
	if len(args) > 2 {
		c.replyError("ERR wrong number of arguments for 'ping' command")
		return
	}
	var message []byte
	if len(args) == 2 {
		message = args[1]
	}
	switch {
	case c.subscriberMode():
		b := resp.AppendBulkString(resp.AppendArray(c.scratch, 2), "pong")
		c.reply(resp.AppendBulk(b, message))
	case len(args) == 2:
		c.replyBulk(message)
	default:
		c.replySimple("PONG")
	}
}

func (c *session) echo(args [][]byte) { c.replyBulk(args[1]) }

// quitNow ends the connection behind what was published before.
func (c *session) quitNow([][]byte) {
	if c.partAll() != nil {
		return // the session is ending
	}
	c.quit = true
	c.replySimple("OK")
}

// reset makes the connection as new.
func (c *session) reset([][]byte) {
	if c.partAll() != nil {
		return // the session is ending
	}
	if c.off {
		c.off, c.muted = false, false
	}
	c.setProto(resp.RESP2)
	c.mu.Lock()
	c.name, c.db = "", 0
	c.mu.Unlock()
	c.replySimple("RESET")
}

// auth accepts what an application may have kept of its Redis URL. Who may
// connect is decided by the socket.
func (c *session) auth(args [][]byte) {
	if len(args) > 3 {
		c.replyError("ERR syntax error")
		return
	}
	c.replySimple("OK")
}

// selectDB accepts any database: Pub/Sub has none. CLIENT INFO shows it, where
// libraries look whether it is still selected.
func (c *session) selectDB(args [][]byte) {
	n, ok := resp.ParseInt(args[1])
	switch {
	case !ok:
		c.replyError(errNotInteger)
	case n != int64(int32(n)):
		c.replyError("ERR value is out of range, value must between -2147483648 and 2147483647")
	case n < 0:
		c.replyError("ERR DB index is out of range")
	default:
		c.mu.Lock()
		c.db = int(n)
		c.mu.Unlock()
		c.replySimple("OK")
	}
}

// hello negotiates the protocol. It may come again at any time.
func (c *session) hello(args [][]byte) {
	proto := c.proto
	if len(args) > 1 {
		n, ok := resp.ParseInt(args[1])
		switch {
		case !ok:
			c.replyError("ERR Protocol version is not an integer or out of range")
			return
		case n != 2 && n != 3:
			c.replyError("NOPROTO unsupported protocol version")
			return
		}
		proto = resp.Proto(n)
	}
	name, hasName, problem := helloOptions(args)
	if problem != "" {
		c.replyError(problem)
		return
	}
	if hasName {
		c.setName(name)
	}
	c.setProto(proto)
	c.replyHello()
}

// helloOptions reads AUTH and SETNAME. Credentials are accepted as in AUTH.
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

func (c *session) setProto(proto resp.Proto) {
	if proto == c.proto {
		return
	}
	c.mu.Lock()
	c.proto = proto
	c.mu.Unlock()
	c.srv.hub.SetRESP3(c.listener, proto == resp.RESP3)
}

func (c *session) replyHello() {
	b := resp.AppendMap(c.scratch, c.proto, 7)
	b = resp.AppendBulkString(resp.AppendBulkString(b, "server"), "redis")
	b = resp.AppendBulkString(resp.AppendBulkString(b, "version"), c.srv.backend.RedisVersion())
	b = resp.AppendInt(resp.AppendBulkString(b, "proto"), int64(c.proto))
	b = resp.AppendInt(resp.AppendBulkString(b, "id"), int64(c.id))
	b = resp.AppendBulkString(resp.AppendBulkString(b, "mode"), "standalone")
	b = resp.AppendBulkString(resp.AppendBulkString(b, "role"), "master")
	b = resp.AppendArray(resp.AppendBulkString(b, "modules"), 0)
	c.reply(b)
}
