package upstream

// A lane: the commands that wait for one publishing connection, their deadlines,
// and one life of that connection after the other.

import (
	"context"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"redis-relay/relay/resp"
)

const (
	retryMin = 10 * time.Millisecond
	retryMax = 500 * time.Millisecond
)

type lane struct {
	// Fixed after construction.
	purpose string // in the name of the connection
	opts    Options
	log     *zap.Logger
	queued  *atomic.Int64 // bytes that wait, in all lanes
	version *atomic.Pointer[string]
	wake    chan struct{} // something is to be sent, and could not be in place

	mu sync.Mutex // Guards what follows, and part of link.

	link    *link // nil: no connection
	reason  error // why there is none, as far as is known
	scratch []byte
	loaded  *Script // that Redis knows, once it has what was encoded
	noSHA   bool    // this connection may not name scripts by their hash
	waiting *batch  // not sent
	spare   *batch  // an empty one, to be used again
	expiry  *time.Timer
	armed   bool // expiry fires when the first deadline comes, or before
	stopped bool
}

// request is a command that was not answered yet.
type request struct {
	receipt  Receipt
	from     uint64    // whose it is: the number of the lane, as it was given
	deadline time.Time // for being sent
	size     int64     // as counted in lane.queued
	wire     int       // bytes, encoded
}

// batch is a number of commands, in order, that are sent together. It is guarded
// by lane.mu; once it is sent, requests and wire are fixed.
type batch struct {
	requests []request
	wire     []byte    // the requests, encoded; but for open
	open     *calls    // the last request, if calls can be added to it
	deadline time.Time // when all of them must be answered; set when they are sent
	answered int       // owned by the goroutine that reads from Redis

	// Of what waits: how many of the first requests are sent again, and their bytes.
	again, againWire int
}

func newLane(
	purpose string, opts Options, queued *atomic.Int64, version *atomic.Pointer[string], log *zap.Logger,
) *lane {
	return &lane{
		purpose: purpose, opts: opts, log: log, queued: queued, version: version, wake: make(chan struct{}, 1),
		waiting: &batch{}, spare: &batch{},
	}
}

// enqueue encodes a command. It reports false when the lane is stopped.
func (l *lane) enqueue(receipt Receipt, from uint64, size int64, args [][]byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	b := l.waiting
	b.seal()
	before := len(b.wire)
	b.wire = resp.AppendArray(b.wire, len(args))
	for _, a := range args {
		b.wire = resp.AppendBulk(b.wire, a)
	}
	b.requests = append(b.requests, request{receipt, from, l.deadline(), size, len(b.wire) - before})
	l.armLocked()
	return true
}

// deadline is when a command that is queued now must have been sent.
func (l *lane) deadline() time.Time { return time.Now().Add(l.opts.PublishTimeout) }

// armLocked sets the timer, if it is not. Deadlines come later and later, so a
// timer that is set fires early enough for all that follows.
func (l *lane) armLocked() {
	if l.armed {
		return
	}
	next := l.nextLocked()
	switch l.armed = !next.IsZero(); {
	case !l.armed:
	case l.expiry == nil:
		l.expiry = time.AfterFunc(time.Until(next), l.expire)
	default:
		l.expiry.Reset(time.Until(next))
	}
}

// nextLocked returns the first deadline, or zero when nothing waits.
func (l *lane) nextLocked() (next time.Time) {
	if len(l.waiting.requests) > 0 {
		next = l.waiting.requests[0].deadline
	}
	if l.link != nil && len(l.link.sent) > 0 {
		if d := l.link.sent[0].deadline; next.IsZero() || d.Before(next) {
			next = d
		}
	}
	return next
}

// expire refuses what has waited too long to be sent, and gives a connection up
// that has not answered in time.
func (l *lane) expire() {
	now := time.Now()
	l.mu.Lock()
	late := l.waiting.expired(now)
	if k := l.link; k != nil && len(k.sent) > 0 && !k.sent[0].deadline.After(now) {
		k.closeLocked(os.ErrDeadlineExceeded)
	}
	l.armed = false
	l.armLocked()
	l.mu.Unlock()
	l.settle(late, ErrDown)
}

// expired takes out what has waited too long.
func (b *batch) expired(now time.Time) []request {
	n, wire := 0, 0
	for ; n < len(b.requests) && !b.requests[n].deadline.After(now); n++ {
		wire += b.requests[n].wire
	}
	if n == len(b.requests) {
		b.open = nil
	}
	b.again, b.againWire = max(0, b.again-n), max(0, b.againWire-wire)
	late := slices.Clone(b.requests[:n])
	b.requests = slices.Delete(b.requests, 0, n)
	b.wire = slices.Delete(b.wire, 0, wire)
	return late
}

// settle gives the same answer to all of list.
func (l *lane) settle(list []request, err error) {
	for _, r := range list {
		l.queued.Add(-r.size)
		r.receipt.Answer(nil, err)
	}
	for _, r := range list {
		r.receipt.Flush()
	}
}

// run keeps the connection until ctx ends.
func (l *lane) run(ctx context.Context) {
	defer l.stop()
	for attempt := 0; ctx.Err() == nil; attempt++ {
		useful, err := l.runConn(ctx)
		if ctx.Err() != nil {
			return
		}
		if useful {
			attempt = 0
		}
		l.failed(attempt+1, err)
		l.pause(ctx, attempt)
	}
}

// failed says why there is no connection: aloud once an outage.
func (l *lane) failed(attempts int, err error) {
	l.mu.Lock()
	l.reason = err
	l.mu.Unlock()
	if attempts == l.opts.AlertAfter {
		l.log.Warn("no connection to publish over; still trying",
			zap.String("purpose", l.purpose), zap.Int("attempts", attempts), zap.Error(err))
		return
	}
	l.log.Debug("publishing connection ended", zap.Error(err))
}

// pause waits before the next life: not long when something is queued.
func (l *lane) pause(ctx context.Context, attempt int) {
	if !l.pending() {
		timer := time.NewTimer(backoff(attempt + 1))
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-l.wake:
		}
	}
	sleep(ctx, min(retryMax, retryMin<<min(attempt, 6)))
}

// pending tells whether something waits to be sent.
func (l *lane) pending() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting.requests) > 0
}

// connected tells whether the connection stands, and if not, why.
func (l *lane) connected() (is bool, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.link != nil, l.reason
}

func (l *lane) stop() {
	l.mu.Lock()
	l.stopped = true
	rest := l.waiting.requests
	l.waiting = &batch{}
	if l.expiry != nil {
		l.expiry.Stop()
	}
	l.mu.Unlock()
	l.settle(rest, ErrDown)
}

// runConn is one life of a connection: go-redis makes it, and from then on it
// is spoken to directly. useful tells whether it got as far as that.
func (l *lane) runConn(ctx context.Context) (useful bool, err error) {
	var conn net.Conn
	client, err := l.opts.client(l.purpose, func(c net.Conn) net.Conn {
		conn = c
		return c
	})
	if err != nil {
		return false, err
	}
	// Until then the client, which watches Sentinel, closes the connection if its
	// master is no longer that.
	defer func() { _ = client.Close() }()
	if err := l.connect(ctx, client); err != nil {
		return false, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil { // it has one of go-redis's
		return false, err
	}
	return true, l.serve(ctx, conn)
}

// connect dials and makes sure that Redis serves commands, which it does not
// while it loads.
func (l *lane) connect(ctx context.Context, client *redis.Client) error {
	if err := client.Ping(ctx).Err(); err != nil {
		return err
	}
	if l.version == nil {
		return nil
	}
	info, err := client.Info(ctx, "server").Result()
	if err := l.opts.goOn("INFO", err); err != nil {
		return err
	}
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(line, "redis_version:"); ok {
			v = strings.TrimSpace(v)
			l.version.Store(&v)
		}
	}
	return nil
}
