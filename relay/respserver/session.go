package respserver

// One connection: its state, and how it begins.

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
)

// wait says what has to be answered before a session reads on.
type wait uint8

const (
	waitsForCheck    wait = 1 << iota // a publish that is being checked
	waitsForRoom                      // too many publishes that wait for Redis
	waitsForAnswer                    // XREAD BLOCK, whether a stream is there, or a list that waits for others
	waitsForReadings                  // too many answers of history that are being read
	waitsForNames                     // a command with very many names
)

// session is one connection. Commands are functions that take it.
type session struct {
	// Fixed after construction.
	srv      *Server
	id       uint64
	socket   *loop.Descriptor
	out      *hub.Outbox
	listener *hub.Listener
	peer     peer
	opened   time.Time
	window   int // publishes that may wait for Redis

	requests requests
	subs     subscriptions
	replies  replies

	unread   bool // bytes may be in the socket that came while it waited
	resuming bool // it will go on soon
	waits    wait
	open     int     // publishes that wait for Redis
	readings int     // answers of history that are being read
	checked  Receipt // of the publish that is being checked; nil: none is
	cancel   func()  // gives up what XREAD waits for; nil: it does not wait
	reading  []Position
	naming   *naming // the SUBSCRIBE of very many names; nil: none is under way
	charged  int     // bytes that the commands being carried out need beside their own

	ending *hub.Reason // it was told to end, or has
	doomed bool        // in Server.doomed
	done   bool        // no command is carried out any more
	gone   bool        // the client has closed its connection: it reads no answer
	timer  *loop.Timer // ends the wait for the last answers; nil: it does not end
	quits  bool        // it ends when the command that says so is answered
	due    int64       // since when a command is due that has not come in whole, by Server.clock; 0: none
	active time.Time   // when commands came last
	last   *command

	proto   resp.Proto
	db      int // the last that SELECT accepted
	name    string
	libName string
	libVer  string
}

// begin begins a session over a descriptor.
func (s *Server) begin(fd int, p peer) error {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer) // with less it is only slower
	c := &session{
		srv: s, id: s.accepted.Load(), peer: p, opened: s.loop.Now(), active: s.loop.Now(),
		window: int(s.limits.Window.Load()), proto: resp.RESP2, due: s.clock(),
	}
	var err error
	if c.socket, err = s.loop.Register(fd, c); err != nil {
		return err
	}
	c.out = hub.NewOutbox(c.socket, &s.limits.Bounds, s.flusher, c.end, c.flushed)
	c.listener = hub.NewListener(c.out, c.end, func(m hub.Missed) { tellMissed(c, m) })
	c.replies.out = c.out
	s.sessions[c.id] = c
	s.clients.Add(1)
	return nil
}

// Ready is loop.Handler.
func (c *session) Ready(e loop.Events) {
	if e&loop.Writable != 0 {
		c.out.Writable()
	}
	if e&loop.Ended != 0 {
		c.requests.ended = true
	}
	if e&loop.HungUp != 0 {
		c.hungUp()
	}
	if e&loop.Readable != 0 {
		c.serve(true)
	}
}

// hungUp is called when the client has closed its connection. Commands that came before are still carried
// out, until a reply finds nobody, as in Redis.
func (c *session) hungUp() {
	c.gone = true
	c.takeBack()
	switch {
	case c.done:
		c.close() // nobody is there for the last answers
	case c.out.Closed():
		c.finish("") // a reply has found nobody
	case c.cancel != nil:
		c.finish("") // nor for what XREAD waits for
	}
}

// takeBack gives up the publishes that could not be sent so far: the client may be trying again.
func (c *session) takeBack() {
	if c.open > 0 {
		c.srv.backend.TakeBack(c.id)
	}
}

// ready tells whether the next command may be carried out.
func (c *session) ready() bool { return !c.done && c.ending == nil && c.waits == 0 }

// block has the session carry out no further command until unblock is called for the same reason.
func (c *session) block(why wait) { c.waits |= why }

func (c *session) unblock(why wait) {
	if c.waits&why == 0 {
		return
	}
	if c.waits &^= why; c.waits == 0 && !c.resuming {
		c.resuming = true
		c.srv.loop.Post(c.resume)
	}
	if c.done && !c.out.Pending() {
		c.close()
	}
}

// tellMissed tells of messages that the client did not get.
func tellMissed(c *session, m hub.Missed) {
	told := SlowClient{Client: c.Identity(), Backlog: hub.Backlog{Queued: c.out.Queued()}}
	if told.Reason, told.Missed = hub.ReasonDropped, m.Dropped; told.Missed > 0 {
		c.srv.backend.Behind(told)
	}
	if told.Reason, told.Missed = hub.ReasonLatest, m.Replaced; told.Missed > 0 {
		c.srv.backend.Behind(told)
	}
}

// Identity says which connection it is. It is Sender.
func (c *session) Identity() Client {
	return Client{ID: c.id, Name: c.name, PID: c.peer.pid, User: c.user()}
}

// mayStay tells whether the user may go on listening to what the session listens to, and is about to.
func mayStay(c *session, may MayListen) bool {
	by := c.user()
	for kind := range resp.Kind(resp.Kinds) {
		for name := range c.subs.names[kind] {
			if !may(by, kind, []byte(name)) {
				return false
			}
		}
	}
	if c.naming != nil && !c.naming.mayStay(may) {
		return false
	}
	return !slices.ContainsFunc(c.reading, func(p Position) bool {
		return !may(by, resp.Message, []byte(p.Channel))
	})
}

// charge counts what the commands being carried out need beside their own bytes among what waits for all
// clients.
func (c *session) charge(bytes int) {
	c.charged += bytes
	c.out.Charge(c.requests.counted + c.charged)
}

// subscriberMode tells whether the connection may only do what a RESP2
// subscriber may.
func (c *session) subscriberMode() bool {
	return c.proto == resp.RESP2 && c.subs.count(resp.Message)+c.subs.count(resp.SMessage) > 0
}
