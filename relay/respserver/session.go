package respserver

// One connection: its parts, how it begins, and what the loop tells it.

import (
	"time"

	"golang.org/x/sys/unix"

	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
	"redis-relay/relay/tail"
)

// session is one connection. Each part owns its fields; the methods of the session are what needs more than one
// part. Commands are functions that take the session. Everything belongs to the loop.
type session struct {
	// Fixed after construction.
	srv      *Server
	socket   *loop.Descriptor
	out      *hub.Outbox
	listener *hub.Listener

	client    client        // whose connection it is
	login     login         // whether it must still give the password
	input     input         // what the client has sent
	pauses    pauses        // why no command is carried out for now
	subs      subscriptions // the names that it is subscribed to
	reads     reads         // history that is being read
	publishes publishes     // what was published and not answered
	replies   replies       // what is answered at once
	memory    memory        // what its commands take
	ending    ending        // how it ends

	viewer *tail.Viewer // of MONITOR; nil: the client is not in it

	proto resp.Proto
	last  *command // the command that was carried out last; nil: none was

	stuckSince time.Time // when it was told that the client does not read; zero: it reads
}

// newSession begins a session over a descriptor.
func (s *Server) newSession(fd int, p peer) error {
	if p.tcp == nil { // the system finds the size for TCP itself
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer) // with less it is only slower
	}
	now := s.loop.Now()
	c := &session{
		srv: s, proto: resp.RESP2,
		client:    client{id: s.accepted.Load(), peer: p, opened: now},
		login:     login{strangers: &s.strangers},
		input:     input{lastUsed: now, incompleteSince: s.clock()},
		publishes: publishes{window: int(s.limits.Window.Load())},
	}
	var err error
	if c.socket, err = s.loop.Register(fd, c); err != nil {
		return err
	}
	c.out = hub.NewOutbox(c.socket, &s.limits.Bounds, s.flusher, c.requestEnd, c.flushed)
	c.listener = hub.NewListener(c.out, c.requestEnd, func(m hub.Missed) { reportMissed(c, m) })
	c.replies.out, c.memory.out = c.out, c.out
	s.sessions[c.client.id] = c
	if s.asksPassword(p) {
		c.login.await(s.clock())
	}
	s.clients.Add(1)
	return nil
}

// Ready is loop.Handler.
func (c *session) Ready(e loop.Events) {
	if e&loop.Writable != 0 {
		c.out.Writable()
	}
	if e&loop.Ended != 0 {
		c.peerEnded()
	}
	if e&loop.HungUp != 0 {
		c.clientHungUp()
	}
	if e&loop.Readable != 0 {
		c.serve(true)
	}
}

// reportMissed tells the relay of messages that the client did not get.
func reportMissed(c *session, m hub.Missed) {
	report := SlowClient{Client: c.client.Identity(), Backlog: hub.Backlog{Queued: c.out.Queued()}}
	if report.Reason, report.Missed = hub.ReasonDropped, m.Dropped; report.Missed > 0 {
		c.srv.backend.ClientSlow(report)
	}
	if report.Reason, report.Missed = hub.ReasonLatest, m.Replaced; report.Missed > 0 {
		c.srv.backend.ClientSlow(report)
	}
}

// subscriberMode tells whether the connection may only do what a RESP2 subscriber may.
func (c *session) subscriberMode() bool {
	return c.proto == resp.RESP2 && c.subs.count(resp.Message)+c.subs.count(resp.SMessage) > 0
}

// memory is what the commands of one connection take. It counts for all clients, in the Outbox.
type memory struct {
	out *hub.Outbox // fixed after construction

	input    int // bytes of commands that were not carried out, as far as they are counted
	commands int // bytes that the commands being carried out need beside their own
}

// charge adds n bytes that commands being carried out need. A negative n takes bytes off.
func (m *memory) charge(n int) {
	m.commands += n
	m.out.Charge(m.input + m.commands)
}

// chargeInput sets how many bytes of commands wait to be carried out.
func (m *memory) chargeInput(n int) {
	if n != m.input {
		m.input = n
		m.out.Charge(m.input + m.commands)
	}
}
