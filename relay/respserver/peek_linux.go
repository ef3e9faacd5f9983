package respserver

// Reading requests that stay in the socket until they are answered.

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"redis-relay/relay/nonblock"
)

// peekReader reads requests without taking them out of the socket (SO_PEEK_OFF, socket(7)). consume takes them out,
// once they are answered. The reason: when a request is taken out, the kernel wakes its sender, which might want to
// write more (unix_write_space in net/unix/af_unix.c). A sender that waits for the reply in read(2) wakes for nothing,
// sleeps again, and wakes a second time for the reply. If the request is taken out after the reply, the sender wakes
// once.
type peekReader struct {
	peeked int  // bytes that were read and are still in the socket
	tried  bool // SO_PEEK_OFF was tried
	peeks  bool // SO_PEEK_OFF is set
}

// read is read(2). leave lets the bytes stay in the socket, if the system supports that.
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

// consume takes out of the socket all bytes that were read and are still there.
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
