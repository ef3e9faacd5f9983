package relay

// Checks that may take long: beside the loop, on as many cores as there are.

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
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
	"redis-relay/relay/schema"
)

const (
	maxHeld   = 32 << 20 // bytes of messages held; one alone may be larger
	heldExtra = 512      // bytes that a message takes beside its frame
)

// checkPool holds messages that take long to judge, and those that came behind one
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
type checkPool struct {
	// Fixed after construction.
	loop     *loop.Loop
	handOn   func(*heldMessage)
	lose     func(*loss)
	exams    *examinations
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
	messages []*heldMessage
	bytes    int
	lost     *loss // of what came behind the last message, told in its turn; nil: nothing
}

// heldMessage never changes; check has its own rules. If passed is set, this is a mark behind a message,
// not a message.
type heldMessage struct {
	resp.Delivery // in memory of its own

	route    *route.Route
	counters *monitor.Route
	check    *check
	isCopy   bool // not the first of those that share check
	passed   func()
}

func (m *heldMessage) size() int { return cap(m.Frame) + heldExtra }

// loss is what of a channel there was no room for. It never changes once it is told.
type loss struct {
	channel      string
	kinds        [resp.Kinds]bool // of the messages, a copy apart from its original
	since, until time.Time
	messages     int64
	last         *check // of the newest, whose copies are not counted again
}

// note adds a message.
func (l *loss) note(d *resp.Delivery, c *check, now time.Time) (first bool) {
	first = l.last != c
	if first {
		l.messages++
	}
	l.last, l.until, l.kinds[d.Kind] = c, now, true
	return first
}

// check is one judgement. A message that also matches patterns comes several
// times, and all its copies share one.
type check struct {
	judgement      // in memory of its own; err is fixed once done
	begun     bool // it is among the jobs, or was
	done      bool
}

// newCheck returns a check that is still to be made of what a scan has left open.
func newCheck(j judgement) *check {
	j.kind, j.key = bytes.Clone(j.kind), bytes.Clone(j.key)
	return &check{judgement: j}
}

// madeCheck returns a check with its result.
func madeCheck(j judgement) *check {
	c := newCheck(j)
	c.begun, c.done = true, true
	return c
}

// newCheckPool returns a pool that hands messages on by handOn, and tells by lose what it
// had no room for. room is how many bytes it may hold, but it holds no more than maxHeld; it
// may change at any time.
//
// One core is left to the loop: with all of them at checks, what can
// be read waits some 10 ms for a turn. But a slow document must not keep the only
// worker from all others.
func newCheckPool(
	l *loop.Loop, handOn func(*heldMessage), lose func(*loss), exams *examinations, room *atomic.Int64,
) *checkPool {
	return &checkPool{
		loop: l, handOn: handOn, lose: lose, exams: exams, room: room,
		parallel: max(2, runtime.GOMAXPROCS(0)-1), queues: map[string]*channelQueue{},
	}
}

// run waits for ctx to end and for the checks under way. What the pool still holds
// is forgotten.
func (p *checkPool) run(ctx context.Context) error {
	<-ctx.Done()
	p.loop.Call(func() { p.ended = true })
	p.exams.stop()
	p.workers.Wait()
	return nil
}

// holds tells whether messages of a channel wait, so that the next one must, too.
func (p *checkPool) holds(channel []byte) bool {
	return len(p.queues) > 0 && p.queues[string(channel)] != nil
}

// add takes a message, or notes its loss.
func (p *checkPool) add(rt *route.Route, counters *monitor.Route, d *resp.Delivery, c *check, isCopy bool) {
	switch {
	case p.ended:
	case p.fits(d.Channel, len(d.Frame)+heldExtra):
		m := newHeldMessage(d, c)
		m.route, m.counters, m.isCopy = rt, counters, isCopy
		p.hold(m)
	default:
		if p.noteLoss(d, c) {
			counters.Rejected(monitor.Inbound, string(Busy)).Inc()
		}
		p.release(string(d.Channel)) // nothing may be there that would be judged
	}
}

// newHeldMessage returns a message in memory of its own.
func newHeldMessage(d *resp.Delivery, c *check) *heldMessage {
	m := &heldMessage{check: c}
	frame := append(make([]byte, 0, len(d.Frame)), d.Frame...) // not a byte more
	_, _, _ = resp.ScanServer(frame, &m.Delivery)              // was read once already
	m.ID, m.Epoch = d.ID, d.Epoch
	return m
}

// fits tells whether there is room for a message of a channel.
func (p *checkPool) fits(channel []byte, size int) bool {
	room := int(min(maxHeld, p.room.Load()))
	if q := p.queues[string(channel)]; q != nil && q.bytes+size > room/2 {
		return false
	}
	return p.bytes == 0 || p.bytes+size <= room
}

// hold takes a message. What was lost before it has its place before it. One that is judged already, as a
// copy may be, is handed on at once if nothing is before it.
func (p *checkPool) hold(m *heldMessage) {
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
func (p *checkPool) judge(m *heldMessage, channel string) {
	c := m.check
	c.begun = true
	p.check(m.route.Checker, m.Payload, func(err error) {
		if errors.Is(err, schema.ErrStopped) {
			return // the relay ends
		}
		c.err, c.done = err, true
		p.release(channel)
	})
}

// check checks a payload, which must not be changed; done is called by the loop, later, but not when the
// relay ends before.
func (p *checkPool) check(checker route.Checker, payload []byte, done func(err error)) {
	p.todo = append(p.todo, job{checker, payload, done})
	p.begin()
}

// begin begins checks, as many as may be under way.
func (p *checkPool) begin() {
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

func (p *checkPool) checked(j job, err error) {
	p.active--
	p.begin()
	if !errors.Is(err, schema.ErrStopped) || !p.ended {
		j.done(err)
	}
}

// noteLoss notes the loss of a message, and reports whether it is not a copy of the
// one lost before.
func (p *checkPool) noteLoss(d *resp.Delivery, c *check) (first bool) {
	q, now := p.queue(string(d.Channel)), time.Now()
	if q.lost == nil {
		q.lost = &loss{channel: string(d.Channel), since: now}
	}
	return q.lost.note(d, c, now)
}

// settleLoss puts a mark behind the messages, at which what was lost is told.
func (p *checkPool) settleLoss(q *channelQueue) {
	if l := q.lost; l != nil {
		q.lost = nil
		p.mark(q, func() { p.lose(l) })
	}
}

// mark has passed called when the messages before it have been handed on.
func (p *checkPool) mark(q *channelQueue, passed func()) {
	mark := &heldMessage{check: madeCheck(judgement{}), passed: passed}
	q.messages = append(q.messages, mark)
	q.bytes += mark.size()
	p.bytes += mark.size()
}

func (p *checkPool) queue(channel string) *channelQueue {
	q := p.queues[channel]
	if q == nil {
		q = &channelQueue{}
		p.queues[channel] = q
	}
	return q
}

// barrier calls done when all that is held now has been handed on: at once, if nothing is.
func (p *checkPool) barrier(done func()) {
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
func (p *checkPool) release(channel string) {
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
			p.handOn(m)
		}
	}
	if len(q.messages) == 0 {
		delete(p.queues, channel)
	}
}
