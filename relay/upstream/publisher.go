package upstream

// Publishing, and the few questions the relay asks of Redis: commands that wait
// at the same moment share a round trip.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

const (
	lanes     = 2        // connections that publish
	maxBatch  = 512      // commands in one round trip
	maxQueued = 64 << 20 // bytes that may wait in all lanes
	retryMin  = 10 * time.Millisecond
	retryMax  = 500 * time.Millisecond
)

// Errors of commands. Errors that Redis itself answered are redis.Error.
var (
	// ErrDown: Redis could not be reached in time. Nothing was sent.
	ErrDown = errors.New("Redis cannot be reached")
	// ErrUnknown: the connection was lost, or Redis silent, after the command was
	// sent. It may have been carried out.
	ErrUnknown = errors.New("Redis did not answer; the command may have been carried out")
	// ErrBusy: too much is waiting already. Nothing was sent.
	ErrBusy = errors.New("too much is waiting for Redis")
)

// Receipt is told what became of a command: once, from a goroutine of the
// Publisher, and it must not block.
type Receipt interface {
	Answer(value any, err error)
	// Flush is called after Answer, when the other answers of the same round
	// trip have been given too.
	Flush()
}

// Publisher sends commands over a few connections.
type Publisher struct {
	// Fixed after construction.
	lanes  [lanes]*lane
	queued atomic.Int64 // bytes
}

// lane is one connection and the commands that wait for it.
type lane struct {
	// Fixed after construction.
	opts    Options
	log     *zap.Logger
	queued  *atomic.Int64
	version *atomic.Pointer[string]
	wake    chan struct{}

	connected atomic.Bool

	mu sync.Mutex // Guards what follows.

	queue   []request // by deadline
	expiry  *time.Timer
	stopped bool
}

type request struct {
	args     []any
	size     int64
	deadline time.Time
	receipt  Receipt
}

// NewPublisher returns a Publisher that sends nothing before Run. version, if
// not nil, receives the version of Redis at each connect.
func NewPublisher(opts Options, version *atomic.Pointer[string], log *zap.Logger) *Publisher {
	p := &Publisher{}
	for i := range p.lanes {
		p.lanes[i] = &lane{
			opts: opts, log: log, queued: &p.queued, version: version, wake: make(chan struct{}, 1),
		}
	}
	return p
}

// Publish sends a PUBLISH, or SPUBLISH. What goes over one lane (any number)
// keeps its order. channel and payload are copied. It returns ErrBusy, or nil;
// then the receipt follows, after the time for a publish at the latest, or so.
func (p *Publisher) Publish(lane uint64, shard bool, channel, payload []byte, receipt Receipt) error {
	verb := "publish"
	if shard {
		verb = "spublish"
	}
	both := append(append(make([]byte, 0, len(channel)+len(payload)), channel...), payload...)
	args := []any{verb, both[:len(channel):len(channel)], both[len(channel):]}
	return p.enqueue(lane, args, int64(len(both)), receipt)
}

// Do sends a command and waits for the answer.
func (p *Publisher) Do(ctx context.Context, args ...any) (any, error) {
	r := make(reply, 1)
	if err := p.enqueue(0, args, 0, r); err != nil {
		return nil, err
	}
	select {
	case a := <-r:
		return a.value, a.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

type answer struct {
	value any
	err   error
}

type reply chan answer

func (r reply) Answer(value any, err error) { r <- answer{value, err} }
func (r reply) Flush()                      {}

func (p *Publisher) enqueue(lane uint64, args []any, size int64, receipt Receipt) error {
	const overhead = 256 // bytes a waiting command takes beside its payload
	size += overhead
	if p.queued.Add(size) > maxQueued {
		p.queued.Add(-size)
		return ErrBusy
	}
	l := p.lanes[lane%lanes]
	r := request{args: args, size: size, deadline: time.Now().Add(l.opts.PublishTimeout), receipt: receipt}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		p.queued.Add(-size)
		return ErrDown
	}
	l.queue = append(l.queue, r)
	if len(l.queue) == 1 {
		l.armLocked()
		signal(l.wake)
	}
	return nil
}

// Connected tells whether all connections stood when they were last used.
func (p *Publisher) Connected() bool {
	for _, l := range p.lanes {
		if !l.connected.Load() {
			return false
		}
	}
	return true
}

// Run sends until ctx ends, then refuses what still waits. It always returns nil.
func (p *Publisher) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, l := range p.lanes {
		g.Go(func() error { l.run(ctx); return nil })
	}
	return g.Wait()
}

// armLocked sets the timer that refuses the oldest command when its time is up.
func (l *lane) armLocked() {
	wait := time.Until(l.queue[0].deadline)
	if l.expiry == nil {
		l.expiry = time.AfterFunc(wait, l.expire)
		return
	}
	l.expiry.Reset(wait)
}

// expire refuses what has waited too long to be sent.
func (l *lane) expire() {
	now := time.Now()
	l.mu.Lock()
	n := 0
	for n < len(l.queue) && !l.queue[n].deadline.After(now) {
		n++
	}
	late := l.queue[:n:n]
	if l.queue = l.queue[n:]; len(l.queue) > 0 {
		l.armLocked()
	}
	l.mu.Unlock()
	l.answer(late, nil, ErrDown)
}

func (l *lane) run(ctx context.Context) {
	defer l.stop()
	for attempt := 0; ctx.Err() == nil; attempt++ {
		sent, err := l.runConn(ctx)
		if ctx.Err() != nil {
			return
		}
		if sent {
			attempt = 0
		}
		l.log.Debug("publishing connection ended", zap.Error(err))
		l.pause(ctx, attempt)
	}
}

// pause waits before the next life: not long when something is queued.
func (l *lane) pause(ctx context.Context, attempt int) {
	if !l.waiting() {
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

func (l *lane) stop() {
	l.mu.Lock()
	l.stopped = true
	rest := l.queue
	l.queue = nil
	if l.expiry != nil {
		l.expiry.Stop()
	}
	l.mu.Unlock()
	l.answer(rest, nil, ErrDown)
}

// runConn is one life of a connection: it ends with the first failure. sent tells
// whether it got as far as being of use.
func (l *lane) runConn(ctx context.Context) (sent bool, err error) {
	client, err := l.opts.client("pub", nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = client.Close() }()
	if err := l.connect(ctx, client); err != nil {
		return false, err
	}
	l.connected.Store(true)
	defer l.connected.Store(false)
	for l.await(ctx) {
		for batch := l.take(); len(batch) > 0; batch = l.take() {
			if err := l.send(client, batch); err != nil {
				return true, err
			}
		}
	}
	return true, nil
}

// await waits until a command is queued. It reports false when ctx ended.
func (l *lane) await(ctx context.Context) bool {
	for {
		if l.waiting() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-l.wake:
		}
	}
}

func (l *lane) waiting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.queue) > 0
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
	if err != nil {
		var refused redis.Error
		if errors.As(err, &refused) {
			return nil // not allowed to ask: no matter
		}
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

func (l *lane) take() []request {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(l.queue), maxBatch)
	batch := l.queue[:n:n]
	if l.queue = l.queue[n:]; len(l.queue) > 0 {
		l.armLocked()
	} else {
		l.queue = nil // the array belongs to the batch
	}
	return batch
}

// send makes one round trip. An error means that the connection is of no more
// use; the commands have been answered, or are queued again.
func (l *lane) send(client *redis.Client, batch []request) error {
	timeout := max(time.Until(batch[0].deadline), l.opts.PublishTimeout/2)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	pipe := client.Pipeline()
	for _, r := range batch {
		pipe.Do(ctx, r.args...)
	}
	cmds, err := pipe.Exec(ctx)
	if errors.Is(err, errSecondDial) {
		l.putBack(batch)
		return err
	}
	return l.settle(batch, cmds)
}

// putBack queues commands again that were not sent.
func (l *lane) putBack(batch []request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(batch, l.queue...)
	l.armLocked()
}

// settle gives each command its own answer and returns the error of the
// connection, if it had one.
func (l *lane) settle(batch []request, cmds []redis.Cmder) error {
	var broken error
	for i, cmd := range cmds {
		value, err := cmd.(*redis.Cmd).Result()
		var refused redis.Error
		if err != nil && !errors.As(err, &refused) {
			broken = err
			err = fmt.Errorf("%w (%w)", ErrUnknown, plain(err))
		}
		l.answer(batch[i:i+1], value, err)
	}
	for _, r := range batch {
		r.receipt.Flush()
	}
	return broken
}

// plain makes a network error short: without the addresses, which change.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// answer gives all of list the same answer. The caller flushes, unless it is a
// refusal.
func (l *lane) answer(list []request, value any, err error) {
	for _, r := range list {
		l.queued.Add(-r.size)
		r.receipt.Answer(value, err)
		if errors.Is(err, ErrDown) {
			r.receipt.Flush()
		}
	}
}
