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
type pauseReason uint8

const (
	waitsForCheck  pauseReason = 1 << iota // a publish that is being checked
	waitsForRoom                           // too many publishes that wait for Redis
	waitsForAnswer                         // XREAD BLOCK, whether a stream is there, or a list that waits for others
	waitsForReads                          // too many answers of history that are being read
	waitsForParts                          // a command with very many names
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

	unreadInSocket   bool // bytes may be in the socket that came while it waited
	resuming         bool // it will go on soon
	pauses           pauseReason
	publishing       int     // publishes that wait for Redis
	openReads        int     // answers of history that are being read
	checking         Receipt // of the publish that is being checked; nil: none is
	cancelRead       func()  // gives up what XREAD waits for; nil: it does not wait
	waitingAt        []Position
	subscribingParts *subscribeInParts // the SUBSCRIBE of very many names; nil: none is under way
	charged          int               // bytes that the commands being carried out need beside their own

	endReason       *hub.Reason // it was told to end, or has
	endRequested    bool        // in Server.doomed
	finished        bool        // no command is carried out any more
	hungUp          bool        // the client has closed its connection: it reads no answer
	timer           *loop.Timer // ends the wait for the last answers; nil: it does not end
	quits           bool        // it ends when the command that says so is answered
	incompleteSince int64       // since when a command is due that has not come in whole, by Server.clock; 0: none
	active          time.Time   // when commands came last
	last            *command

	proto   resp.Proto
	db      int // the last that SELECT accepted
	name    string
	libName string
	libVer  string
}

// begin begins a session over a descriptor.
func (s *Server) newSession(fd int, p peer) error {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer) // with less it is only slower
	c := &session{
		srv: s, id: s.accepted.Load(), peer: p, opened: s.loop.Now(), active: s.loop.Now(),
		window: int(s.limits.Window.Load()), proto: resp.RESP2, incompleteSince: s.clock(),
	}
	var err error
	if c.socket, err = s.loop.Register(fd, c); err != nil {
		return err
	}
	c.out = hub.NewOutbox(c.socket, &s.limits.Bounds, s.flusher, c.requestEnd, c.flushed)
	c.listener = hub.NewListener(c.out, c.requestEnd, func(m hub.Missed) { reportMissed(c, m) })
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
		c.clientHungUp()
	}
	if e&loop.Readable != 0 {
		c.serve(true)
	}
}

// hungUp is called when the client has closed its connection. Commands that came before are still carried
// out, until a reply finds nobody, as in Redis.
func (c *session) clientHungUp() {
	c.hungUp = true
	c.withdrawPublishes()
	switch {
	case c.finished:
		c.close() // nobody is there for the last answers
	case c.out.Closed():
		c.finish("") // a reply has found nobody
	case c.cancelRead != nil:
		c.finish("") // nor for what XREAD waits for
	}
}

// takeBack gives up the publishes that could not be sent so far: the client may be trying again.
func (c *session) withdrawPublishes() {
	if c.publishing > 0 {
		c.srv.backend.Withdraw(c.id)
	}
}

// ready tells whether the next command may be carried out.
func (c *session) runnable() bool { return !c.finished && c.endReason == nil && c.pauses == 0 }

// block has the session carry out no further command until unblock is called for the same reason.
func (c *session) pause(why pauseReason) { c.pauses |= why }

func (c *session) unpause(why pauseReason) {
	if c.pauses&why == 0 {
		return
	}
	if c.pauses &^= why; c.pauses == 0 && !c.resuming {
		c.resuming = true
		c.srv.loop.Post(c.resume)
	}
	if c.finished && !c.out.Pending() {
		c.close()
	}
}

// tellMissed tells of messages that the client did not get.
func reportMissed(c *session, m hub.Missed) {
	told := SlowClient{Client: c.Identity(), Backlog: hub.Backlog{Queued: c.out.Queued()}}
	if told.Reason, told.Missed = hub.ReasonDropped, m.Dropped; told.Missed > 0 {
		c.srv.backend.ClientSlow(told)
	}
	if told.Reason, told.Missed = hub.ReasonLatest, m.Replaced; told.Missed > 0 {
		c.srv.backend.ClientSlow(told)
	}
}

// Identity says which connection it is. It is Sender.
func (c *session) Identity() Client {
	return Client{ID: c.id, Name: c.name, PID: c.peer.pid, User: c.user()}
}

// mayStay tells whether the user may go on listening to what the session listens to, and is about to.
func stillAllowed(c *session, may MayListen) bool {
	by := c.user()
	for kind := range resp.Kind(resp.Kinds) {
		for name := range c.subs.names[kind] {
			if !may(by, kind, []byte(name)) {
				return false
			}
		}
	}
	if c.subscribingParts != nil && !c.subscribingParts.stillAllowed(may) {
		return false
	}
	return !slices.ContainsFunc(c.waitingAt, func(p Position) bool {
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
