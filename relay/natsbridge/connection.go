package natsbridge

// The connection between the bridge and a server, ours or a cluster's: the leaf node protocol of NATS, as a leaf
// speaks it.

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/nonblock"
)

// maxRead is how many bytes are read before others have their turn.
const maxRead = 64 << 10

// These are never changed: an Outbox keeps the slices that it is given.
var pingLine, pongLine = []byte("PING\r\n"), []byte("PONG\r\n")

var errBroken = errors.New("the connection cannot be written to")

// peer handles what a server sends. The loop calls it.
type peer interface {
	subscribed(arg string)
	unsubscribed(arg string)
	// requested returns false if the message has to wait. Then it has paused the connection, and is called with the
	// same message again after resume.
	requested(m *request) (taken bool)
	// problem handles an -ERR. If it returns an error, the connection ends.
	problem(text string) error
	// written reports that all output has been written.
	written()
}

// connection is one connection to a server, after the handshake. It belongs to the loop, except ended and hangUp.
type connection struct {
	// Fixed after construction.
	loop    *loop.Loop
	socket  *loop.Descriptor
	out     *hub.Outbox
	peer    peer
	secured net.Conn       // the TLS connection behind socket; nil: socket is the connection itself
	copiers sync.WaitGroup // between secured and socket
	ended   chan struct{}  // closed when the connection is over; err does not change any more

	in     input
	pings  []*ping // in the order in which they were sent
	paused bool    // nothing is read or carried out
	over   bool    // the connection has ended
	err    error   // why it has ended
}

// newConnection takes over a connection after its handshake; rest are the bytes that came after it. Call it in the
// loop, or before Run. conn belongs to the connection from then on, even if there is an error.
func newConnection(
	l *loop.Loop, conn net.Conn, rest []byte, bounds *hub.Bounds, flusher *hub.Flusher, p peer,
) (*connection, error) {
	k := &connection{loop: l, peer: p, ended: make(chan struct{})}
	k.wrote(rest)
	fd, err := loop.Adopt(conn, &k.copiers)
	if _, direct := conn.(syscall.Conn); direct || err != nil {
		_ = conn.Close() // the descriptor is a duplicate
	} else {
		k.secured = conn
	}
	if err != nil {
		return nil, err
	}
	if k.socket, err = l.Register(fd, k); err != nil {
		_ = syscall.Close(fd) // nothing is left to lose
		k.hangUp()
		return nil, err
	}
	k.out = hub.NewOutbox(k.socket, bounds, flusher, func(hub.Reason) {}, k.flushed)
	k.socket.Again() // for rest
	return k, nil
}

func (l *connection) wrote(b []byte) {
	for len(b) > 0 {
		n := copy(l.in.space(), b)
		l.in.wrote(n)
		b = b[n:]
	}
}

// Ready is loop.Handler.
func (l *connection) Ready(e loop.Events) {
	if e&loop.Writable != 0 {
		l.out.Writable()
	}
	if e&loop.Readable != 0 {
		l.read()
	}
}

// flushed is called when output may have been written.
func (l *connection) flushed() {
	switch {
	case l.out.Closed():
		l.end(errBroken)
	case l.out.Queued() == 0:
		l.peer.written()
	}
}

// read reads up to maxRead bytes and carries out what is complete.
func (l *connection) read() {
	for left := maxRead; ; {
		if err := l.take(); err != nil {
			l.end(err)
		}
		if l.paused || l.over {
			return
		}
		if left <= 0 {
			l.socket.Again()
			return
		}
		space := l.in.space()
		n, err := nonblock.Read(uintptr(l.socket.FD()), space[:min(left, len(space))]) //nolint:gosec // it is open
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return
		case err != nil:
			l.end(os.NewSyscallError("read", err))
		case n == 0:
			l.end(io.EOF)
		default:
			l.in.wrote(n)
			left -= n
		}
	}
}

// take carries out the items that are complete.
func (l *connection) take() error {
	for !l.paused && !l.over {
		it, n, err := l.in.next()
		if err != nil || n == 0 {
			return err
		}
		if it.isMessage {
			if !l.peer.requested(&it.request) {
				return nil
			}
		} else if err := l.line(it.verb, it.rest); err != nil {
			return err
		}
		l.in.skip(n)
	}
	return nil
}

// line carries out anything but a message.
func (l *connection) line(verb, rest []byte) error {
	switch string(verb) {
	case "LS+":
		l.peer.subscribed(string(rest))
	case "LS-":
		l.peer.unsubscribed(string(rest))
	case "PING":
		l.out.Append(pongLine) // if there is no room, the server will ask again
	case "PONG":
		if len(l.pings) > 0 {
			p := l.pings[0]
			l.pings = l.pings[1:]
			p.answer(true)
		}
	case "-ERR":
		return l.peer.problem(string(rest))
	case "INFO", "+OK":
	default:
		return fmt.Errorf("%w: %.200q", errProtocol, string(verb)+" "+string(rest))
	}
	return nil
}

// pause stops reading and carrying out until resume.
func (l *connection) pause() { l.paused = true }

// resume ends a pause, in the next turn.
func (l *connection) resume() {
	if l.paused {
		l.paused = false
		l.socket.Again()
	}
}

// ping is a PING whose answer is pending.
type ping struct {
	timer *loop.Timer
	done  func(answered bool) // nil: already called
}

// ping calls done(true) once the server has processed all earlier output, and the bridge has processed all that the
// server had sent by then. It calls done(false) if that takes longer than timeout, or the connection has ended.
func (l *connection) ping(timeout time.Duration, done func(answered bool)) {
	if l.over {
		done(false)
		return
	}
	p := &ping{done: done}
	p.timer = l.loop.AfterFunc(timeout, func() { p.answer(false) })
	if l.out.Append(pingLine) { // if there is no room, the timeout answers
		l.pings = append(l.pings, p)
	}
}

func (p *ping) answer(answered bool) {
	if done := p.done; done != nil {
		p.done = nil
		p.timer.Stop()
		done(answered)
	}
}

// end ends the connection because of err. Further calls do nothing.
func (l *connection) end(err error) {
	if l.over {
		return
	}
	l.over, l.err = true, err
	l.out.Close()
	l.hangUp()
	pings := l.pings
	l.pings = nil
	close(l.ended)
	for _, p := range pings {
		p.answer(false)
	}
}

// hangUp closes the TLS connection behind the socket. It may be called from anywhere.
func (l *connection) hangUp() {
	if below, ok := l.secured.(interface{ NetConn() net.Conn }); ok {
		_ = below.NetConn().Close() // the TLS connection's own Close would wait to send a close notification
	}
}
