package hub

// Writing an Outbox to its socket.

import (
	"errors"
	"syscall"

	"redis-relay/relay/nonblock"
)

// flush writes what is ready, as far as the socket takes it now. It reports whether nothing that was
// appended is kept any more.
func (o *Outbox) flush() (empty bool) {
	if !o.usage.blocked && !o.closed {
		o.writePrompt()
	}
	if o.onFlushed != nil {
		o.onFlushed()
	}
	if empty = o.usage.queued == 0; !empty {
		o.usage.bounds.enforce()
	}
	return empty
}

// writePrompt writes what is ready, and counts whether the socket takes it all.
func (o *Outbox) writePrompt() {
	ready := o.output.pending()
	if o.write(); ready && !o.usage.blocked && !o.closed {
		o.flusher.prompt++
	}
}

// Writable says that the socket takes bytes again. It writes what waits.
func (o *Outbox) Writable() {
	if !o.usage.blocked {
		return
	}
	o.write()
	if o.onFlushed != nil {
		o.onFlushed()
	}
}

// write writes the batch, and what is ready, until all is written or the socket is full.
func (o *Outbox) write() {
	for len(o.output.batch) > 0 || o.nextBatch() {
		n, err := writeSlices(o.socket, o.output.batch)
		switch {
		case err == nil:
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			o.block(true)
			return
		default:
			o.Close() // what could not be written is lost with the connection
			return
		}
		o.output.wrote(n)
		if o.usage.queued -= n; o.usage.blocked {
			o.usage.account()
			if len(o.output.batch) == 0 {
				o.flusher.reportWait(o.usage.batchSince)
			}
		}
	}
	o.block(false)
	if len(o.slots.list) == 0 {
		o.output.trim()
	}
}

// nextBatch makes what is ready the batch, and reports whether there is something to write.
func (o *Outbox) nextBatch() bool {
	if !o.output.next() {
		return false
	}
	if o.usage.blocked {
		o.usage.batchSince = o.usage.readySince
	}
	return len(o.output.batch) > 0
}

func writeSlices(socket Socket, list [][]byte) (int, error) {
	fd := uintptr(socket.FD()) //nolint:gosec // it is open
	if len(list) == 1 {
		return nonblock.Write(fd, list[0])
	}
	return nonblock.Writev(fd, list[:min(len(list), nonblock.MaxVectors)])
}

// block notes whether the socket is full.
func (o *Outbox) block(full bool) {
	if full != o.usage.blocked {
		o.socket.AwaitWritable(full)
		o.usage.block(full)
		o.usage.account()
	}
}
