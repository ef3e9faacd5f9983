package respserver

// Requests that stay in the socket until they are answered.

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// unread reads requests without taking them out of the socket (SO_PEEK_OFF,
// socket(7)); take does that, once they are answered. For when a request is taken
// out, the kernel wakes its sender, who might want to write more (unix_write_space
// in net/unix/af_unix.c). A sender that waits for the reply in a read(2) wakes for
// nothing, goes back to sleep, and wakes again for the reply. Taken out behind the
// reply, the request wakes nobody.
type unread struct {
	bytes atomic.Int64 // read, and still in the socket
	mu    sync.Mutex   // held while they are taken out

	// Owned by the goroutine that reads.
	tried bool // SO_PEEK_OFF was set, or refused
	peeks bool // it was set
}

// read is read(2), but for leave, which lets the bytes stay in the socket.
func (u *unread) read(fd int, b []byte, leave bool) (int, error) {
	if leave && !u.tried {
		u.tried = true
		u.peeks = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PEEK_OFF, 0) == nil
	}
	if !leave || !u.peeks {
		u.take(fd)
		return syscall.Read(fd, b)
	}
	n, _, err := syscall.Recvfrom(fd, b, syscall.MSG_PEEK)
	if n > 0 && u.bytes.Add(int64(n)) > maxUnread {
		u.take(fd)
	}
	return n, err
}

// discards has memory for what is not looked at: on its stack each session would keep
// as much for ever.
var discards = sync.Pool{New: func() any { return new([maxUnread]byte) }}

// take takes out of the socket what was read: all of it has been when take
// returns. It may be called by any goroutine.
func (u *unread) take(fd int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := u.bytes.Swap(0)
	if n == 0 {
		return
	}
	b := discards.Get().(*[maxUnread]byte)
	defer discards.Put(b)
	for n > 0 {
		took, err := syscall.Read(fd, b[:min(n, maxUnread)])
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil || took == 0:
			return // the connection is lost, and its bytes with it
		default:
			n -= int64(took)
		}
	}
}
