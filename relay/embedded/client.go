package embedded

// The client: one connection. Its reader executes commands; replies and messages leave through its outbox.

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2/server"

	"redis-relay/relay/resp"
)

const (
	// maxArgument is the longest argument kept, in bytes; a command with a longer
	// one is refused.
	maxArgument = 32 << 20
	// finalWriteTimeout is how long a client has to read what was queued before its end.
	finalWriteTimeout = time.Second
)

// client is one connection.
type client struct {
	// fixed after registration
	srv   *Server
	conn  net.Conn
	out   *outbox
	since time.Time
	id    int64

	// owned by the reading goroutine
	input    resp.Commands
	peer     *server.Peer // the engine's view of this client
	reply    []byte       // of the command in progress
	quitting bool

	// guarded by the server's turn
	executing  bool   // a command of this client is in progress
	afterReply []byte // messages that this command has published to the client itself

	// written by the reading goroutine in the server's turn, read by others in it
	proto      resp.Proto
	names      names
	name       string // CLIENT SETNAME
	libName    string // CLIENT SETINFO
	libVersion string
	last       string // the last command of this package, as CLIENT LIST shows it
}

func newClient(s *Server, conn net.Conn) *client {
	c := &client{
		srv:   s,
		conn:  conn,
		out:   newOutbox(),
		since: time.Now(),
		input: resp.Commands{MaxBulk: maxArgument},
		proto: resp.RESP2,
	}
	c.peer = server.NewPeer(bufio.NewWriter(replyWriter{c}))
	c.peer.ClientName = ownPeer
	return c
}

// ownPeer is the name of each client's peer. The engine does not use that name; it tells clients' peers from those
// that the engine makes for commands of scripts.
const ownPeer = "client"

// replyWriter collects the engine's replies to a client.
type replyWriter struct{ c *client }

func (w replyWriter) Write(p []byte) (int, error) {
	w.c.reply = append(w.c.reply, p...)
	return len(p), nil
}

// run serves the client until it quits or is disconnected.
func (c *client) run() {
	var writer sync.WaitGroup
	writer.Go(func() {
		if err := c.out.drain(c.conn); err != nil {
			c.close()
		}
	})
	c.read()
	c.srv.unregister(c)
	c.out.end()
	_ = c.conn.SetWriteDeadline(time.Now().Add(finalWriteTimeout)) // fails only on a closed connection
	writer.Wait()
	c.close()
}

// close closes the connection, which ends run. It may be called from anywhere and more than once, and never blocks. A
// client in a blocking command (XREAD BLOCK) ends when that command does.
func (c *client) close() {
	c.peer.Close()
	_ = c.conn.Close() // nothing is buffered, so there is nothing to lose
}

// read executes commands until the connection ends.
func (c *client) read() {
	for c.executeBuffered() {
		n, err := c.conn.Read(c.input.Space())
		if err != nil {
			return
		}
		c.input.Wrote(n)
	}
}

// executeBuffered executes the commands that have arrived completely. It returns false if the connection is to end.
func (c *client) executeBuffered() bool {
	for {
		cmd, whole, err := c.input.Next()
		if err != nil {
			c.out.push(resp.AppendError(nil, "ERR "+err.Error()))
			return false
		}
		if !whole {
			return true
		}
		c.execute(cmd)
		if c.quitting || !c.out.waitRoom() {
			return false
		}
	}
}

// execute carries out a command and queues its reply. It keeps the turn until the reply is queued, so that a
// message of another client comes either before the reply or after it.
func (c *client) execute(cmd resp.Command) {
	args := words(cmd)
	name := strings.ToLower(args[0])
	c.reply = recycled(c.reply[:0])
	if mayBlock(name, args[1:]) { // others have their turns meanwhile
		c.carryOut(cmd, name, args)
		c.out.push(c.reply)
		return
	}
	c.srv.turn.Lock()
	defer c.srv.turn.Unlock()
	c.executing = true
	c.carryOut(cmd, name, args)
	c.executing = false
	c.out.push(c.reply)
	if len(c.afterReply) > 0 {
		c.deliver(c.afterReply)
		c.afterReply = recycled(c.afterReply[:0])
	}
}

func (c *client) carryOut(cmd resp.Command, name string, args []string) {
	own, isOwn := commands[name]
	switch err := c.refuse(cmd, name, args); {
	case err != nil:
		c.fail(err)
	case isOwn && own.answer != nil:
		c.last = name
		c.reply = own.answer(&c.srv.broker, c.reply, args[1:])
	case isOwn:
		c.last = name
		own.run(c, args[1:])
	case name == "xinfo" && len(args) == 3 && strings.EqualFold(args[1], "stream"):
		c.describeStream(args[2])
	default:
		c.askEngine(name, args)
	}
}

// askEngine has the engine carry out a command.
func (c *client) askEngine(name string, args []string) {
	c.peer.Resp3 = c.proto == resp.RESP3 // a script that fails may have changed it
	c.srv.data.Dispatch(c.peer, args)
	c.peer.Flush()
	if c.proto == resp.RESP3 {
		c.reply = inRESP3(name, args, c.reply)
	}
}

// deliver queues messages for the client, in the server's turn. Messages that its own command publishes follow the
// reply, as in Redis 7.2. A client that is too far behind is disconnected.
func (c *client) deliver(frames []byte) {
	switch {
	case c.executing && len(c.afterReply)+len(frames) <= maxBacklog:
		c.afterReply = append(c.afterReply, frames...)
	case c.executing || !c.out.offer(frames):
		c.close()
	}
}

// mayBlock reports whether a command may block until other clients have written. Those are served meanwhile.
func mayBlock(name string, args []string) bool {
	switch name {
	case "blpop", "brpop", "blmove", "brpoplpush", "bzpopmin", "bzpopmax":
		return true
	case "xread", "xreadgroup":
		for _, a := range args {
			switch strings.ToLower(a) {
			case "block":
				return true
			case "streams":
				return false
			}
		}
	}
	return false
}

// refuse checks what Redis checks before it runs a command, in the same order.
func (c *client) refuse(cmd resp.Command, name string, args []string) error {
	own, isOwn := commands[name]
	switch {
	case !isOwn && !c.srv.data.IsRegisteredCommand(name):
		return unknownCommand(args)
	case isOwn && !own.takes(args[1:]):
		return wrongArity(name)
	case c.proto == resp.RESP2 && !c.names.empty() && !own.whileSubscribed:
		return replyError("ERR Can't execute '" + own.fullName(args) + "': only (P|S)SUBSCRIBE / " +
			"(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context")
	case cmd.Oversize > 0:
		return errTooLong
	}
	return nil
}

func (c *client) fail(err error) { c.reply = appendError(c.reply, err) }

func (c *client) ok() { c.reply = resp.AppendSimple(c.reply, "OK") }

func (c *client) strings(list ...string) {
	for _, s := range list {
		c.reply = resp.AppendBulkString(c.reply, s)
	}
}
