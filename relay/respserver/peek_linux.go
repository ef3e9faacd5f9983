package respserver

// Requests that stay in the socket until they are answered.

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"redis-relay/relay/nonblock"
)

// unread reads requests without taking them out of the socket (SO_PEEK_OFF,
// socket(7)); take does that, once they are answered. For when a request is taken
// out, the kernel wakes its sender, who might want to write more (unix_write_space
// in net/unix/af_unix.c). A sender that waits for the reply in a read(2) wakes for
// nothing, goes back to sleep, and wakes again for the reply. Taken out behind the
// reply, the request wakes nobody.
type peekReader struct {
	peeked int  // read, and still in the socket
	tried  bool // SO_PEEK_OFF was set, or refused
	peeks  bool // it was set
}

// read is read(2), but for leave, which lets the bytes stay in the socket.
func (u *peekReader) read(fd int, b []byte, leave bool) (int, error) {
	if leave && !u.tried {
		u.tried = true
		u.peeks = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PEEK_OFF, 0) == nil
	}
	if !leave || !u.peeks {
		u.consume(fd)
		return nonblock.Read(uintptr(fd), b) //nolint:gosec // it is open
	}
	n, err := nonblock.Peek(uintptr(fd), b) //nolint:gosec // it is open
	u.peeked += max(n, 0)
	return n, err
}

// take takes out of the socket what was read: all of it has been when take
// returns.
func (u *peekReader) consume(fd int) {
	var b [maxPeeked]byte
	for u.peeked > 0 {
		n, err := nonblock.Read(uintptr(fd), b[:min(u.peeked, maxPeeked)]) //nolint:gosec // it is open
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil || n == 0:
			u.peeked = 0 // the connection is lost, and its bytes with it
		default:
			u.peeked -= n
		}
	}
}
