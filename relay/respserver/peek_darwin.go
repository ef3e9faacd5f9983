package respserver

import "redis-relay/relay/nonblock"

// peekReader reads requests and takes them out of the socket at once: only Linux can let them stay.
type peekReader struct{ peeked int }

func (*peekReader) read(fd int, b []byte, _ bool) (int, error) {
	return nonblock.Read(uintptr(fd), b) //nolint:gosec // it is open
}

func (*peekReader) consume(int) {}
