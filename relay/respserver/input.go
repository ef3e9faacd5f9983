package respserver

// What a client has sent: from the socket to whole commands.

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"redis-relay/relay/nonblock"
	"redis-relay/relay/resp"
)

const (
	uncounted = 20 << 10 // bytes of commands that may wait without being counted: every connection has such a buffer
	maxPeeked = 4 << 10  // bytes left in the socket; a client that sends more does not wait for each reply
)

// input is what a client has sent and the server has not carried out.
type input struct {
	commands resp.Commands
	reader   peekReader
	lastRead int       // bytes of the last read
	ended    bool      // the client sends nothing more
	lastUsed time.Time // when bytes came last

	// Since when a command is not complete, or the first one has not come, by Server.clock; 0: no command is
	// awaited.
	incompleteSince int64
}

// read reads once. It returns how many bytes, and whether there may be more now. peek lets the bytes stay in the
// socket until they are answered. At the end the error is io.EOF.
func (i *input) read(fd int, peek bool) (n int, more bool, err error) {
	for {
		space := i.commands.Space()
		n, err = i.reader.read(fd, space, peek && i.lastRead <= maxPeeked)
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
		i.lastRead = n
		i.commands.Wrote(n)
		if i.reader.peeked > maxPeeked {
			i.reader.consume(fd)
		}
		return n, n == len(space) || i.ended, nil // epoll(7): a short read has emptied the socket
	}
}

// idle is called when nothing more can be read for now. An incomplete command does not stay in the socket: its rest
// might not fit in beside it.
func (i *input) idle(fd int) {
	if i.commands.Buffered() > 0 {
		i.reader.consume(fd)
	}
	i.commands.Release()
}

// consumePeeked takes the bytes out of the socket that were left there.
func (i *input) consumePeeked(fd int) {
	if i.reader.peeked > 0 {
		i.reader.consume(fd)
	}
}

// isLate reports whether a command, or the rest of one, has been awaited since before a time, by Server.clock.
func (i *input) isLate(before int64) bool {
	return i.incompleteSince != 0 && i.incompleteSince < before
}

// memory returns the bytes of memory that commands take which were not carried out, as far as they are counted.
func (i *input) memory() int {
	if held := i.commands.Held(); held > uncounted {
		return held
	}
	return 0
}

// drain empties the socket before it is closed: closing a socket with bytes in it resets the connection.
func (i *input) drain(fd int) {
	i.reader.consume(fd)
	var b [maxPeeked]byte
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

// hungUp tells whether the client has closed its connection and reads no answer. A client that has only shut down
// its sending side has not.
func hungUp(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd)}} //nolint:gosec // descriptors are small
	_, err := unix.Poll(p, 0)
	return err == nil && p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
}
