//go:build linux

// What the relay is compared with beside redis-server: what the kernel allows,
// and the least that an extra process costs.

package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// piece is how much the floor writes to a socket at once, in bytes.
const piece = 64 << 10

// audience is a Unix listener and the connections it has accepted.
type audience struct {
	listener int
	fds      []int
}

func listen(path string) (*audience, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, fmt.Errorf("bind %s: %w", path, err)
	}
	if err := unix.Listen(fd, spreadChannels); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return &audience{listener: fd}, nil
}

func (a *audience) accept(n int) error {
	for range n {
		fd, _, err := unix.Accept4(a.listener, unix.SOCK_CLOEXEC)
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		a.fds = append(a.fds, fd)
	}
	return nil
}

// write sends the same bytes to everybody.
func (a *audience) write(b []byte) error {
	for _, fd := range a.fds {
		if err := write(fd, b); err != nil {
			return err
		}
	}
	return nil
}

// floor writes messages that nobody has published.
type floor struct{ audience *audience }

func newFloor(s setup) (*floor, error) {
	a, err := listen(s.Listen)
	return &floor{a}, err
}

func (f *floor) serve(o order) (outcome, error) {
	switch {
	case o.Accept > 0:
		return outcome{}, f.audience.accept(o.Accept)
	case o.Flood != nil:
		round := stamped(o.Flood.perRound(), func(int) []byte {
			return frame(channel(o.Flood.Prefix, 0), payload(o.Flood.Payload))
		})
		return o.Flood.send(func() error {
			for b := round; len(b) > 0; b = b[min(piece, len(b)):] {
				if err := f.audience.write(b[:min(piece, len(b))]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return outcome{}, errOrder
}

// hop copies what one subscription to redis-server brings.
type hop struct {
	audience *audience
	redis    int
	buf      []byte
}

func newHop(s setup) (*hop, error) {
	h := &hop{buf: make([]byte, readSize)}
	var err error
	if h.audience, err = listen(s.Listen); err != nil {
		return nil, err
	}
	if h.redis, err = dial(s.Connect); err != nil {
		return nil, err
	}
	return h, subscribe(h.redis, []string{s.Channel}, h.buf)
}

func (h *hop) serve(o order) (outcome, error) {
	if o.Accept == 0 {
		return outcome{}, errOrder
	}
	if err := h.audience.accept(o.Accept); err != nil {
		return outcome{}, err
	}
	go h.copy()
	return outcome{}, nil
}

func (h *hop) copy() {
	for {
		n, err := read(h.redis, h.buf)
		if err == nil {
			err = h.audience.write(h.buf[:n])
		}
		if err != nil {
			fatal(fmt.Errorf("hop: %w", err))
		}
	}
}
