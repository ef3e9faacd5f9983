package respserver

// Whether a client is still there.

import "golang.org/x/sys/unix"

// hungUp tells whether the client has closed its connection: it is not there to read an
// answer. One that has only said its last command, and reads on, has not.
func (c *session) hungUp() bool {
	gone := true // also if the connection is closed here
	_ = c.raw.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd)}} //nolint:gosec // descriptors are small
		_, err := unix.Poll(p, 0)
		gone = err == nil && p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
	return gone
}
