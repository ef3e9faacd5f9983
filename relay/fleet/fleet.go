package fleet

// The Fleet: what waits to be asked, what is under way, and what is heard.

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

// Channel is the shard channel on which relays ask each other, or the ordinary channel where
// Redis has no shard channels. With ":" and a life behind it, it is the one on which that
// relay hears the answers.
const Channel = "relay:count"

const (
	patience = 200 * time.Millisecond // with relays that do not answer
	answers  = 20_000                 // a second that the fleet sends at most, about, when all ask all the time
	maxPause = 500 * time.Millisecond

	maxWaiting = 64 << 20 // bytes of names that may wait to be asked for
)

// Redis is the side of it that is asked. See upstream.Publisher.
type Redis interface {
	Do(ctx context.Context, args ...any) (any, error)
	Eval(ctx context.Context, s *upstream.Script, keys []string, args ...any) (any, error)
	Publish(lane uint64, shard bool, channel, payload []byte, receipt upstream.Receipt) error
	Flush(lane uint64)
}

// Share counts the listeners of a name on this host, less one if Redis has confirmed
// this relay's own subscription, and has not confirmed its end.
type Share func(kind resp.Kind, name []byte) int64

// Fleet counts listeners over all relays.
type Fleet struct {
	// Fixed after construction.
	redis   Redis
	share   Share
	room    *atomic.Int64
	life    string
	answers string // channel
	log     *zap.Logger
	wake    chan struct{} // there is something to ask

	questions, missing atomic.Uint64 // questions asked, and answers that did not come, ever
	refused            sync.Once     // logged

	mu sync.Mutex // Guards what follows, and part of question.

	waiting []*question
	bytes   int       // of names in waiting, about
	asked   *question // the one under way, or the last one
}

// New returns a Fleet; life tells this run of the relay from all others. room is how many
// bytes of names may wait, but no more than 64 MiB do; it may change at any time. Run does
// the asking.
func New(redis Redis, share Share, life string, room *atomic.Int64, log *zap.Logger) *Fleet {
	return &Fleet{
		redis: redis, share: share, room: room, life: life, answers: Channel + ":" + life, log: log,
		wake: make(chan struct{}, 1), asked: newQuestion(),
	}
}

// Channels are the channels that must be subscribed for the Fleet: as shard channels, or as
// ordinary ones where Redis says that it has no shard channels (see NoShards). Without them other
// relays count this one as one listener.
func (f *Fleet) Channels() []string { return []string{Channel, f.answers} }

// Stats returns how many questions were asked, and how many answers to them did not
// come in time, ever.
func (f *Fleet) Stats() (questions, missing uint64) { return f.questions.Load(), f.missing.Load() }

// Count returns the number of listeners of each name, over all relays and with plain
// clients of Redis. Kind is Message or SMessage. The error is one of upstream's. A
// subscription that was confirmed before Count was called is counted; one that ends
// meanwhile may be.
func (f *Fleet) Count(ctx context.Context, kind resp.Kind, names [][]byte) ([]int64, error) {
	places, err := f.queue(kind, names)
	if err != nil {
		return nil, err
	}
	counts := make([]int64, len(names))
	for i, p := range places {
		select {
		case <-p.question.done:
		case <-ctx.Done():
			return nil, upstream.ErrDown
		}
		if p.question.err != nil {
			return nil, p.question.err
		}
		counts[i] = p.question.counts[p.index]
	}
	return counts, nil
}

// queue puts names into questions that were not asked yet, if they have room.
func (f *Fleet) queue(kind resp.Kind, names [][]byte) ([]place, error) {
	bytes := 0
	for _, n := range names {
		bytes += costOf(len(n))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bytes > 0 && f.bytes+bytes > int(min(maxWaiting, f.room.Load())) {
		return nil, upstream.ErrBusy
	}
	places := make([]place, len(names))
	for i, n := range names {
		if last := len(f.waiting) - 1; last < 0 || f.waiting[last].full() {
			f.waiting = append(f.waiting, newQuestion())
		}
		q := f.waiting[len(f.waiting)-1]
		before := q.cost
		places[i] = place{q, q.add(name{kind, string(n)})}
		f.bytes += q.cost - before
	}
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return places, nil
}

// Run asks what Count wants to know until ctx ends. It always returns nil.
func (f *Fleet) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.wake:
		}
		for q := f.next(); q != nil; q = f.next() {
			counted, err := f.ask(ctx, q)
			if err == nil {
				q.await(ctx)
			}
			f.settle(q, counted, err)
			wait(ctx, pause(q.relays))
		}
	}
}

// next takes the question that waits longest.
func (f *Fleet) next() *question {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) == 0 {
		return nil
	}
	q := f.waiting[0]
	f.waiting = slices.Delete(f.waiting, 0, 1)
	f.bytes -= q.cost
	q.number = f.asked.number + 1
	f.asked = q
	return q
}

// pause is how long a relay waits before it asks again: so long that the fleet sends no
// more than so many answers a second, if each of its relays asks as often. Redis takes
// about 20 µs for one with all that belongs to it.
func pause(relays int) time.Duration {
	if relays < 2 {
		return 0
	}
	return min(time.Duration(relays*relays)*time.Second/answers, maxPause)
}

func wait(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// settle gives the answer to those who wait for it.
func (f *Fleet) settle(q *question, counted []int64, err error) {
	f.mu.Lock()
	q.closed = true
	late, own := q.relays-q.answered, q.own
	f.mu.Unlock()
	if q.err = err; err == nil {
		f.missing.Add(uint64(max(0, late)))
		q.counts = counted
		for i, n := range q.names {
			if q.counts[i] += q.shares[i]; !own {
				q.counts[i] += f.share(n.kind, []byte(n.name))
			}
			q.counts[i] = max(0, q.counts[i])
		}
	}
	close(q.done)
}

// Hear takes a message, and reports whether it was the Fleet's. It answers a question,
// or takes an answer. It does not block.
func (f *Fleet) Hear(d *resp.Delivery) bool {
	switch {
	case d.Kind == resp.PMessage:
		return false
	case string(d.Channel) == Channel:
		f.answer(d.Kind == resp.SMessage, d.Payload)
	case string(d.Channel) == f.answers:
		f.collect(d.Payload, false)
	default:
		return false
	}
	return true
}

// answer sends this relay's shares to the one that asks, on a shard channel if the question came on one.
func (f *Fleet) answer(shard bool, question []byte) {
	life, answer, ok := answerTo(question, f.share)
	switch {
	case !ok:
	case life == f.life:
		f.collect(answer, true)
	case f.redis.Publish(answerLane, shard, []byte(Channel+":"+life), answer, unheeded{}) == nil:
		f.redis.Flush(answerLane)
	}
}

// answerLane is the publishing connection that answers go over.
const answerLane = 0

// unheeded is the receipt of an answer: what is lost is missed by the one that asked.
type unheeded struct{}

func (unheeded) Answer(any, error) {}
func (unheeded) Flush()            {}

// collect takes an answer to the question under way.
func (f *Fleet) collect(answer []byte, own bool) {
	number, shares, ok := parseAnswer(answer)
	if !ok {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if q := f.asked; q.number == number && !q.closed && len(shares) == len(q.names) {
		q.takeLocked(shares, own)
	}
}
