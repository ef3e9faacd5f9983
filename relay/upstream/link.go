package upstream

// A link: one life of a publishing connection, once go-redis has made it. Whoever
// flushes a lane writes, if nobody else does, what waits in it: all at once. A
// goroutine reads the answers, which come in the order of the commands. While a
// batch is on its way the rest waits, and goes as one when the answers have come,
// or when the way turns out to be long: so batches grow with the load, and nothing
// waits for them when there is none.

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"redis-relay/relay/resp"
)

const (
	// longWay is how long the answers to a batch are waited for before the next is
	// sent: longer than Redis takes on the same host, and less than the way to another
	// often is.
	longWay = 200 * time.Microsecond

	readBuffer = 16 << 10  // bytes
	maxSpare   = 256 << 10 // bytes of an empty batch that is kept
)

var errUnasked = errors.New("an answer to no command")

type link struct {
	// Fixed after construction.
	lane    *lane
	conn    net.Conn
	socket  net.Conn        // below TLS, or conn
	raw     syscall.RawConn // nil: TLS cannot be written without waiting
	attempt func(uintptr) bool

	// Owned by whoever set writing.
	rest     []byte // not written yet
	whole    int    // bytes that rest began with
	writeErr error

	// Owned by receive.
	current *batch // partly answered, or nil
	told    []Receipt

	// Guarded by lane.mu.
	sent    []*batch  // not wholly answered
	begun   time.Time // when the last of them was sent
	pace    *time.Timer
	paced   bool // pace will flush
	writing bool
	stuck   bool  // the socket is full: the writing is handed to the link's goroutine
	ending  bool  // close when all is answered
	cause   error // why it was closed
}

func newLink(l *lane, conn net.Conn) *link {
	k := &link{lane: l, conn: conn, socket: conn}
	k.attempt = k.writeOnce
	if t, ok := conn.(*tls.Conn); ok {
		k.socket = t.NetConn()
	}
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			k.raw = raw
		}
	}
	return k
}

// serve speaks to Redis until the connection fails, or ctx ends and all is
// answered.
func (l *lane) serve(ctx context.Context, conn net.Conn) error {
	k := newLink(l, conn)
	l.mu.Lock()
	l.link, l.noSHA = k, false
	l.bringLocked()
	l.mu.Unlock()
	stop := context.AfterFunc(ctx, k.end)
	defer stop()
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() { k.write(done) })
	signal(l.wake) // for what waits already
	err := k.detach(k.receive())
	close(done)
	writer.Wait()
	return err
}

// flush writes what waits, in place if that can be done without waiting.
func (l *lane) flush() {
	l.mu.Lock()
	k := l.link
	if k == nil || k.raw == nil {
		some := len(l.waiting.requests) > 0
		l.mu.Unlock()
		if some {
			signal(l.wake)
		}
		return
	}
	more := k.beginLocked()
	l.mu.Unlock()
	for more {
		err := k.raw.Write(k.attempt)
		more = k.wrote(errors.Join(err, k.writeErr))
	}
}

// beginLocked makes what waits the next to be written, unless somebody writes or
// enough is on its way. If it reports true, the caller must write.
func (k *link) beginLocked() bool {
	l := k.lane
	b := l.waiting
	if k.writing || k.cause != nil || len(b.requests) == 0 {
		return false
	}
	if b.again > 0 && len(k.sent) > 0 {
		return false // to keep the order: what is on its way may have to be sent again, too
	}
	now := time.Now()
	if wait := longWay - now.Sub(k.begun); len(k.sent) > 0 && wait > 0 {
		k.paceLocked(wait)
		return false
	}
	k.begun = now
	b.again, b.againWire = 0, 0
	b.seal()
	l.waiting, l.spare = l.spare, nil
	if l.waiting == nil {
		l.waiting = &batch{}
	}
	b.deadline = now.Add(l.opts.PublishTimeout / 2)
	if first := b.requests[0].deadline; first.After(b.deadline) {
		b.deadline = first
	}
	k.sent = append(k.sent, b)
	k.writing = true
	k.rest, k.whole, k.writeErr = b.wire, len(b.wire), nil
	return true
}

// paceLocked has the lane flushed in a while, if the answers that are due do not
// do it before.
func (k *link) paceLocked(wait time.Duration) {
	switch {
	case k.paced:
	case k.pace == nil:
		k.pace = time.AfterFunc(wait, k.paceOver)
	default:
		k.pace.Reset(wait)
	}
	k.paced = true
}

func (k *link) paceOver() {
	k.lane.mu.Lock()
	k.paced = false
	k.lane.mu.Unlock()
	k.lane.flush()
}

// writeOnce is the body of flush's RawConn.Write. It always says that it is
// done, so that the poller never parks it.
func (k *link) writeOnce(fd uintptr) bool {
	for len(k.rest) > 0 {
		n, err := unix.Write(int(fd), k.rest)
		switch {
		case err == nil:
			k.rest = k.rest[n:]
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return true
		default:
			k.writeErr = os.NewSyscallError("write", err)
			return true
		}
	}
	return true
}

// write writes what others could not in place, until done is closed.
func (k *link) write(done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case <-k.lane.wake:
		}
		for more := k.resume(); more; {
			n, err := k.conn.Write(k.rest)
			k.rest = k.rest[n:]
			more = k.wrote(err)
		}
	}
}

// resume reports whether the link's goroutine has something to write.
func (k *link) resume() bool {
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	if k.stuck {
		k.stuck = false
		return true
	}
	return k.beginLocked()
}

// wrote takes note of a write, and reports whether the caller has more to write.
func (k *link) wrote(err error) (more bool) {
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	switch {
	case err != nil:
		if len(k.rest) == k.whole {
			k.unsendLocked()
		}
		k.writing = false
		k.closeLocked(err)
		return false
	case len(k.rest) > 0:
		k.stuck = true
		signal(k.lane.wake)
		return false
	}
	k.writing = false
	return k.beginLocked()
}

// unsendLocked queues the last batch again, of which nothing was written.
func (k *link) unsendLocked() {
	last := len(k.sent) - 1
	if last < 0 {
		return // the link has ended: they were answered
	}
	b, w := k.sent[last], k.lane.waiting
	k.sent = k.sent[:last]
	b.requests = append(b.requests, w.requests...)
	b.wire = append(b.wire, w.wire...)
	b.open = w.open
	k.lane.waiting = b
}

// closeLocked closes the connection, which ends receive. The first cause counts.
// There is no goodbye of TLS: it would wait for a peer that does not read.
func (k *link) closeLocked(cause error) {
	if k.cause == nil {
		k.cause = cause
		_ = k.socket.Close() // nothing is left to lose
	}
}

// end closes the connection when all is answered.
func (k *link) end() {
	k.lane.flush()
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	k.ending = true
	k.restLocked()
}

// restLocked closes a link that is to end, if it has nothing to do.
func (k *link) restLocked() {
	if k.ending && len(k.sent) == 0 && len(k.lane.waiting.requests) == 0 {
		k.closeLocked(net.ErrClosed)
	}
}

// receive reads answers until the connection fails.
func (k *link) receive() error {
	in := bufio.NewReaderSize(k, readBuffer)
	for {
		v, err := resp.ReadValueUpTo(in, MaxAnswer)
		tooLarge := errors.Is(err, resp.ErrLimit)
		if err != nil && !tooLarge {
			return err
		}
		if err := k.answer(v, tooLarge); err != nil {
			return err
		}
	}
}

// Read lets the answers out that have come, before it waits for more.
func (k *link) Read(p []byte) (int, error) {
	if len(k.told) > 0 {
		k.lane.flush() // first: Redis works on what waits meanwhile
		k.tell()
	}
	return k.conn.Read(p)
}

// answer gives the next command in order its answer. One that was too large was passed
// over: what follows it has its own.
func (k *link) answer(v resp.Value, tooLarge bool) error {
	b := k.current
	if b == nil {
		if b = k.first(); b == nil {
			return errUnasked
		}
		k.current = b
	}
	r := &b.requests[b.answered]
	b.answered++
	k.lane.queued.Add(-r.size)
	k.told = append(k.told, r.receipt)
	value := plainValue(v)
	switch refused, ok := value.(ReplyError); {
	case tooLarge:
		r.receipt.Answer(nil, ErrTooLarge)
	case ok:
		r.receipt.Answer(nil, refused)
	default:
		r.receipt.Answer(value, nil)
	}
	if b.answered == len(b.requests) {
		k.current = nil
		k.drop(b)
	}
	return nil
}

func (k *link) first() *batch {
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	if len(k.sent) == 0 {
		return nil
	}
	return k.sent[0]
}

// drop forgets the first batch, which is answered, and keeps its memory.
func (k *link) drop(b *batch) {
	clear(b.requests)
	b.requests, b.wire, b.answered = b.requests[:0], b.wire[:0], 0
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	k.sent = slices.Delete(k.sent, 0, 1)
	if cap(b.wire) <= maxSpare {
		k.lane.spare = b
	}
}

// tell flushes the receipts that were given their answers.
func (k *link) tell() {
	for _, r := range k.told {
		r.Flush()
	}
	clear(k.told)
	k.told = k.told[:0]
	k.lane.mu.Lock()
	k.restLocked()
	k.lane.mu.Unlock()
}

// detach ends the life. Whoever was not answered is told that nobody knows.
func (k *link) detach(err error) error {
	k.tell()
	l := k.lane
	l.mu.Lock()
	l.link = nil
	k.closeLocked(err)
	err = k.cause
	lost := k.sent
	k.sent = nil
	l.mu.Unlock()
	for _, b := range lost {
		l.settle(b.requests[b.answered:], fmt.Errorf("%w (%w)", ErrUnknown, plain(err)))
	}
	return err
}

// plain makes a network error short: without the addresses, which change.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

var _ io.Reader = (*link)(nil)
