package loop

// Waiting for descriptors with kqueue(2).

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// maxEvents bounds the descriptors that the kernel reports in one turn.
const maxEvents = 512

type poller struct {
	fd     int
	events [maxEvents]event
}

// event is the report of the kernel about one descriptor.
type event = unix.Kevent_t

// fdOf is the number of the descriptor; -1: the event is of none.
func fdOf(e *event) int {
	if e.Filter == unix.EVFILT_USER {
		return -1
	}
	return int(e.Ident)
}

// eventsOf translates an event. The end of a stream is readable. An end for the writing side means that the peer
// is gone.
func eventsOf(e *event) (list Events) {
	ended := e.Flags&unix.EV_EOF != 0
	switch {
	case e.Filter == unix.EVFILT_READ && ended:
		return Readable | Ended
	case e.Filter == unix.EVFILT_READ:
		return Readable
	case ended:
		return Readable | Writable | Ended | HungUp
	}
	return Writable
}

func newPoller() (*poller, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(fd)
	p := &poller{fd: fd}
	if err := p.change(event{Ident: 0, Filter: unix.EVFILT_USER, Flags: unix.EV_ADD | unix.EV_CLEAR}); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *poller) close() error { return unix.Close(p.fd) }

// wait returns the events of ready descriptors. If there are none, it waits, if it may. The result is valid until
// the next call. It waits in the kernel: Go's poller cannot watch a kqueue, because it asks whether one can write,
// too, which a kqueue refuses.
func (p *poller) wait(mayWait bool) ([]event, error) {
	timeout := &unix.Timespec{}
	if mayWait {
		timeout = nil
	}
	n, err := unix.Kevent(p.fd, nil, p.events[:], timeout)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Kevent(p.fd, nil, p.events[:], timeout)
	}
	if err != nil {
		return nil, os.NewSyscallError("kevent", err)
	}
	return p.events[:n], nil
}

// wake ends a wait, now or when it begins.
func (p *poller) wake() {
	_ = p.change(event{Ident: 0, Filter: unix.EVFILT_USER, Fflags: unix.NOTE_TRIGGER})
}

func (p *poller) add(d *Descriptor) error {
	return p.change(event{Ident: uint64(d.fd), Filter: unix.EVFILT_READ, Flags: unix.EV_ADD | unix.EV_CLEAR}) //nolint:gosec // not negative
}

func (p *poller) modify(d *Descriptor) error {
	e := event{Ident: uint64(d.fd), Filter: unix.EVFILT_WRITE, Flags: unix.EV_DELETE} //nolint:gosec // not negative
	if d.writable {
		e.Flags = unix.EV_ADD | unix.EV_CLEAR
	}
	return p.change(e)
}

func (p *poller) remove(d *Descriptor) {
	_ = p.change(event{Ident: uint64(d.fd), Filter: unix.EVFILT_READ, Flags: unix.EV_DELETE})  //nolint:gosec // not negative
	_ = p.change(event{Ident: uint64(d.fd), Filter: unix.EVFILT_WRITE, Flags: unix.EV_DELETE}) //nolint:gosec // not negative
}

func (p *poller) change(e event) error {
	_, err := unix.Kevent(p.fd, []event{e}, nil, nil)
	return os.NewSyscallError("kevent", err)
}
