package checks

// The pool: messages that wait for their checks, dispatched in order.

import (
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
	maxWaiting      = 32 << 20 // bytes of waiting messages; a single message may be larger
	messageOverhead = 512      // bytes that a message takes beside its frame
)

// Pool holds the messages whose check takes long, and the messages that arrived after one of them on its channel.
// Workers check them in parallel, the oldest first. Messages of one channel are dispatched in the order in which
// they arrived. The pool also checks what local clients publish.
//
// It copies frames, because each frame of the connection would keep a whole chunk alive. It never waits for room: a
// message without room is lost, and so are the next ones of its channel until there is room. The loss is reported
// in its place among the messages of the channel. One channel may take half of the room, so that a flood there
// leaves room for others.
//
// A message is judged by the rules under which it arrived, and dispatched to those who listen when the check is
// done. So a new listener of a name that has others already may get a message that arrived shortly before.
// Everything belongs to the loop, except the checks themselves.
type Pool struct {
	// Fixed after construction.
	loop       *loop.Loop
	dispatch   func(*Message)
	reportLoss func(*Loss)
	exams      *Examinations
	room       *atomic.Int64 // bytes that messages may take, at most maxWaiting
	parallel   int           // the most checks at the same time

	queues  map[string]*channelQueue // by channel
	todo    []job                    // not begun, the oldest first
	bytes   int                      // that all messages take
	active  int                      // the number of running checks
	ended   bool                     // the relay ends: no check begins any more
	workers sync.WaitGroup           // of running checks
}

// job is one check. The loop calls done, unless the relay ends first.
type job struct {
	checker route.Checker
	payload []byte // must not be changed
	done    func(err error)
}

// channelQueue holds the messages of one channel that were not dispatched yet.
type channelQueue struct {
	messages []*Message
	bytes    int
	lost     *Loss // of messages that came after the last one in messages; nil: none was lost
}

// New returns a pool. It calls dispatch for each message once its check is done, and reportLoss for messages that
// had no room, both in the loop. room is the number of bytes that it may hold; it may change at any time. The pool
// holds at most 32 MiB.
//
// One core is left to the loop: if all cores were busy with checks, incoming data would wait some 10 ms. There are at
// least two workers, so that one slow document does not delay all other messages.
func New(
	l *loop.Loop, dispatch func(*Message), reportLoss func(*Loss), exams *Examinations, room *atomic.Int64,
) *Pool {
	return &Pool{
		loop: l, dispatch: dispatch, reportLoss: reportLoss, exams: exams, room: room,
		parallel: max(2, runtime.GOMAXPROCS(0)-1), queues: map[string]*channelQueue{},
	}
}

// Run waits until ctx ends, and then for the running checks. Messages that still wait are dropped. It always
// returns nil. It blocks: call it in a goroutine, while the loop runs.
func (p *Pool) Run(ctx context.Context) error {
	<-ctx.Done()
	p.loop.Call(func() { p.ended = true })
	p.exams.Stop()
	p.workers.Wait()
	return nil
}

// HasWaiting reports whether messages of a channel wait. If so, the next one must wait, too.
func (p *Pool) HasWaiting(channel []byte) bool {
	return len(p.queues) > 0 && p.queues[string(channel)] != nil
}

// Add accepts a message, or records its loss. lost reports a loss, unless the message is a further copy of the one
// lost before.
func (p *Pool) Add(
	rt *route.Route, counters *monitor.Route, d *resp.Delivery, c *Check, isCopy bool,
) (lost bool) {
	switch {
	case p.ended:
	case p.fits(d.Channel, len(d.Frame)+messageOverhead):
		m := newMessage(d, c)
		m.Route, m.Counters, m.IsCopy = rt, counters, isCopy
		p.enqueue(m)
	default:
		lost = p.noteLoss(d, c)
		p.release(string(d.Channel)) // the queue may be empty: then no check would report the loss
	}
	return lost
}

// fits reports whether there is room for a message of a channel.
func (p *Pool) fits(channel []byte, size int) bool {
	room := int(min(maxWaiting, p.room.Load()))
	if q := p.queues[string(channel)]; q != nil && q.bytes+size > room/2 {
		return false
	}
	return p.bytes == 0 || p.bytes+size <= room
}

// enqueue adds a message to the queue of its channel, behind the report of a loss if there is one. A message whose
// check is done already, as that of a copy may be, is dispatched at once if no other one waits.
func (p *Pool) enqueue(m *Message) {
	channel := string(m.Channel)
	q := p.queue(channel)
	p.markLoss(q)
	q.messages = append(q.messages, m)
	q.bytes += m.size()
	p.bytes += m.size()
	if m.check.done {
		p.release(channel)
	} else if !m.check.begun {
		p.judge(m, channel)
	}
}

// judge starts the check of a message.
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

// Check checks a payload, which must not be changed. The loop calls done later, unless the relay ends first.
func (p *Pool) Check(checker route.Checker, payload []byte, done func(err error)) {
	p.todo = append(p.todo, job{checker, payload, done})
	p.begin()
}

// begin starts checks while fewer than parallel run.
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

// checked ends a check.
func (p *Pool) checked(j job, err error) {
	p.active--
	p.begin()
	if !errors.Is(err, schema.ErrStopped) || !p.ended {
		j.done(err)
	}
}

// noteLoss records the loss of a message, and reports whether it is the first copy.
func (p *Pool) noteLoss(d *resp.Delivery, c *Check) (first bool) {
	q, now := p.queue(string(d.Channel)), time.Now()
	if q.lost == nil {
		q.lost = &Loss{Channel: string(d.Channel), Since: now}
	}
	return q.lost.note(d, c, now)
}

// markLoss puts a marker behind the messages of a queue; the loss is reported when the marker's turn comes.
func (p *Pool) markLoss(q *channelQueue) {
	if l := q.lost; l != nil {
		q.lost = nil
		p.mark(q, func() { p.reportLoss(l) })
	}
}

// mark adds a marker: passed is called when all messages before it have been dispatched.
func (p *Pool) mark(q *channelQueue, passed func()) {
	mark := &Message{check: NewCheck(&policy.Verdict{}), passed: passed}
	q.messages = append(q.messages, mark)
	q.bytes += mark.size()
	p.bytes += mark.size()
}

// queue returns the queue of a channel, which it makes if need be.
func (p *Pool) queue(channel string) *channelQueue {
	q := p.queues[channel]
	if q == nil {
		q = &channelQueue{}
		p.queues[channel] = q
	}
	return q
}

// Barrier calls done when all messages that wait now have been dispatched: at once if none waits.
func (p *Pool) Barrier(done func()) {
	left := len(p.queues)
	if left == 0 {
		done()
		return
	}
	for _, q := range p.queues {
		p.markLoss(q)
		p.mark(q, func() {
			if left--; left == 0 {
				done()
			}
		})
	}
}

// release dispatches the messages of a channel up to the first one whose check is not done.
func (p *Pool) release(channel string) {
	q := p.queues[channel]
	if q == nil {
		return
	}
	for {
		if len(q.messages) == 0 {
			p.markLoss(q)
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
