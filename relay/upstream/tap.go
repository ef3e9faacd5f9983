package upstream

// The tap: takes messages out of a subscriber connection before go-redis sees
// them.

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"redis-relay/relay/nonblock"
	"redis-relay/relay/resp"
)

const (
	chunkSize  = 256 << 10 // bytes read into one piece of memory
	minRead    = 16 << 10  // bytes of room below which a new chunk is begun
	flushBytes = 128 << 10 // bytes of messages after which listeners are served, also in a burst
	maxControl = 16 << 20  // bytes of one frame that is not a message
	frameExtra = 64 << 10  // bytes a frame may have beyond its payload: names and lengths
)

// Sink takes the messages. It is called by one goroutine, must not block, and
// must never change what it is given. A frame may be kept until Flush, and for
// ever if Flush says so.
type Sink interface {
	// Deliver takes a message. d itself is only valid during the call.
	Deliver(d *resp.Delivery)
	// TooLarge tells of a message of which only the names are there: with a payload that
	// large, its frame of size bytes was not read into memory.
	TooLarge(d *resp.Delivery, size int64)
	// Flush is called when no more messages can be had without waiting, and now
	// and then in a burst. It reports whether nothing that was delivered since
	// the last Flush is kept: the memory is then used again.
	Flush() (free bool)
}

// tap is a net.Conn whose Read never returns messages: it hands them to a Sink,
// and returns every other frame, one at a time and in order. It speaks RESP2.
//
// It reads into chunks of memory, of which the sink may keep slices. A chunk of
// which it keeps none is used again; another is left to the collector, which
// frees it with its last slice.
type tap struct {
	net.Conn

	// Fixed after construction.
	sink       Sink
	maxPayload *atomic.Int64   // bytes
	raw        syscall.RawConn // nil for a connection that cannot be read without waiting, as with TLS
	attempt    func(fd uintptr) bool

	heard atomic.Int64 // when bytes came last, Unix nanoseconds; any goroutine may look

	// Owned by the goroutine that calls Read.
	chunk   []byte // from begin on: bytes not yet taken
	begin   int
	kept    bool   // the sink keeps slices of chunk
	control []byte // what is left of a frame that go-redis is reading
	skip    int    // bytes of a refused frame still to come
	handed  int    // bytes of messages since the last Flush
	d       resp.Delivery
	need    int   // bytes that the next frame has at least
	n       int   // bytes that came with the last read
	err     error // of attempt
}

func newTap(conn net.Conn, sink Sink, maxPayload *atomic.Int64) *tap {
	t := &tap{Conn: conn, sink: sink, maxPayload: maxPayload}
	t.heard.Store(time.Now().UnixNano())
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			t.raw, t.attempt = raw, t.readNow
		}
	}
	return t
}

// Read returns bytes of the next frame that is not a message.
func (t *tap) Read(p []byte) (int, error) {
	for len(t.control) == 0 {
		need, err := t.take()
		if need > 0 {
			err = t.fill(need)
		}
		if err != nil {
			t.flush()
			return 0, err
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
	case t.d.Channel != nil && n > t.most():
		t.refuse(n)
	case n > maxControl && t.d.Channel == nil:
		return 0, fmt.Errorf("read from Redis: %w: a reply of %d bytes", resp.ErrFrame, n)
	default:
		return n, nil
	}
	return 0, nil
}

// most is how many bytes a frame may have to be read into memory.
func (t *tap) most() int { return int(t.maxPayload.Load()) + frameExtra }

func (t *tap) deliver(n int) {
	if n > t.most() { // it came in one piece
		t.d.Payload, t.d.Frame = nil, nil
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
		if !t.sink.Flush() {
			t.kept = true
		}
	}
}

// fill reads more of a frame that has need bytes at least. Before it waits,
// listeners are served.
func (t *tap) fill(need int) error {
	t.need = need
	t.makeRoom()
	if err := t.read(); t.n == 0 {
		return err
	}
	t.heard.Store(time.Now().UnixNano())
	t.chunk = t.chunk[:len(t.chunk)+t.n]
	return nil
}

// makeRoom goes back to the start of the chunk when nothing in it is needed any
// more. When there is little room left it moves what is needed to the start, or
// to a new chunk. One that was made for a large frame is not used again.
func (t *tap) makeRoom() {
	rest := t.chunk[t.begin:]
	short := cap(t.chunk)-len(t.chunk) < minRead || t.need > cap(t.chunk)-t.begin
	if short {
		t.flush()
	}
	free := t.handed == 0 && !t.kept && cap(t.chunk) == chunkSize && t.need <= chunkSize-minRead
	switch {
	case free && (short || len(rest) == 0):
		t.chunk = append(t.chunk[:0], rest...)
	case short:
		t.chunk = append(make([]byte, 0, max(chunkSize, t.need+minRead)), rest...)
		t.kept = false
	default:
		return
	}
	t.begin = 0
}

func (t *tap) room() []byte { return t.chunk[len(t.chunk):cap(t.chunk)] }

// read sets n to the number of bytes read; 0 with an error.
func (t *tap) read() (err error) {
	if t.raw == nil {
		t.flush()
		t.n, err = t.Conn.Read(t.room())
		return err
	}
	t.n, t.err = 0, nil
	if err := t.raw.Read(t.attempt); err != nil {
		return err
	}
	return t.err
}

// readNow is the body of read's RawConn.Read. It waits when there is nothing to
// read, and until then messages only gather: a burst is one write to a listener.
func (t *tap) readNow(fd uintptr) bool {
	for {
		n, err := nonblock.Read(fd, t.room())
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			t.flush()
			t.makeRoom()
			return false
		case err != nil:
			t.err = os.NewSyscallError("read", err)
			return true
		case n == 0:
			t.err = io.EOF
			return true
		default:
			t.n = n
			return true
		}
	}
}
