package upstream

// The tap: takes messages out of a subscriber connection before go-redis sees
// them.

import (
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"redis-relay/relay/resp"
)

const (
	chunkSize  = 256 << 10 // bytes read into one piece of memory
	minRead    = 16 << 10  // bytes of room below which a new chunk is begun
	flushBytes = 64 << 10  // bytes of messages after which listeners are served, also in a burst
	maxControl = 16 << 20  // bytes of one frame that is not a message
	frameExtra = 64 << 10  // bytes a frame may have beyond its payload: names and lengths
)

// Sink takes the messages. It is called by one goroutine, must not block, and
// must never change what it is given: a frame may be kept, and stays valid.
type Sink interface {
	// Deliver takes a message. d itself is only valid during the call.
	Deliver(d *resp.Delivery)
	// TooLarge tells of a message whose frame has size bytes and was not read
	// into memory.
	TooLarge(d *resp.Delivery, size int64)
	// Flush is called when no more messages can be had without waiting.
	Flush()
}

// tap is a net.Conn whose Read never returns messages: it hands them to a Sink,
// and returns every other frame, one at a time and in order. It speaks RESP2.
//
// The memory it reads into is never written again once it holds a whole frame,
// so slices of it can be queued for any number of listeners; the collector frees
// a chunk with its last slice.
type tap struct {
	net.Conn

	// Fixed after construction.
	sink       Sink
	maxPayload *atomic.Int64 // bytes

	heard atomic.Int64 // when bytes came last, Unix nanoseconds; any goroutine may look

	// Owned by the goroutine that calls Read.
	chunk   []byte // from begin on: bytes not yet taken
	begin   int
	control []byte // what is left of a frame that go-redis is reading
	skip    int    // bytes of a refused frame still to come
	handed  int    // bytes of messages since the last Flush
	d       resp.Delivery
}

func newTap(conn net.Conn, sink Sink, maxPayload *atomic.Int64) *tap {
	t := &tap{Conn: conn, sink: sink, maxPayload: maxPayload}
	t.heard.Store(time.Now().UnixNano())
	return t
}

// Read returns bytes of the next frame that is not a message.
func (t *tap) Read(p []byte) (int, error) {
	for len(t.control) == 0 {
		need, err := t.take()
		if err != nil {
			return 0, err
		}
		if need > 0 {
			t.flush()
			if err := t.fill(need); err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, t.control)
	t.control = t.control[n:]
	return n, nil
}

// take deals with the frame at the start of the buffer. If it is not whole, need
// is the length it must have at least.
func (t *tap) take() (need int, err error) {
	if t.skip > 0 {
		n := min(t.skip, len(t.chunk)-t.begin)
		t.begin += n
		if t.skip -= n; t.skip > 0 {
			return 1, nil
		}
	}
	tok, n, err := resp.ScanServer(t.chunk[t.begin:], &t.d)
	switch {
	case err != nil:
		return 0, fmt.Errorf("read from Redis: %w", err)
	case tok == resp.IsDelivery:
		t.begin += n
		t.deliver(n)
	case tok == resp.IsControl:
		t.control = t.chunk[t.begin : t.begin+n]
		t.begin += n
	case t.d.Channel != nil && n > int(t.maxPayload.Load())+frameExtra:
		t.refuse(n)
	case n > maxControl && t.d.Channel == nil:
		return 0, fmt.Errorf("read from Redis: %w: a reply of %d bytes", resp.ErrFrame, n)
	default:
		return n, nil
	}
	return 0, nil
}

func (t *tap) deliver(n int) {
	if len(t.d.Payload) > int(t.maxPayload.Load()) {
		t.sink.TooLarge(&t.d, int64(n))
	} else {
		t.sink.Deliver(&t.d)
	}
	if t.handed += n; t.handed >= flushBytes {
		t.flush()
	}
}

// refuse reports a frame that is not worth its memory, and skips it.
func (t *tap) refuse(n int) {
	t.sink.TooLarge(&t.d, int64(n))
	t.handed++ // there may be listeners to refusals
	t.skip = n
}

func (t *tap) flush() {
	if t.handed > 0 {
		t.handed = 0
		t.sink.Flush()
	}
}

// fill reads more, into a new chunk when there is little room left for a frame
// of need bytes.
func (t *tap) fill(need int) error {
	if room := cap(t.chunk) - len(t.chunk); room < minRead || need > cap(t.chunk)-t.begin {
		rest := t.chunk[t.begin:]
		t.chunk = append(make([]byte, 0, max(chunkSize, need+minRead)), rest...)
		t.begin = 0
	}
	n, err := t.Conn.Read(t.chunk[len(t.chunk):cap(t.chunk)])
	if n > 0 {
		t.heard.Store(time.Now().UnixNano())
		t.chunk = t.chunk[:len(t.chunk)+n]
		return nil
	}
	return err
}
