package loop

// Descriptors that the loop watches.

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Descriptor is a file descriptor that the loop owns and watches.
type Descriptor struct {
	loop     *Loop
	handler  Handler
	fd       int
	born     uint64 // turn in which it was registered
	queued   bool   // in Loop.again
	writable bool   // AwaitWritable is on
	closed   bool
}

// Register watches fd, which must be non-blocking, and has h called when it is ready. The loop owns fd from then
// on: only Descriptor.Close may close it. After an error fd still belongs to the caller. If there are bytes to
// read already, h is called in the next turn, or in the first.
func (l *Loop) Register(fd int, h Handler) (*Descriptor, error) {
	d := &Descriptor{loop: l, handler: h, fd: fd, born: l.turns.Load()}
	if err := l.poller.add(d); err != nil {
		return nil, fmt.Errorf("watch a descriptor: %w", err)
	}
	for fd >= len(l.descriptors) {
		l.descriptors = append(l.descriptors, nil)
	}
	l.descriptors[fd] = d
	return d, nil
}

// FD is the descriptor's number, or -1 when it is closed.
func (d *Descriptor) FD() int {
	if d.closed {
		return -1
	}
	return d.fd
}

// Again has the handler called in the next turn as if there were bytes to read, before the descriptors that
// the kernel reports. The handler itself may call it.
func (d *Descriptor) Again() {
	if !d.queued && !d.closed {
		d.queued = true
		d.loop.again = append(d.loop.again, d)
	}
}

// AwaitWritable turns calls of the handler for room to write on or off. The handler is called once when
// they are turned on, and then when room comes back after a write that found none: write until EAGAIN, or call
// AwaitWritable(false) when everything is written.
func (d *Descriptor) AwaitWritable(on bool) {
	if d.closed || d.writable == on {
		return
	}
	d.writable = on
	_ = d.loop.poller.modify(d) // it is registered, so that this cannot fail
}

// Close closes the descriptor. Its handler is not called any more, not even for events that the kernel has
// reported already. It may be called again, and by the handler itself.
func (d *Descriptor) Close() {
	if d.closed {
		return
	}
	d.closed = true
	d.loop.poller.remove(d) // closing alone does not, if there is a duplicate
	_ = unix.Close(d.fd)    // nothing is left to lose
	d.loop.descriptors[d.fd] = nil
}

// find returns the descriptor of an event, or nil. A descriptor that was registered in this turn may have the
// number of one that was closed in it: the event is of that one.
func (l *Loop) find(fd int) *Descriptor {
	if fd < 0 || fd >= len(l.descriptors) {
		return nil
	}
	if d := l.descriptors[fd]; d != nil && d.born != l.turns.Load() {
		return d
	}
	return nil
}
