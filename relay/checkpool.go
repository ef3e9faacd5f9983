package relay

// Checks that may take long: beside the goroutine that reads from Redis, on as
// many cores as there are.

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

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
// channels pass by.
//
// It holds copies of frames, since each frame of the tap would keep a whole chunk
// alive. Nobody waits for room: a message for which there is none is lost, and so
// is each one behind it on its channel until there is. What was lost is told in its
// place among the messages of the channel. One channel may have half the room, so
// that a flood there takes it from no other.
//
// A message is judged by the rules it arrived under, and goes to who listens when
// it is judged. So who joins a name that others listen to already may hear what
// came shortly before.
type checkPool struct {
	// Fixed after construction.
	handOn   func(*heldMessage) // for one channel never called by two at a time
	lose     func(*loss)        // the same
	flush    func()
	exams    *examinations
	room     *atomic.Int64 // bytes that messages may take, at most maxHeld
	parallel int           // workers at most

	channels atomic.Int64   // len(queues), for a look without a lock
	workers  sync.WaitGroup // each ends when there is nothing to check

	mu sync.Mutex // Guards what follows.

	queues map[string]*channelQueue
	todo   []*heldMessage // not looked at by a worker yet, oldest first
	bytes  int            // that all messages take
	active int            // workers
	ended  bool
}

// channelQueue holds the messages of one channel that are not handed on. Guarded
// by checkPool.mu.
type channelQueue struct {
	messages []*heldMessage
	bytes    int
	lost     *loss // of what came behind the last message, told in its turn; nil: nothing
	busy     bool  // somebody hands messages on, and will go on with what is judged meanwhile
}

// heldMessage never changes; check has its own rules. With passed, it is none but a
// mark behind one.
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
	judgement        // in memory of its own; err is fixed once done
	payload   []byte // of the first copy; set before any worker looks

	begun atomic.Bool
	done  atomic.Bool
}

// newCheck returns a check that is still to be made of what a scan has left open.
func newCheck(j judgement) *check {
	j.kind, j.key = bytes.Clone(j.kind), bytes.Clone(j.key)
	return &check{judgement: j}
}

// madeCheck returns a check with its result.
func madeCheck(j judgement) *check {
	c := newCheck(j)
	c.begun.Store(true)
	c.done.Store(true)
	return c
}

// make checks the payload, unless somebody else does or did. It reports false if the
// relay ended meanwhile: then there is no result, and nobody to hear of it.
func (c *check) make(checker route.Checker, exams *examinations) (ok bool) {
	if !c.begun.CompareAndSwap(false, true) {
		return true
	}
	if c.err = exams.validate(checker, c.payload); errors.Is(c.err, schema.ErrStopped) {
		return false
	}
	c.done.Store(true)
	return true
}

// newCheckPool returns a pool that hands messages on by handOn, tells by lose what it
// had no room for, and calls flush after both. All three are called by several
// goroutines. room is how many bytes it may hold, but it holds no more than maxHeld; it
// may change at any time.
//
// One core is left to who reads from Redis: with all of them at checks, what can
// be read waits some 10 ms for a turn. But a slow document must not keep the only
// worker from all others.
func newCheckPool(
	handOn func(*heldMessage), lose func(*loss), flush func(), exams *examinations, room *atomic.Int64,
) *checkPool {
	return &checkPool{
		handOn: handOn, lose: lose, flush: flush, exams: exams, room: room,
		parallel: max(2, runtime.GOMAXPROCS(0)-1), queues: map[string]*channelQueue{},
	}
}

// run waits for ctx to end and for the workers to stop. What the pool still holds
// is forgotten.
func (p *checkPool) run(ctx context.Context) error {
	<-ctx.Done()
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.exams.stop()
	p.workers.Wait()
	return nil
}

// holds tells whether messages of a channel wait, so that the next one must, too.
// Only who may call add for the channel may call it.
func (p *checkPool) holds(channel []byte) bool {
	if p.channels.Load() == 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queues[string(channel)] != nil
}

// add takes a message, or notes its loss. For one channel it must not be called by
// two at a time.
func (p *checkPool) add(rt *route.Route, counters *monitor.Route, d *resp.Delivery, c *check, isCopy bool) {
	size := len(d.Frame) + heldExtra
	p.mu.Lock()
	switch {
	case p.ended:
		p.mu.Unlock()
	case p.fitsLocked(d.Channel, size):
		m := newHeldMessage(d, c)
		m.route, m.counters, m.isCopy = rt, counters, isCopy
		p.holdLocked(m)
		p.mu.Unlock()
	default:
		first := p.loseLocked(d, c)
		p.mu.Unlock()
		if first {
			counters.Rejected(monitor.Inbound, string(Busy)).Inc()
		}
		p.release(d.Channel) // nothing may be there that would be judged
	}
}

// newHeldMessage returns a message in memory of its own.
func newHeldMessage(d *resp.Delivery, c *check) *heldMessage {
	m := &heldMessage{check: c}
	frame := append(make([]byte, 0, len(d.Frame)), d.Frame...) // not a byte more
	_, _, _ = resp.ScanServer(frame, &m.Delivery)              // was read once already
	m.ID, m.Epoch = d.ID, d.Epoch
	if c.payload == nil {
		c.payload = m.Payload
	}
	return m
}

// fitsLocked tells whether there is room for a message of a channel.
func (p *checkPool) fitsLocked(channel []byte, size int) bool {
	room := int(min(maxHeld, p.room.Load()))
	if q := p.queues[string(channel)]; q != nil && q.bytes+size > room/2 {
		return false
	}
	return p.bytes == 0 || p.bytes+size <= room
}

// holdLocked takes a message. What was lost before it has its place before it.
func (p *checkPool) holdLocked(m *heldMessage) {
	q := p.queueLocked(string(m.Channel))
	p.settleLossLocked(q)
	q.messages = append(q.messages, m)
	q.bytes += m.size()
	p.bytes += m.size()
	p.todo = append(p.todo, m)
	if p.active < p.parallel {
		p.active++
		p.workers.Go(p.work)
	}
}

// loseLocked notes the loss of a message, and reports whether it is not a copy of the
// one lost before.
func (p *checkPool) loseLocked(d *resp.Delivery, c *check) (first bool) {
	q, now := p.queueLocked(string(d.Channel)), time.Now()
	if q.lost == nil {
		q.lost = &loss{channel: string(d.Channel), since: now}
	}
	return q.lost.note(d, c, now)
}

// settleLossLocked puts a mark behind the messages, at which what was lost is told.
func (p *checkPool) settleLossLocked(q *channelQueue) {
	if l := q.lost; l != nil {
		q.lost = nil
		p.markLocked(q, func() { p.lose(l) })
	}
}

// markLocked has passed called when the messages before it have been handed on.
func (p *checkPool) markLocked(q *channelQueue, passed func()) {
	mark := &heldMessage{check: madeCheck(judgement{}), passed: passed}
	q.messages = append(q.messages, mark)
	q.bytes += mark.size()
	p.bytes += mark.size()
}

func (p *checkPool) queueLocked(channel string) *channelQueue {
	q := p.queues[channel]
	if q == nil {
		q = &channelQueue{}
		p.queues[channel] = q
		p.channels.Add(1)
	}
	return q
}

// barrier calls done when all that is held now has been handed on. done must not
// block.
func (p *checkPool) barrier(done func()) {
	if p.channels.Load() == 0 {
		done()
		return
	}
	p.mu.Lock()
	var left atomic.Int64
	left.Store(int64(len(p.queues)))
	passed := func() {
		if left.Add(-1) == 0 {
			done()
		}
	}
	for _, q := range p.queues {
		p.settleLossLocked(q)
		p.markLocked(q, passed)
	}
	none := len(p.queues) == 0
	p.mu.Unlock()
	if none {
		done()
	}
}

// work makes checks until none is left to make.
func (p *checkPool) work() {
	for m := p.next(); m != nil; m = p.next() {
		if m.check.make(m.route.Checker, p.exams) {
			p.release(m.Channel)
		}
	}
}

// next returns the oldest message that no worker has looked at. Without one, the
// caller must end.
func (p *checkPool) next() *heldMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.todo) == 0 || p.ended {
		p.active--
		return nil
	}
	m := p.todo[0]
	p.todo[0] = nil
	p.todo = p.todo[1:]
	return m
}

// release hands on what is judged of a channel, up to the first message that is
// not. While it flushes more may get ready, which then goes out together.
func (p *checkPool) release(channel []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.queues[string(channel)]
	if q == nil || q.busy {
		return
	}
	q.busy = true
	for ready := p.readyLocked(q); len(ready) > 0; ready = p.readyLocked(q) {
		p.mu.Unlock()
		for _, m := range ready {
			if m.passed != nil {
				m.passed()
				continue
			}
			p.handOn(m)
		}
		p.flush()
		p.mu.Lock()
		p.forgetLocked(q, ready)
	}
	q.busy = false
	if len(q.messages) == 0 {
		delete(p.queues, string(channel))
		p.channels.Add(-1)
	}
}

// readyLocked returns the first messages, as far as they are judged, and behind the
// last one what was lost.
func (p *checkPool) readyLocked(q *channelQueue) []*heldMessage {
	if len(q.messages) == 0 {
		p.settleLossLocked(q)
	}
	n := 0
	for n < len(q.messages) && q.messages[n].check.done.Load() {
		n++
	}
	return q.messages[:n:n]
}

// forgetLocked drops the first messages, which were handed on.
func (p *checkPool) forgetLocked(q *channelQueue, first []*heldMessage) {
	for i, m := range first {
		p.bytes -= m.size()
		q.bytes -= m.size()
		first[i] = nil
	}
	q.messages = q.messages[len(first):]
}
