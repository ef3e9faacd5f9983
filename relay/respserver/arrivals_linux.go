package respserver

import (
	"errors"

	"golang.org/x/sys/unix"
)

// arrivals knows which of the watched connections have unread bytes, by a
// level-triggered epoll(7) of its own, beside the runtime's.
type arrivals struct{ fd int }

func newArrivals() (*arrivals, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	return &arrivals{fd}, err
}

// set begins or ends the watch of a connection. A closed one is forgotten by the
// kernel.
func (a *arrivals) set(fd int, id uint64, on bool) {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(uint32(id)), Pad: int32(uint32(id >> 32))}
	op := unix.EPOLL_CTL_DEL
	if on {
		op = unix.EPOLL_CTL_ADD
	}
	_ = unix.EpollCtl(a.fd, op, fd, &event) // out of watches: as on systems without them
}

// unread fills ids with connections that have unread bytes, as many as fit.
func (a *arrivals) unread(ids []uint64) []uint64 {
	var events [64]unix.EpollEvent
	n, err := unix.EpollWait(a.fd, events[:min(len(ids), len(events))], 0)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.EpollWait(a.fd, events[:min(len(ids), len(events))], 0)
	}
	if err != nil {
		return nil
	}
	for i, e := range events[:n] {
		ids[i] = uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
	}
	return ids[:n]
}

func (a *arrivals) close() error { return unix.Close(a.fd) }
