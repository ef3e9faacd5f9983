package order_test

// A connection that never reads ahead of what it is asked for, and knows whether the server has taken what
// was written.

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"redis-relay/relay/redistest"
)

const (
	patience  = 20 * time.Second      // how long a peer waits for anything
	endOfRead = 50 * time.Microsecond // what remains of a read when the bytes are taken
)

// peer is one connection. It belongs to the test's goroutine.
type peer struct {
	fd      int
	buf     []byte
	decoder decoder
	frames  []frame
	replies int  // frames that are no messages
	over    bool // the server has ended the connection
	woken   bool // it has been in XREAD since it last wrote
}

func dial(socket string) (*peer, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: socket}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("connect to %s: %w", socket, err)
	}
	return &peer{fd: fd}, nil
}

func (p *peer) close() {
	if p.fd >= 0 {
		_ = unix.Close(p.fd)
	}
	p.fd = -1
}

// write is one write. That the server has ended the connection is seen by reading.
func (p *peer) write(b []byte) error {
	n, err := unix.SendmsgN(p.fd, b, nil, nil, unix.MSG_NOSIGNAL)
	switch {
	case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ECONNRESET):
		return nil
	case err == nil && n < len(b):
		return fmt.Errorf("wrote %d of %d bytes", n, len(b))
	}
	return err
}

func (p *peer) send(c command) error { return p.write(redistest.AppendCommand(nil, c...)) }

// taken says whether the server has taken all that was written.
func (p *peer) taken() bool {
	n, err := unix.IoctlGetInt(p.fd, unix.SIOCOUTQ)
	return err != nil || n == 0
}

// clear waits until the server has answered all, or has taken all and is done with the read in which it
// did, as readOver sees to: a read goes on in the kernel for a moment, and would take what is written in
// that moment, too.
func (p *peer) clear(replies int, readOver func() error) error {
	p.read(0)
	for end := time.Now().Add(patience); !p.over && p.replies < replies; p.read(0) {
		if p.taken() {
			return readOver()
		}
		if time.Now().After(end) {
			return fmt.Errorf("not taken within %v", patience)
		}
		runtime.Gosched()
	}
	return nil
}

// spin waits for the end of a read that a server is in which has nobody else to ask.
func spin() error {
	for begin := time.Now(); time.Since(begin) < endOfRead; {
		runtime.Gosched()
	}
	return nil
}

// await reads until done.
func (p *peer) await(what string, done func() bool) error {
	for end := time.Now().Add(patience); !done(); {
		if p.over {
			return fmt.Errorf("the connection has ended before %s", what)
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s within %v: %w", what, patience, os.ErrDeadlineExceeded)
		}
		p.read(100 * time.Millisecond)
	}
	return nil
}

// has says whether a frame with a text has come.
func (p *peer) has(text string) func() bool {
	return func() bool {
		for _, f := range p.frames {
			if f.text == text {
				return true
			}
		}
		return false
	}
}

// read takes what is there, for which it waits at most so long.
func (p *peer) read(wait time.Duration) {
	if p.over {
		return
	}
	if wait > 0 {
		poll := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
		_, _ = unix.Poll(poll, int(wait.Milliseconds())) // where it is interrupted, the caller asks again
	}
	space := make([]byte, 16<<10)
	n, _, err := unix.Recvfrom(p.fd, space, unix.MSG_DONTWAIT)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return
	case err != nil || n == 0:
		p.over = true
		p.keep(frame{text: theEnd, confirms: true})
		return
	}
	p.buf = append(p.buf, space[:n]...)
	for {
		v, size := parse(p.buf)
		if size == 0 {
			return
		}
		p.buf = p.buf[size:]
		p.keep(p.decoder.frame(v))
	}
}

func (p *peer) keep(f frame) {
	p.frames = append(p.frames, f)
	if !f.message {
		p.replies++
	}
}
