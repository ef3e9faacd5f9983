package loop

// Waiting for descriptors with epoll(7).

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"redis-relay/relay/nonblock"
)

// maxEvents bounds the descriptors that the kernel reports in one turn.
const maxEvents = 512

// edges is the events for which every descriptor is watched, each reported once for a change.
const edges = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET

type poller struct {
	file *os.File // the epoll descriptor, in Go's own poller
	raw  syscall.RawConn
	fd   int
	bell int // an eventfd that wakes it

	events  [maxEvents]event
	n       int
	err     error
	attempt func(fd uintptr) bool
}

// event is the report of the kernel about one descriptor.
type event = unix.EpollEvent

// fdOf is the number of the descriptor; -1: the event is of none.
func fdOf(e *event) int { return int(e.Fd) }

// eventsOf translates an event.
func eventsOf(e *event) (list Events) {
	if e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		list |= Readable
	}
	if e.Events&(unix.EPOLLOUT|unix.EPOLLERR) != 0 {
		list |= Writable
	}
	if e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		list |= Ended
	}
	if e.Events&(unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		list |= HungUp
	}
	return list
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("eventfd", err), unix.Close(fd))
	}
	wake := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: -1} // of no descriptor
	err = errors.Join(unix.SetNonblock(fd, true), unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, bell, &wake))
	p := &poller{file: os.NewFile(uintptr(fd), "epoll"), fd: fd, bell: bell}
	if err == nil {
		p.raw, err = p.file.SyscallConn()
	}
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.attempt = p.look
	return p, nil
}

func (p *poller) close() error { return errors.Join(p.file.Close(), unix.Close(p.bell)) }

// wait returns the events of ready descriptors. If there are none, it waits, if it may. The result is valid until
// the next call.
func (p *poller) wait(mayWait bool) ([]event, error) {
	p.n, p.err = 0, nil
	if mayWait {
		if err := p.raw.Read(p.attempt); err != nil {
			return nil, err
		}
	} else {
		p.look(uintptr(p.fd))
	}
	return p.events[:p.n], p.err
}

// look takes the events of ready descriptors, and reports whether there are any.
func (p *poller) look(fd uintptr) bool {
	n, err := nonblock.EpollWait(fd, p.events[:])
	for errors.Is(err, syscall.EINTR) { // EINTR is no "nothing": edges that were reported are not reported again
		n, err = nonblock.EpollWait(fd, p.events[:])
	}
	if err != nil {
		p.err = os.NewSyscallError("epoll_wait", err)
		return true
	}
	p.n = n
	return n > 0
}

// one is the number that wake adds to the counter.
var one = binary.NativeEndian.AppendUint64(nil, 1)

// wake ends a wait, now or when it begins. The counter is never read: each write is an edge, and it has
// room for 2^64 of them.
func (p *poller) wake() { _, _ = unix.Write(p.bell, one) }

func (d *Descriptor) event() *unix.EpollEvent {
	e := &unix.EpollEvent{Events: edges, Fd: int32(d.fd)} //nolint:gosec // descriptors are small
	if d.writable {
		e.Events |= unix.EPOLLOUT
	}
	return e
}

func (p *poller) add(d *Descriptor) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, d.fd, d.event()))
}

func (p *poller) modify(d *Descriptor) error {
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, d.fd, d.event()))
}

func (p *poller) remove(d *Descriptor) {
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, d.fd, nil) // it is registered
}
