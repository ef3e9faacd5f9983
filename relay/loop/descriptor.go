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

// Register has h told what fd, which must be non-blocking, is ready for. The loop owns fd from then
// on: Descriptor.Close closes it, and nobody else may. With an error fd is still the caller's. What is
// there already to be read counts: h is told in the next turn, or in the first.
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

// Again has the handler called in the next turn as if there were something to read, before those of whom
// the kernel tells. It may be called from the handler itself.
func (d *Descriptor) Again() {
	if !d.queued && !d.closed {
		d.queued = true
		d.loop.again = append(d.loop.again, d)
	}
}

// AwaitWritable has the handler told when there is room to write, or not any more. It is told once when
// that begins, and then when room comes back after a write that found none: write until EAGAIN, or call
// AwaitWritable(false) when all is written.
func (d *Descriptor) AwaitWritable(on bool) {
	if d.closed || d.writable == on {
		return
	}
	d.writable = on
	_ = d.loop.poller.modify(d) // it is registered, so that this cannot fail
}

// Close closes the descriptor. Its handler is not called any more, not even for what the kernel has
// reported already. It may be called again, and from the handler itself.
func (d *Descriptor) Close() {
	if d.closed {
		return
	}
	d.closed = true
	d.loop.poller.remove(d) // closing alone does not, if somebody has a duplicate
	_ = unix.Close(d.fd)    // nothing is left to lose
	d.loop.descriptors[d.fd] = nil
}

// find returns the descriptor that an event is of, or nil. One that was registered in this turn has the
// number of one that was closed in it, whose event it is.
func (l *Loop) find(fd int) *Descriptor {
	if fd < 0 || fd >= len(l.descriptors) {
		return nil
	}
	if d := l.descriptors[fd]; d != nil && d.born != l.turns.Load() {
		return d
	}
	return nil
}
