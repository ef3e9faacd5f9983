package upstream

// Publishing, and the questions the relay asks of Redis: commands that wait at
// the same moment share a round trip.

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

const (
	maxQueued = 64 << 20 // bytes that may wait for an answer, in all lanes
	overhead  = 256      // bytes a waiting command takes beside its arguments
)

// MaxAnswer is how large an answer may be, in bytes; a larger one is passed over.
const MaxAnswer = 64 << 20

// Lanes is the number of connections that publish. One more asks, so that answers
// of megabytes hold no publish up.
const (
	Lanes  = 2
	asking = Lanes
)

// Errors of commands. Errors that Redis itself answered are redis.Error.
var (
	// ErrDown: Redis could not be reached in time. Nothing was sent.
	ErrDown = errors.New("Redis cannot be reached")
	// ErrUnknown: the connection was lost, or Redis silent, after the command was
	// sent. It may have been carried out.
	ErrUnknown = errors.New("Redis did not answer; the command may have been carried out")
	// ErrTooLarge: what Redis answers is more than is kept. Nobody else's answer suffers.
	ErrTooLarge = fmt.Errorf("an answer over %d MiB", MaxAnswer>>20)
	// ErrBusy: too much is waiting already. Nothing was sent.
	ErrBusy = errors.New("too much is waiting for Redis")
)

// Receipt is told what became of a command: once, from a goroutine of the
// Publisher, and it must not block.
type Receipt interface {
	// Answer gives what Redis answered, see ReplyError and Do, or an error.
	Answer(value any, err error)
	// Flush is called after Answer, when the other answers that have come have been
	// given too.
	Flush()
}

// Publisher sends commands over a few connections.
type Publisher struct {
	// Fixed after construction.
	lanes  [Lanes + 1]*lane
	room   *atomic.Int64 // bytes that may wait, at most maxQueued
	queued atomic.Int64  // bytes
}

// NewPublisher returns a Publisher that sends nothing before Run. room is how many
// bytes may wait, but no more than 64 MiB do; it may change at any time. version, if
// not nil, receives the version of Redis at each connect.
func NewPublisher(opts Options, room *atomic.Int64, version *atomic.Pointer[string], log *zap.Logger) *Publisher {
	p := &Publisher{room: room}
	for i := range Lanes {
		p.lanes[i] = newLane("pub", opts, &p.queued, version, log)
	}
	p.lanes[asking] = newLane("ask", opts, &p.queued, nil, log)
	return p
}

var (
	verbPublish  = []byte("PUBLISH")
	verbSPublish = []byte("SPUBLISH")
)

// Publish is Enqueue of a PUBLISH, or SPUBLISH.
func (p *Publisher) Publish(lane uint64, shard bool, channel, payload []byte, receipt Receipt) error {
	verb := verbPublish
	if shard {
		verb = verbSPublish
	}
	return p.Enqueue(lane, receipt, verb, channel, payload)
}

// Enqueue queues a command, whose arguments are copied; the next Flush of the lane
// sends it. What goes over one lane (any number) keeps its order. Enqueue returns
// ErrBusy, or ErrDown after Run, or nil; then the receipt follows: after the time
// for a publish, and half of it once more if the command was sent, at the latest,
// or so.
func (p *Publisher) Enqueue(lane uint64, receipt Receipt, args ...[]byte) error {
	return p.enqueue(p.lane(lane), lane, receipt, args)
}

func (p *Publisher) enqueue(l *lane, from uint64, receipt Receipt, args [][]byte) error {
	size := int64(overhead)
	for _, a := range args {
		size += int64(len(a))
	}
	return p.admit(size, func() bool { return l.enqueue(receipt, from, size, args) })
}

// admit counts size bytes and queues them, if there is room.
func (p *Publisher) admit(size int64, enqueue func() bool) error {
	if p.queued.Add(size) > min(maxQueued, p.room.Load()) {
		p.queued.Add(-size)
		return ErrBusy
	}
	if !enqueue() {
		p.queued.Add(-size)
		return ErrDown
	}
	return nil
}

// Flush has sent what is queued for a lane: now, or when answers have come that
// are due. It does not wait.
func (p *Publisher) Flush(lane uint64) { p.lane(lane).flush() }

// TakeBack answers ErrDown to what waits in a lane, under this very number, while there
// is no connection to send it over: nobody wants it any more.
func (p *Publisher) TakeBack(lane uint64) { p.lane(lane).takeBack(lane) }

func (p *Publisher) lane(n uint64) *lane { return p.lanes[n%Lanes] }

// Do sends a command and waits for the answer: an int64, a string, nil, or a
// []any of these, of itself and of ReplyErrors. An error that Redis answered is a
// ReplyError. Arguments are strings, []byte, or what fmt prints.
func (p *Publisher) Do(ctx context.Context, args ...any) (any, error) {
	words := make([][]byte, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case []byte:
			words[i] = a
		case string:
			words[i] = []byte(a)
		default:
			words[i] = fmt.Append(nil, a)
		}
	}
	r := make(reply, 1)
	l := p.lanes[asking]
	if err := p.enqueue(l, asking, r, words); err != nil {
		return nil, err
	}
	l.flush()
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

// Status tells whether all connections stand, and if not, what is missing, in words for
// an operator.
func (p *Publisher) Status() (ready bool, missing string) {
	for _, l := range p.lanes {
		switch is, why := l.connected(); {
		case is:
		case why == nil:
			return false, "the connections that publish are not up"
		default:
			return false, fmt.Sprintf("the connections that publish are not up: %v", why)
		}
	}
	return true, ""
}

// Standing tells whether the connection of a lane does.
func (p *Publisher) Standing(lane uint64) bool {
	is, _ := p.lane(lane).connected()
	return is
}

// Run sends until ctx ends, then sends what waits, as far as a connection stands,
// and refuses the rest. It always returns nil.
func (p *Publisher) Run(ctx context.Context) error {
	var g errgroup.Group
	for _, l := range p.lanes {
		g.Go(func() error { l.run(ctx); return nil })
	}
	return g.Wait()
}
