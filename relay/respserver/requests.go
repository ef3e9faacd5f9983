package respserver

// The input of one connection.

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"redis-relay/relay/nonblock"
	"redis-relay/relay/resp"
)

const (
	uncounted = 20 << 10 // bytes of commands that may wait without being counted: the buffer of any
	maxUnread = 4 << 10  // bytes left in the socket; whoever sends more does not wait for each reply
)

// requests is what a client has sent and what of it is not carried out.
type requests struct {
	in       resp.Commands
	reader   peekReader
	counted  int  // bytes of commands that are not carried out, as counted
	lastRead int  // bytes that were read last: whoever sends many does not wait for each reply
	ended    bool // the client sends nothing more
}

// read reads once, and returns how many bytes, and whether there may be more now. leave lets requests stay
// in the socket until they are answered. At the end the error is io.EOF.
func (r *requests) read(fd int, leave bool) (n int, more bool, err error) {
	for {
		space := r.in.Space()
		n, err = r.reader.read(fd, space, leave && r.lastRead <= maxUnread)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return 0, false, nil
		case err != nil:
			return 0, false, os.NewSyscallError("read", err)
		case n == 0:
			return 0, false, io.EOF
		}
		r.lastRead = n
		r.in.Wrote(n)
		if r.reader.peeked > maxUnread {
			r.reader.consume(fd)
		}
		return n, n == len(space) || r.ended, nil // epoll(7): less than was asked for is all there is
	}
}

// pause is called when nothing more can be read for now. A command that is not whole does not stay in the
// socket: its rest might not fit in beside it.
func (r *requests) pause(fd int) {
	if r.in.Buffered() > 0 {
		r.reader.consume(fd)
	}
	r.in.Release()
}

// answered takes requests out of the socket that were left there.
func (r *requests) consumePeeked(fd int) {
	if r.reader.peeked > 0 {
		r.reader.consume(fd)
	}
}

// close makes ready for the end: a socket closed with bytes in it breaks the connection off.
func (r *requests) drain(fd int) {
	r.reader.consume(fd)
	var b [maxUnread]byte
	for first := true; ; first = false {
		n, err := nonblock.Read(uintptr(fd), b[:]) //nolint:gosec // it is open
		if n == 0 || err != nil && !errors.Is(err, syscall.EINTR) {
			return
		}
		if first {
			_ = unix.Shutdown(fd, unix.SHUT_RD) // nothing more comes
		}
	}
}

// hungUp tells whether the client has closed its connection: it is not there to read an
// answer. One that has only said its last command, and reads on, has not.
func (r *requests) hungUp(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd)}} //nolint:gosec // descriptors are small
	_, err := unix.Poll(p, 0)
	return err == nil && p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
}
