//go:build linux

// A mob: very many clients that come at once.

package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// perMob is the most clients of one process, which has a limit of descriptors.
const perMob = 5000

// mob is a process whose clients come, listen to one channel, and leave.
type mob struct {
	socket  string
	channel string
	clients int
	buf     []byte
}

func newMob(s setup) (*mob, error) {
	return &mob{s.Connect, s.Channel, s.Parallel, make([]byte, readSize)}, nil
}

// serve has all clients connect and subscribe, none waiting for another's confirmation, and leave when all are
// confirmed. It does so once.
func (m *mob) serve(order) (outcome, error) {
	start := time.Now()
	var fds []int
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd) // it is gone either way
		}
	}()
	hello := command("SUBSCRIBE", m.channel)
	for range m.clients {
		fd, err := dial(m.socket)
		if err != nil {
			return outcome{}, err
		}
		fds = append(fds, fd)
		if err := write(fd, hello); err != nil {
			return outcome{}, err
		}
	}
	for _, fd := range fds {
		if err := lines(fd, confirmation, m.buf); err != nil {
			return outcome{}, err
		}
	}
	return outcome{Count: 1, Elapsed: time.Since(start)}, nil
}
