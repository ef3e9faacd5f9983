package fleet

// The Fleet: who may ask it, and the messages that it takes.

import (
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

// Channel is the shard channel on which relays ask each other, or the ordinary channel if
// Redis has no shard channels. A relay gets its answers on Channel + ":" + the ID of its run.
const Channel = "relay:count"

// maxWaiting is how many bytes of names may wait for their counts.
const maxWaiting = 64 << 20

// Redis is the connection with this relay's subscriptions. It is upstream.Connection.
type Redis interface {
	// Eval and Do call done once, perhaps before they return.
	Eval(s *upstream.Script, keys []string, done func(v any, err error), args ...any)
	Do(done func(v any, err error), args ...any)
	Publish(from uint64, shard bool, channel, payload []byte, a upstream.Answer) error
	// Ready tells whether commands are sent at once.
	Ready() bool
}

// Share returns the number of listeners of a name on this host, by the commands that came so far, less one
// if Redis counts this relay's own subscription.
type Share func(kind resp.Kind, name []byte) int64

// Shares are this relay's part of a count. Neither may call the Fleet.
type Shares struct {
	// Asking is for a question that is sent now: Redis counts subscriptions that this relay has sent so far.
	Asking Share
	// Answering is for a question that comes now: Redis counted subscriptions that it had confirmed before.
	Answering Share
}

// Fleet counts listeners over all relays. It belongs to the loop, but for Stats.
type Fleet struct {
	// Fixed after construction.
	redis   Redis
	shares  Shares
	room    *atomic.Int64
	prefix  string // of all names at Redis
	runID   string
	answers string // channel, without prefix
	loop    *loop.Loop
	log     *zap.Logger

	patience time.Duration // with other relays

	questions, missing atomic.Uint64 // questions asked, and answers that did not come, ever

	// Owned by the loop.
	waiting       []*question          // not sent yet, the oldest first
	asked         map[uint64]*question // under way, by number
	number        uint64               // of the question asked last
	bytes         int                  // of names in waiting and asked, about
	pace          pace
	keyless       bool // an ACL refuses the key of the script, which then goes without
	refusedLogged bool // the refusal was logged
}

// New returns a Fleet. prefix begins all names at Redis, and is the same for all relays that count together. runID
// names this run of the relay among all others. room is how many bytes of names may wait for their counts, but no more
// than 64 MiB do; it may change at any time.
func New(redis Redis, shares Shares, prefix, runID string, room *atomic.Int64, l *loop.Loop, log *zap.Logger) *Fleet {
	f := &Fleet{
		redis: redis, shares: shares, room: room, prefix: prefix, runID: runID, answers: Channel + ":" + runID, loop: l,
		log: log, patience: Patience, asked: map[uint64]*question{},
	}
	f.pace.timer = l.AfterFunc(0, f.send)
	f.pace.timer.Stop()
	return f
}

// Channels are the channels at Redis that must be subscribed for the Fleet: shard channels, each by a command of its
// own, because a cluster has them in different slots; or ordinary ones if Redis has no shard channels. Without them
// other relays count this one as one listener.
func (f *Fleet) Channels() []string { return []string{f.prefix + Channel, f.prefix + f.answers} }

// Stats returns how many questions were asked, and how many answers to them did not
// come in time, ever. It may be called from anywhere.
func (f *Fleet) Stats() (questions, missing uint64) { return f.questions.Load(), f.missing.Load() }

// Count calls done, once and perhaps before it returns, with the number of listeners of each name at Redis,
// over all relays and with plain clients of Redis. Kind is Message or SMessage. The error is one of
// upstream's: ErrBusy if too many names wait already.
func (f *Fleet) Count(kind resp.Kind, names [][]byte, done func(counts []int64, err error)) {
	bytes := 0
	for _, n := range names {
		bytes += costOf(len(n))
	}
	switch {
	case len(names) == 0:
		done([]int64{}, nil)
		return
	case f.bytes > 0 && f.bytes+bytes > int(min(maxWaiting, f.room.Load())):
		done(nil, upstream.ErrBusy)
		return
	}
	c := &count{places: make([]place, len(names)), done: done}
	for i, n := range names {
		c.places[i] = f.add(c, resp.Name{Kind: kind, Text: string(n)})
	}
	f.send()
}

// add puts a name into the last question that was not sent yet, or into a new one.
func (f *Fleet) add(c *count, n resp.Name) place {
	if last := len(f.waiting) - 1; last < 0 || f.waiting[last].full() {
		f.waiting = append(f.waiting, newQuestion())
	}
	q := f.waiting[len(f.waiting)-1]
	before := q.cost
	i := q.add(n)
	f.bytes += q.cost - before
	q.addWaiter(c)
	return place{q, i}
}

// send sends the waiting questions, until a pause is due.
func (f *Fleet) send() {
	for len(f.waiting) > 0 {
		if wait := f.pace.due(time.Now()); wait > 0 {
			f.pace.timer.Reset(wait)
			return
		}
		q := f.waiting[0]
		f.waiting = slices.Delete(f.waiting, 0, 1)
		f.ask(q)
	}
}

// Lost says that the connection to Redis has ended: the questions under way fail.
func (f *Fleet) Lost() {
	f.keyless = false
	for _, number := range slices.Sorted(maps.Keys(f.asked)) {
		if q := f.asked[number]; q != nil && (q.sent || q.counted != nil) { // else the question waits for the next session
			f.finish(q, upstream.ErrUnknown)
		}
	}
}

// finish ends a question, and gives the counts, or the error, to its callers.
func (f *Fleet) finish(q *question, err error) {
	if q.over {
		return
	}
	q.over, q.err = true, err
	if q.timer != nil {
		q.timer.Stop()
	}
	delete(f.asked, q.number)
	f.bytes -= q.cost
	if err == nil {
		f.missing.Add(uint64(max(0, q.relays-q.answered)))
	}
	for _, c := range q.counts {
		c.finished()
	}
}

// Accept takes a message, whose channel is called without the prefix, and reports whether it was for the Fleet: a
// question, which it answers, or an answer.
func (f *Fleet) Accept(d *resp.Delivery) bool {
	switch {
	case d.Kind == resp.PMessage:
		return false
	case string(d.Channel) == Channel:
		f.answer(d.Kind == resp.SMessage, d.Payload)
	case string(d.Channel) == f.answers:
		f.collect(d.Payload)
	default:
		return false
	}
	return true
}

// answer sends this relay's shares to the asking relay, on a shard channel if the question came on
// one. A question of this relay has them already.
func (f *Fleet) answer(shard bool, question []byte) {
	if number, own := ownQuestion(question, f.runID); own {
		if q := f.asked[number]; q != nil {
			f.gotShares(q, nil)
		}
		return
	}
	if runID, answer, ok := answerTo(question, f.shares.Answering); ok {
		_ = f.redis.Publish(0, shard, []byte(f.prefix+Channel+":"+runID), answer, ignoredAnswer{}) // see ignoredAnswer
	}
}

// ignoredAnswer takes the outcome of an answer to another relay: if it is lost, that relay goes on without it.
type ignoredAnswer struct{}

func (ignoredAnswer) Answer(resp.Value, error) {}

// collect takes an answer.
func (f *Fleet) collect(answer []byte) {
	number, shares, ok := parseAnswer(answer)
	if q := f.asked[number]; ok && q != nil && len(shares) == len(q.names) {
		f.gotShares(q, shares)
	}
}

// gotShares takes the shares of one relay; nil: the question has them already.
func (f *Fleet) gotShares(q *question, shares []int64) {
	if q.addAnswer(shares); q.complete() {
		f.finish(q, nil)
	}
}
