package checks

// The pool: messages that wait for their checks, and the order in which they go on.

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"redis-relay/relay/loop"
	"redis-relay/relay/monitor"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
	"redis-relay/relay/schema"
)

const (
	maxHeld   = 32 << 20 // bytes of messages held; one alone may be larger
	heldExtra = 512      // bytes that a message takes beside its frame
)

// Pool holds messages that take long to judge, and those that came behind one
// of them on its channel. Workers check them in parallel, the oldest first. Those
// of one channel are handed on in the order in which they came; those of other
// channels pass by. It also checks what local clients publish.
//
// It holds copies of frames, since each frame of the connection would keep a whole chunk
// alive. Nobody waits for room: a message for which there is none is lost, and so
// is each one behind it on its channel until there is. What was lost is told in its
// place among the messages of the channel. One channel may have half the room, so
// that a flood there takes it from no other.
//
// A message is judged by the rules it arrived under, and goes to those that listen when
// it is judged. So whoever joins a name that others listen to already may hear what
// came shortly before. Everything belongs to the loop, but for the checks themselves.
type Pool struct {
	// Fixed after construction.
	loop     *loop.Loop
	dispatch func(*Message)
	lose     func(*Loss)
	exams    *Examinations
	room     *atomic.Int64 // bytes that messages may take, at most maxHeld
	parallel int           // checks at a time, at most

	queues  map[string]*channelQueue
	todo    []job // not begun, oldest first
	bytes   int   // that all messages take
	active  int   // checks under way
	ended   bool
	workers sync.WaitGroup
}

// job is one check. done is called by the loop; not when the relay ends before.
type job struct {
	checker route.Checker
	payload []byte // must not be changed
	done    func(err error)
}

// channelQueue holds the messages of one channel that are not handed on.
type channelQueue struct {
	messages []*Message
	bytes    int
	lost     *Loss // of what came behind the last message, told in its turn; nil: nothing
}

// Message is one that waits. It never changes; its check has its own rules.
type Message struct {
	resp.Delivery // in memory of its own

	Route    *route.Route
	Counters *monitor.Route
	IsCopy   bool // not the first of those that share the check

	check  *Check
	passed func() // not nil: this is a mark behind a message, not a message
}

// Verdict is that of the check, which has been made.
func (m *Message) Verdict() *policy.Verdict { return &m.check.Verdict }

func (m *Message) size() int { return cap(m.Frame) + heldExtra }

// Loss is what of a channel there was no room for. It never changes once it is told.
type Loss struct {
	Channel      string
	Kinds        [resp.Kinds]bool // of the messages, a copy apart from its original
	Since, Until time.Time
	Messages     int64

	last *Check // of the newest, whose copies are not counted again
}

// note adds a message.
func (l *Loss) note(d *resp.Delivery, c *Check, now time.Time) (first bool) {
	first = l.last != c
	if first {
		l.Messages++
	}
	l.last, l.Until, l.Kinds[d.Kind] = c, now, true
	return first
}

// Check is what is to be found out of a message. One that also matches patterns comes several
// times, and all its copies share one.
type Check struct {
	policy.Verdict // in memory of its own; Invalid is fixed once done

	begun bool // it is among the jobs, or was
	done  bool
}

// NewCheck returns a check that is still to be made, if the verdict is open.
func NewCheck(v *policy.Verdict) *Check {
	c := &Check{Verdict: *v, begun: !v.Open, done: !v.Open}
	c.Kind, c.Key = bytes.Clone(v.Kind), bytes.Clone(v.Key)
	return c
}

// New returns a pool that hands messages on by dispatch, and tells by lose what it
// had no room for. room is how many bytes it may hold, but it holds no more than maxHeld; it
// may change at any time.
//
// One core is left to the loop: with all of them at checks, what can
// be read waits some 10 ms for a turn. But a slow document must not keep the only
// worker from all others.
func New(
	l *loop.Loop, dispatch func(*Message), lose func(*Loss), exams *Examinations, room *atomic.Int64,
) *Pool {
	return &Pool{
		loop: l, dispatch: dispatch, lose: lose, exams: exams, room: room,
		parallel: max(2, runtime.GOMAXPROCS(0)-1), queues: map[string]*channelQueue{},
	}
}

// Run waits for ctx to end and for the checks under way. What the pool still holds
// is forgotten. It always returns nil.
func (p *Pool) Run(ctx context.Context) error {
	<-ctx.Done()
	p.loop.Call(func() { p.ended = true })
	p.exams.Stop()
	p.workers.Wait()
	return nil
}

// Holds tells whether messages of a channel wait, so that the next one must, too.
func (p *Pool) Holds(channel []byte) bool {
	return len(p.queues) > 0 && p.queues[string(channel)] != nil
}

// Add takes a message, or notes its loss: lost says so, unless it is a copy of one that was lost.
func (p *Pool) Add(
	rt *route.Route, counters *monitor.Route, d *resp.Delivery, c *Check, isCopy bool,
) (lost bool) {
	switch {
	case p.ended:
	case p.fits(d.Channel, len(d.Frame)+heldExtra):
		m := newMessage(d, c)
		m.Route, m.Counters, m.IsCopy = rt, counters, isCopy
		p.hold(m)
	default:
		lost = p.noteLoss(d, c)
		p.release(string(d.Channel)) // nothing may be there that would be judged
	}
	return lost
}

// newMessage returns a message in memory of its own.
func newMessage(d *resp.Delivery, c *Check) *Message {
	m := &Message{check: c}
	frame := append(make([]byte, 0, len(d.Frame)), d.Frame...) // not a byte more
	_, _, _ = resp.ScanServer(frame, &m.Delivery)              // was read once already
	m.ID, m.Epoch = d.ID, d.Epoch
	return m
}

// fits tells whether there is room for a message of a channel.
func (p *Pool) fits(channel []byte, size int) bool {
	room := int(min(maxHeld, p.room.Load()))
	if q := p.queues[string(channel)]; q != nil && q.bytes+size > room/2 {
		return false
	}
	return p.bytes == 0 || p.bytes+size <= room
}

// hold takes a message. What was lost before it has its place before it. One that is judged already, as a
// copy may be, is handed on at once if nothing is before it.
func (p *Pool) hold(m *Message) {
	channel := string(m.Channel)
	q := p.queue(channel)
	p.settleLoss(q)
	q.messages = append(q.messages, m)
	q.bytes += m.size()
	p.bytes += m.size()
	if m.check.done {
		p.release(channel)
	} else if !m.check.begun {
		p.judge(m, channel)
	}
}

// judge has the check of a message made.
func (p *Pool) judge(m *Message, channel string) {
	c := m.check
	c.begun = true
	p.Check(m.Route.Checker, m.Payload, func(err error) {
		if errors.Is(err, schema.ErrStopped) {
			return // the relay ends
		}
		c.Invalid, c.Open, c.done = err, false, true
		p.release(channel)
	})
}

// Check checks a payload, which must not be changed; done is called by the loop, later, but not when the
// relay ends before.
func (p *Pool) Check(checker route.Checker, payload []byte, done func(err error)) {
	p.todo = append(p.todo, job{checker, payload, done})
	p.begin()
}

// begin begins checks, as many as may be under way.
func (p *Pool) begin() {
	for len(p.todo) > 0 && p.active < p.parallel && !p.ended {
		j := p.todo[0]
		p.todo[0] = job{}
		p.todo = p.todo[1:]
		p.active++
		p.workers.Go(func() {
			err := p.exams.validate(j.checker, j.payload)
			p.loop.Post(func() { p.checked(j, err) })
		})
	}
}

func (p *Pool) checked(j job, err error) {
	p.active--
	p.begin()
	if !errors.Is(err, schema.ErrStopped) || !p.ended {
		j.done(err)
	}
}

// noteLoss notes the loss of a message, and reports whether it is not a copy of the
// one lost before.
func (p *Pool) noteLoss(d *resp.Delivery, c *Check) (first bool) {
	q, now := p.queue(string(d.Channel)), time.Now()
	if q.lost == nil {
		q.lost = &Loss{Channel: string(d.Channel), Since: now}
	}
	return q.lost.note(d, c, now)
}

// settleLoss puts a mark behind the messages, at which what was lost is told.
func (p *Pool) settleLoss(q *channelQueue) {
	if l := q.lost; l != nil {
		q.lost = nil
		p.mark(q, func() { p.lose(l) })
	}
}

// mark has passed called when the messages before it have been handed on.
func (p *Pool) mark(q *channelQueue, passed func()) {
	mark := &Message{check: NewCheck(&policy.Verdict{}), passed: passed}
	q.messages = append(q.messages, mark)
	q.bytes += mark.size()
	p.bytes += mark.size()
}

func (p *Pool) queue(channel string) *channelQueue {
	q := p.queues[channel]
	if q == nil {
		q = &channelQueue{}
		p.queues[channel] = q
	}
	return q
}

// Barrier calls done when all that is held now has been handed on: at once, if nothing is.
func (p *Pool) Barrier(done func()) {
	left := len(p.queues)
	if left == 0 {
		done()
		return
	}
	for _, q := range p.queues {
		p.settleLoss(q)
		p.mark(q, func() {
			if left--; left == 0 {
				done()
			}
		})
	}
}

// release hands on what is judged of a channel, up to the first message that is
// not.
func (p *Pool) release(channel string) {
	q := p.queues[channel]
	if q == nil {
		return
	}
	for {
		if len(q.messages) == 0 {
			p.settleLoss(q)
		}
		if len(q.messages) == 0 || !q.messages[0].check.done {
			break
		}
		m := q.messages[0]
		q.messages[0] = nil
		q.messages = q.messages[1:]
		p.bytes -= m.size()
		q.bytes -= m.size()
		if m.passed != nil {
			m.passed()
		} else {
			p.dispatch(m)
		}
	}
	if len(q.messages) == 0 {
		delete(p.queues, channel)
	}
}
