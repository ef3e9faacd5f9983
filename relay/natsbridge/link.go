package natsbridge

// The connection over which a server and the bridge talk, be the server ours or a
// cluster's: the leaf node protocol of NATS, as a leaf speaks it.

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

// These are never changed: an Outbox keeps what it is given.
var pingLine, pongLine = []byte("PING\r\n"), []byte("PONG\r\n")

var errBroken = errors.New("the connection cannot be written to")

// peer hears what comes over a link. The loop calls it.
type peer interface {
	subscribed(arg string)
	unsubscribed(arg string)
	// requested reports false when the message has to wait. It has paused the link, then, and is called
	// with the same message again when that goes on.
	requested(m *request) (taken bool)
	// problem is an -ERR. If it returns an error, the link ends.
	problem(text string) error
	// written says that nothing of what the link was given waits any more.
	written()
}

// link is one connection to a server, behind the handshake. Everything but ended, hangUp and wait belongs
// to the loop.
type link struct {
	// Fixed after construction.
	loop    *loop.Loop
	socket  *loop.Descriptor
	out     *hub.Outbox
	peer    peer
	secured net.Conn       // for which socket stands; nil: socket is the connection itself
	copiers sync.WaitGroup // between secured and socket
	ended   chan struct{}  // closed when the link is over; err does not change any more

	in     input
	pings  []*ping // in the order in which they were sent
	paused bool    // nothing is read, nor carried out
	over   bool
	err    error // why it is over
}

// newLink makes a link of a connection that has made the handshake, and of what has come behind that.
// Call it in the loop, or before Run. conn is the link's from then on, also with an error.
func newLink(
	l *loop.Loop, conn net.Conn, rest []byte, bounds *hub.Bounds, flusher *hub.Flusher, p peer,
) (*link, error) {
	k := &link{loop: l, peer: p, ended: make(chan struct{})}
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

func (l *link) wrote(b []byte) {
	for len(b) > 0 {
		n := copy(l.in.space(), b)
		l.in.wrote(n)
		b = b[n:]
	}
}

// Ready is loop.Handler.
func (l *link) Ready(e loop.Events) {
	if e&loop.Writable != 0 {
		l.out.Writable()
	}
	if e&loop.Readable != 0 {
		l.read()
	}
}

// flushed hears that something may have been written.
func (l *link) flushed() {
	switch {
	case l.out.Closed():
		l.end(errBroken)
	case l.out.Queued() == 0:
		l.peer.written()
	}
}

// read carries out what has come, up to maxRead bytes of it.
func (l *link) read() {
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

// take carries out what is whole.
func (l *link) take() error {
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
func (l *link) line(verb, rest []byte) error {
	switch string(verb) {
	case "LS+":
		l.peer.subscribed(string(rest))
	case "LS-":
		l.peer.unsubscribed(string(rest))
	case "PING":
		l.out.Append(pongLine) // when too much waits, the server will ask again
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

// pause has nothing more read or carried out before resume.
func (l *link) pause() { l.paused = true }

// resume goes on in the next turn.
func (l *link) resume() {
	if l.paused {
		l.paused = false
		l.socket.Again()
	}
}

// ping is a PING that somebody waits for.
type ping struct {
	timer *loop.Timer
	done  func(answered bool) // nil: it was called
}

// ping calls done when the server has dealt with all that was given to out before, and we with all that
// it had sent by then; or with false when that has not happened in time, or the link is over.
func (l *link) ping(timeout time.Duration, done func(answered bool)) {
	if l.over {
		done(false)
		return
	}
	p := &ping{done: done}
	p.timer = l.loop.AfterFunc(timeout, func() { p.answer(false) })
	if l.out.Append(pingLine) { // else too much waits, and the time runs out
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

// end ends the link, and says why. It may be called again.
func (l *link) end(err error) {
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

// hangUp ends the connection that the socket stands for. It may be called from anywhere.
func (l *link) hangUp() {
	if below, ok := l.secured.(interface{ NetConn() net.Conn }); ok {
		_ = below.NetConn().Close() // not its own: that would wait to say goodbye
	}
}
