package upstream

// One session: a connection to Redis from its handshake to its end, what is sent over it, and what comes.

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"redis-relay/relay/loop"
	"redis-relay/relay/nonblock"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream/frames"
)

const (
	maxSpare = 1 << 20  // bytes of an empty output buffer that is kept
	eager    = 16 << 10 // bytes that do not wait for the end of the turn: Redis works on them meanwhile
)

var (
	errUnasked   = errors.New("Redis answered what was not asked")
	errOutOfStep = errors.New("Redis confirmed something else than was asked")
	errNoPing    = errors.New("Redis does not allow PING, by which the relay knows that the connection lives; " +
		"allow +ping to this user")
)

// session is one connection to Redis. It belongs to the loop.
type session struct {
	pending // sent and not answered; wire is the bytes that the socket has not taken yet

	connection  *Connection
	socket      *loop.Descriptor
	in          frames.Input
	restored    bool             // the owner has subscribed to all names that it wants
	restoredAt  time.Time        // when it had
	writeErr    error            // why nothing can be written any more; bytes that have come are still read
	paused      bool             // nothing is read: see Connection.Pause
	fenced      bool             // the last command is a fence that is not sent yet
	subscribing int              // bytes of the commands without an answer that subscribe and unsubscribe
	sourceSent  map[*Script]bool // by Eval
	noSHA       bool             // this session may not name scripts by their hash
	blocked     bool             // the socket is full
	inputEnds   bool             // Redis sends nothing more: what has come is read to the end
	counts      [2]int           // subscriptions, as Redis counts: channels with patterns, shard channels
	heartbeat   heartbeat
	mark        mark
	ended       chan<- error
}

// beginSession begins a session. ended gets the cause of its end.
func beginSession(c *Connection, d *established, ended chan<- error) {
	s := &session{connection: c, ended: ended}
	var err error
	if s.socket, err = c.loop.Register(d.fd, s); err != nil {
		_ = syscall.Close(d.fd)
		ended <- err
		return
	}
	if c.backlog.closed {
		s.socket.Close()
		ended <- net.ErrClosed
		return
	}
	c.made.Add(1)
	c.backlog.session = s
	c.outage.noteConnected(c, d.master)
	s.heartbeat.begin(s, d)
	s.mark.session, s.mark.record = s, &c.record
	s.mark.askClientID()
	s.catchUp(d.login)
	c.prober.subscribe(c)
	c.bus.begin(s, d)
	c.owner.Connected()
}

// push queues a command that was encoded.
func (s *session) push(m command) {
	s.fenced = false
	s.pending.push(m)
	if len(s.wire) >= eager {
		s.flush()
	}
}

// send sends a command of the session's own, which ends with it.
func (s *session) send(a Answer, args ...any) {
	before := len(s.wire)
	list := toArgs(args)
	s.wire = resp.AppendArray(s.wire, len(list))
	for _, arg := range list {
		s.wire = resp.AppendBulk(s.wire, arg)
	}
	s.push(command{answer: a, wire: len(s.wire) - before})
}

// sendSubscription sends a SUBSCRIBE or UNSUBSCRIBE of one of the kinds.
func (s *session) sendSubscription(m command) {
	s.seal(&s.connection.backlog)
	word := m.kind.Unsubscribe()
	if m.verb == subscribe {
		word = m.kind.Subscribe()
	}
	before := len(s.wire)
	s.wire = resp.AppendBulkString(resp.AppendArray(s.wire, 1+len(m.details.names)), word)
	for _, n := range m.details.names {
		s.wire = resp.AppendBulkString(s.wire, n)
	}
	if m.verb == unsubscribe && m.kind == resp.SMessage && s.connection.opts.Revoked != nil {
		m.verb = leave
		s.wire = append(s.wire, ping...)
	}
	m.wire = len(s.wire) - before
	s.subscribing += m.wire
	s.push(m)
}

// pop takes off the first command, which is answered.
func (s *session) pop() command {
	m := s.pending.pop()
	if m.verb == subscribe || m.verb == unsubscribe || m.verb == leave {
		s.subscribing -= m.wire
		s.connection.giveRoom()
	}
	return m
}

const ping = "*1\r\n$4\r\nPING\r\n"

// fence sends a PING, or has done wait for the last one if nothing was queued behind it.
func (s *session) fence(done func(lost bool)) {
	if s.fenced && s.open == nil {
		last := s.list.last()
		last.details.fences = append(last.details.fences, done)
		return
	}
	s.seal(&s.connection.backlog)
	s.wire = append(s.wire, ping...)
	s.push(command{verb: fence, details: &details{fences: []func(bool){done}}, wire: len(ping)})
	s.fenced = true
}

// due is the deadline of the first command that has one; zero: none has. Commands that had waited for this
// session have half the time for a publish since it was restored, or more.
func (s *session) due() time.Time {
	for i := range s.list.count {
		if m := s.list.at(i); !m.deadline.IsZero() {
			return later(m.deadline, s.restoredAt.Add(s.connection.opts.PublishTimeout/2))
		}
	}
	return time.Time{}
}

// Ready is loop.Handler.
func (s *session) Ready(e loop.Events) {
	if e&loop.Writable != 0 && s.blocked && s.writeErr == nil {
		s.blocked = false
		s.socket.AwaitWritable(false)
		s.flush()
	}
	s.inputEnds = s.inputEnds || e&loop.Ended != 0
	if e&loop.Readable != 0 && s.connection.backlog.session == s {
		s.read()
	}
}

// flush writes commands, as far as the socket takes them.
func (s *session) flush() {
	s.seal(&s.connection.backlog)
	for len(s.wire) > 0 && !s.blocked {
		s.fenced = false
		n, err := nonblock.Write(uintptr(s.socket.FD()), s.wire) //nolint:gosec // it is open
		switch {
		case err == nil:
			s.wrote(n)
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			s.blocked = true
			s.socket.AwaitWritable(true)
		default: // Redis may have answered before
			s.blocked, s.writeErr = true, os.NewSyscallError("write", err)
			s.socket.Again()
		}
	}
}

// wrote takes n bytes off the encoded commands.
func (s *session) wrote(n int) {
	switch {
	case n < len(s.wire):
		s.wire = s.wire[n:]
	case cap(s.wire) > maxSpare:
		s.wire = nil
	default:
		s.wire = s.wire[:0]
	}
}

// read takes the frames that have come, up to a burst of bytes.
func (s *session) read() {
	for taken := 0; !s.paused; {
		if s.in.Delivered >= burst || taken >= burst {
			s.socket.Again()
			return
		}
		room := s.in.Room()
		n, err := nonblock.Read(uintptr(s.socket.FD()), room) //nolint:gosec // it is open
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			if s.writeErr != nil {
				s.end(s.writeErr)
			}
			return
		case err != nil:
			s.end(os.NewSyscallError("read", err))
			return
		case n == 0:
			s.end(io.EOF)
			return
		}
		s.heartbeat.lastRead = s.connection.loop.Now()
		s.in.Grow(n)
		taken += n
		if err := s.takeFrames(); err != nil {
			s.end(fmt.Errorf("read from Redis: %w", err))
		}
		allRead := n < len(room) && !s.inputEnds && s.writeErr == nil // epoll(7): of a stream
		if allRead || s.connection.backlog.session != s {
			return
		}
	}
}

// endIfIdle ends the session of a stopped Connection when all commands are answered.
func (s *session) endIfIdle() {
	if s.connection.backlog.closed && s.list.count == 0 {
		s.end(net.ErrClosed)
	}
}

// end ends the session. Only the first cause counts. Commands of which no byte was sent wait for the next
// session; the others are answered.
func (s *session) end(cause error) {
	c, b := s.connection, &s.connection.backlog
	if b.session != s {
		return
	}
	s.seal(b)
	b.session = nil
	c.giveRoom()
	s.heartbeat.stop()
	s.socket.Close()
	unsent, rest := s.unsent()
	b.takeBack(unsent)
	c.outage.lost(c, s, cause)
	c.bus.end()
	for s.list.count > 0 {
		m := s.list.pop()
		if !c.record.keepLost(s, &m, cause) {
			b.abandon(&m, cause)
		}
	}
	for i := range rest {
		b.abandon(&rest[i], cause)
	}
	if b.closed {
		c.refuseWaiting()
	}
	b.expiry.Stop() // it may be set for a command that was sent
	b.expire()
	s.ended <- cause
}

// abandon answers a command that was lost with its session.
func (b *backlog) abandon(m *command, cause error) {
	switch m.verb {
	case fence:
		m.details.passFence(true)
	case subscribe, unsubscribe, leave:
		m.details.done(true, nil)
	default:
		b.fail(m, fmt.Errorf("%w (%w)", ErrUnknown, plain(cause)))
	}
}
