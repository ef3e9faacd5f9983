package embedded

// The outbox: the queue of output for one client.

import (
	"io"
	"sync"
)

// maxBacklog is how many bytes may wait for one client: Redis's own hard limit
// for subscribers (client-output-buffer-limit pubsub 32mb).
const maxBacklog = 32 << 20

// outbox collects bytes for one connection. All bytes that wait at the same moment leave in one write. It is safe for
// concurrent use.
type outbox struct {
	mu      sync.Mutex
	changed sync.Cond // on mu: pending or ended changed
	pending []byte
	ended   bool // nothing more is accepted
}

func newOutbox() *outbox {
	o := &outbox{}
	o.changed.L = &o.mu
	return o
}

// push queues b, however much waits. It never blocks.
func (o *outbox) push(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.add(b)
}

// offer queues b if that keeps the backlog within its limit. If not, it returns false: the client is too slow. It
// never blocks.
func (o *outbox) offer(b []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.pending)+len(b) > maxBacklog {
		return false
	}
	o.add(b)
	return true
}

func (o *outbox) add(b []byte) {
	if o.ended || len(b) == 0 {
		return
	}
	o.pending = append(o.pending, b...)
	o.changed.Broadcast()
}

// waitRoom blocks while the backlog is over its limit. It returns false if the outbox has ended.
func (o *outbox) waitRoom() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.pending) > maxBacklog && !o.ended {
		o.changed.Wait()
	}
	return !o.ended
}

// end refuses further bytes. Queued bytes are still written.
func (o *outbox) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	o.changed.Broadcast()
}

// drain writes to w until the outbox has ended and is empty, or w fails.
func (o *outbox) drain(w io.Writer) error {
	var spare []byte
	for {
		batch := o.take(spare)
		if batch == nil {
			return nil
		}
		if _, err := w.Write(batch); err != nil {
			o.end()
			return err
		}
		spare = batch[:0]
	}
}

// take waits for queued bytes and swaps them for an empty buffer. It returns nil when the outbox has ended and is
// empty.
func (o *outbox) take(spare []byte) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.pending) == 0 {
		if o.ended {
			return nil
		}
		o.changed.Wait()
	}
	batch := o.pending
	o.pending = recycled(spare)
	o.changed.Broadcast()
	return batch
}

// recycled returns nil for a buffer that a burst has made large, so that an idle client does not keep it, and else b.
func recycled(b []byte) []byte {
	const keep = 64 << 10
	if cap(b) > keep {
		return nil
	}
	return b
}
