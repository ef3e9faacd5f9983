package upstream

// One life: a connection that stands, what was sent over it, and what comes.

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
)

const maxSpare = 1 << 20 // bytes of an empty output buffer that is kept

var (
	errUnasked   = errors.New("Redis answered what was not asked")
	errOutOfStep = errors.New("Redis confirmed something else than was asked")
	errNoPing    = errors.New("Redis does not allow PING, by which the relay knows that the connection lives; " +
		"allow +ping to this user")
)

type life struct {
	pending // sent and not answered; wire is what of it the socket has not taken yet

	connection *Connection
	socket     *loop.Descriptor
	in         input
	restored   bool             // the owner has subscribed to all that it wants
	began      time.Time        // when it had
	broken     error            // why nothing can be written any more; what has come is still read
	paused     bool             // nothing is read: see Connection.Pause
	fenced     bool             // the last command is a fence that is not sent yet
	brought    map[*Script]bool // by Eval
	noSHA      bool             // this connection may not name scripts by their hash
	blocked    bool             // the socket is full
	held       bool             // the probe's channel is subscribed
	counts     [2]int           // subscriptions, as Redis counts: channels with patterns, shard channels
	watcher    watcher
	mark       mark
	ended      chan<- error
	last       bool // Redis sends nothing more: what is there is read to the end
}

// begin takes a connection over that stands.
func (c *Connection) begin(d *dialled, ended chan<- error) {
	k := &life{connection: c, ended: ended}
	var err error
	if k.socket, err = c.loop.Register(d.fd, k); err != nil {
		_ = syscall.Close(d.fd)
		ended <- err
		return
	}
	if c.stopped {
		k.socket.Close()
		ended <- net.ErrClosed
		return
	}
	c.lives.Add(1)
	c.life = k
	c.outage.on(c, d.master)
	k.watcher.begin(k, d.began)
	k.mark.life = k
	k.mark.introduce()
	c.subscribeProbe()
	c.owner.Connected()
}

// eager is how many bytes do not wait for the end of the turn: Redis works on them meanwhile.
const eager = 16 << 10

// push queues a command that was encoded.
func (k *life) push(m command) {
	k.fenced = false
	k.pending.push(m)
	if len(k.wire) >= eager {
		k.flush()
	}
}

// due is when the first command must be answered that has a time for it; zero: none has. What had waited
// for this connection has half the time for a publish since then, or more.
func (k *life) due() time.Time {
	for i := range k.list.count {
		if m := k.list.at(i); !m.deadline.IsZero() {
			return later(m.deadline, k.began.Add(k.connection.opts.PublishTimeout/2))
		}
	}
	return time.Time{}
}

// Ready is loop.Handler.
func (k *life) Ready(e loop.Events) {
	if e&loop.Writable != 0 && k.blocked && k.broken == nil {
		k.blocked = false
		k.socket.AwaitWritable(false)
		k.flush()
	}
	k.last = k.last || e&loop.Ended != 0
	if e&loop.Readable != 0 && k.connection.life == k {
		k.read()
	}
}

// flush writes what waits, as far as the socket takes it.
func (k *life) flush() {
	k.seal(k.connection)
	for len(k.wire) > 0 && !k.blocked {
		k.fenced = false
		n, err := nonblock.Write(uintptr(k.socket.FD()), k.wire) //nolint:gosec // it is open
		switch {
		case err == nil:
			k.wrote(n)
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			k.blocked = true
			k.socket.AwaitWritable(true)
		default: // Redis may have answered before
			k.blocked, k.broken = true, os.NewSyscallError("write", err)
			k.socket.Again()
		}
	}
}

func (k *life) wrote(n int) {
	switch {
	case n < len(k.wire):
		k.wire = k.wire[n:]
	case cap(k.wire) > maxSpare:
		k.wire = nil
	default:
		k.wire = k.wire[:0]
	}
}

// read takes what has come, up to a burst of messages, or of confirmations and replies.
func (k *life) read() {
	for taken := 0; !k.paused; {
		if k.in.handed >= burst || taken >= burst {
			k.socket.Again()
			return
		}
		room := k.in.room()
		n, err := nonblock.Read(uintptr(k.socket.FD()), room) //nolint:gosec // it is open
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			if k.broken != nil {
				k.end(k.broken)
			}
			return
		case err != nil:
			k.end(os.NewSyscallError("read", err))
			return
		case n == 0:
			k.end(io.EOF)
			return
		}
		k.watcher.heard = k.connection.loop.Now()
		k.in.wrote(n)
		taken += n
		if err := k.take(); err != nil {
			k.end(fmt.Errorf("read from Redis: %w", err))
		}
		if k.connection.life != k || n < len(room) && !k.last && k.broken == nil { // epoll(7): that was all there is
			return
		}
	}
}

// rest ends a connection that is to end when nothing is left to do.
func (k *life) rest() {
	if k.connection.stopped && k.list.count == 0 {
		k.end(net.ErrClosed)
	}
}

// end ends the life. Only the first cause counts.
func (k *life) end(cause error) {
	c := k.connection
	if c.life != k {
		return
	}
	k.seal(c)
	c.life = nil
	k.watcher.stop()
	k.socket.Close()
	later, rest := k.unsent()
	later.wire = append(later.wire, c.waiting.wire...)
	for c.waiting.list.count > 0 {
		later.push(c.waiting.list.pop())
	}
	later.open = c.waiting.open
	c.waiting = later
	c.lost(k, cause)
	for k.list.count > 0 {
		m := k.list.pop()
		if !c.record.doubted(k, &m, cause) {
			c.abandon(&m, cause)
		}
	}
	for i := range rest {
		c.abandon(&rest[i], cause)
	}
	if c.stopped {
		c.refuseWaiting()
	}
	c.expiry.Stop() // it may be set for what was sent
	c.expire()
	k.ended <- cause
}

// abandon tells that a command was lost with its connection.
func (c *Connection) abandon(m *command, cause error) {
	switch m.verb {
	case fence:
		m.ask.passed(true)
	case subscribe, unsubscribe:
		m.ask.done(true, nil)
	default:
		c.settle(m, fmt.Errorf("%w (%w)", ErrUnknown, plain(cause)))
	}
}
