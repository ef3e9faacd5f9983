package hub

// Connections for tests: an Outbox, and the far end that the test reads.

import (
	"errors"
	"syscall"
	"testing"
)

// peer is an Outbox and the far end of its connection.
type peer struct {
	*Outbox
	t      testing.TB
	near   int
	far    int
	waits  bool // for room
	bounds *Bounds
	ends   chan Reason // by bounds
}

// FD is Socket.
func (p *peer) FD() int { return p.near }

// AwaitWritable is Socket.
func (p *peer) AwaitWritable(on bool) { p.waits = on }

// newPeer returns an Outbox with a queue of limit bytes over a stream.
func newPeer(t testing.TB, limit int64) *peer { return newPeerOn(t, syscall.SOCK_STREAM, limit) }

func newPeerOn(t testing.TB, socket int, limit int64) *peer {
	t.Helper()
	return newPeerWithin(t, socket, limit, new(Bounds))
}

// newPeerWithin shares bounds with others, of which it sets the queue's.
func newPeerWithin(t testing.TB, socket int, limit int64, bounds *Bounds) *peer {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, socket, 0)
	if err == nil {
		err = errors.Join(syscall.SetNonblock(fds[0], true), syscall.SetNonblock(fds[1], true))
	}
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{t: t, near: fds[0], far: fds[1], bounds: bounds, ends: make(chan Reason, 100)}
	bounds.Queue.Store(limit)
	w := loopTurnOf(t)
	p.Outbox = NewOutbox(p, bounds, &w.flusher, func(why Reason) { p.ends <- why }, nil)
	w.peers = append(w.peers, p)
	t.Cleanup(func() {
		p.Close()
		_ = syscall.Close(p.near)
		p.hangUp()
	})
	return p
}

// hangUp closes the far end.
func (p *peer) hangUp() {
	if p.far >= 0 {
		_ = syscall.Close(p.far)
		p.far = -1
	}
}

// Flush writes all connections of the test.
func (p *peer) Flush() { loopTurnOf(p.t).flush() }

// reserveReply reserves a slot; nil: there is no room.
func (p *peer) reserveReply() *Slot { return p.reserve(&Slot{}) }

// reserveConfirmation reserves a slot for a reply that is completed in order with the messages.
func (p *peer) reserveConfirmation() *Slot { return p.reserve(&Slot{Confirms: true}) }

func (p *peer) reserve(s *Slot) *Slot {
	if !p.Reserve(s) {
		return nil
	}
	return s
}

// take reads up to n bytes that are there, and has the rest written.
func (p *peer) take(n int) []byte {
	b := make([]byte, n)
	got, err := syscall.Read(p.far, b)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		got = 0
	case err != nil:
		p.t.Fatal(err)
	}
	loopTurnOf(p.t).writeWaiting()
	return b[:got]
}

// read reads so many bytes.
func (p *peer) read(n int) (b []byte) {
	p.t.Helper()
	for tries := 0; len(b) < n; tries++ {
		some := p.take(min(n-len(b), 256<<10))
		if b = append(b, some...); len(some) > 0 {
			tries = 0
		} else if tries > 10 {
			return b // everything happens in this goroutine: nothing more comes
		}
	}
	return b
}

// expect reads exactly what must come next.
func (p *peer) expect(want string) {
	p.t.Helper()
	if got := p.read(len(want)); string(got) != want {
		p.t.Fatalf("read %.200q\nwant %.200q", got, want)
	}
}

// skip reads so many bytes, whatever they are.
func (p *peer) skip(n int) {
	p.t.Helper()
	if got := len(p.read(n)); got != n {
		p.t.Fatalf("read %d bytes, want %d", got, n)
	}
}

// nothing fails if bytes have been written and not read.
func (p *peer) nothing() {
	p.t.Helper()
	if b := p.take(100); len(b) > 0 {
		p.t.Errorf("unexpected %q", b)
	}
}

// fillSocket makes the socket refuse more, and the Outbox wait for the peer. It returns
// how many bytes went in.
func (p *peer) fillSocket() (n int) {
	p.t.Helper()
	for piece := make([]byte, 64<<10); ; {
		if !p.Append(piece) {
			p.t.Fatal("the queue was full before the socket")
		}
		n += len(piece)
		p.Flush()
		if p.Queued() > 0 {
			return n
		}
	}
}
