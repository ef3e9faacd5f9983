package hub

// Writing to one connection.

import (
	"errors"
	"syscall"
	"time"

	"redis-relay/relay/nonblock"
)

// flush writes what is ready, as far as the socket takes it now. It reports whether nothing that was
// appended is kept any more.
func (o *Outbox) flush() (empty bool) {
	if !o.blocked && !o.closed && len(o.ready) > 0 {
		o.nextBatch()
		o.write()
	}
	if o.onFlushed != nil {
		o.onFlushed()
	}
	if empty = o.queued == 0; !empty {
		o.bounds.enforce()
	}
	return empty
}

// Writable says that the socket may take something again.
func (o *Outbox) Writable() {
	if !o.blocked {
		return
	}
	o.write()
	if o.onFlushed != nil {
		o.onFlushed()
	}
}

// write writes the batch, and what is ready by then, until the socket is full.
func (o *Outbox) write() {
	for len(o.batch) > 0 {
		n, err := o.attempt()
		switch {
		case err == nil:
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			o.setBlocked(true)
			return
		default:
			o.Close() // what it could not be given is lost with it
			return
		}
		o.batch = skip(o.batch, n)
		o.queued -= n
		if o.blocked {
			o.account()
		}
		if len(o.batch) == 0 {
			o.recycleBatch()
			o.nextBatch()
		}
	}
	o.setBlocked(false)
	o.trim()
}

func (o *Outbox) attempt() (int, error) {
	fd := uintptr(o.socket.FD()) //nolint:gosec // it is open
	if len(o.batch) == 1 {
		return nonblock.Write(fd, o.batch[0])
	}
	return nonblock.Writev(fd, o.batch[:min(len(o.batch), nonblock.MaxVectors)])
}

// block notes whether the socket is full.
func (o *Outbox) setBlocked(is bool) {
	if is == o.blocked {
		return
	}
	o.socket.AwaitWritable(is)
	if o.blocked = is; is {
		o.batchSince = time.Now()
		o.readySince = o.batchSince
	} else {
		o.batchSince = time.Time{}
	}
	o.account()
}

// take makes what is ready the next batch.
func (o *Outbox) nextBatch() {
	if len(o.ready) == 0 {
		return
	}
	o.ready = o.latest.seal(o.ready)
	if o.blocked {
		o.batchSince = o.readySince
	}
	o.store, o.batch = o.ready, o.ready
	o.ready, o.spare = o.spare, nil
}

// release forgets a batch that was written and keeps its array.
func (o *Outbox) recycleBatch() {
	clear(o.store)
	if cap(o.store) <= maxSpare {
		o.spare = o.store[:0]
	}
	o.store, o.batch = nil, nil
}

// rest gives memory back when nothing is queued.
func (o *Outbox) trim() {
	if len(o.slots) > 0 {
		return
	}
	if o.tail = o.tail[:0]; cap(o.tail) > maxTail {
		o.tail = nil
	}
}

// skip drops the first n bytes of list.
func skip(list [][]byte, n int) [][]byte {
	for len(list) > 0 && n >= len(list[0]) {
		n -= len(list[0])
		list = list[1:]
	}
	if n > 0 {
		list[0] = list[0][n:]
	}
	return list
}
