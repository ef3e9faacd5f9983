package relay

// Checks that may take long: beside the goroutine that reads from Redis, on as
// many cores as there are.

import (
	"bytes"
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"redis-relay/relay/monitor"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
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
// alive. When it is full, who reads from Redis waits, and Redis queues for the
// relay. If that lasts, the connection is lost, by Redis's limit for slow
// subscribers or as a silent one, which listeners learn like any other loss.
//
// A message is judged by the rules it arrived under, and goes to who listens when
// it is judged. So who joins a name that others listen to already may hear what
// came shortly before.
type checkPool struct {
	// Fixed after construction.
	handOn   func(*heldMessage) // for one channel never called by two at a time
	flush    func()
	room     *atomic.Int64 // bytes that messages may take, at most maxHeld
	parallel int           // workers at most

	channels atomic.Int64   // len(queues), for a look without a lock
	workers  sync.WaitGroup // each ends when there is nothing to check

	mu sync.Mutex // Guards what follows.

	freed  sync.Cond // broadcast when bytes sinks, and at the end
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
	busy     bool // somebody hands messages on, and will go on with what is judged meanwhile
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

// make checks the payload, unless somebody else does or did.
func (c *check) make(checker route.Checker) {
	if c.begun.CompareAndSwap(false, true) {
		c.err = checker.Validate(c.payload, nil)
		c.done.Store(true)
	}
}

// newCheckPool returns a pool that hands messages on by handOn, and calls flush
// when some were. Both are called by several goroutines. room is how many bytes it may
// hold, but it holds no more than maxHeld; it may change at any time.
//
// One core is left to who reads from Redis: with all of them at checks, what can
// be read waits some 10 ms for a turn. But a slow document must not keep the only
// worker from all others.
func newCheckPool(handOn func(*heldMessage), flush func(), room *atomic.Int64) *checkPool {
	p := &checkPool{
		handOn: handOn, flush: flush, room: room, parallel: max(2, runtime.GOMAXPROCS(0)-1),
		queues: map[string]*channelQueue{},
	}
	p.freed.L = &p.mu
	return p
}

// run waits for ctx to end and for the workers to stop. What the pool still holds
// is forgotten.
func (p *checkPool) run(ctx context.Context) error {
	<-ctx.Done()
	p.mu.Lock()
	p.ended = true
	p.freed.Broadcast()
	p.mu.Unlock()
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

// add takes a message, and waits while the pool is full. For one channel it must not
// be called by two at a time.
func (p *checkPool) add(rt *route.Route, counters *monitor.Route, d *resp.Delivery, c *check, isCopy bool) {
	m := &heldMessage{route: rt, counters: counters, check: c, isCopy: isCopy}
	_, _, _ = resp.ScanServer(bytes.Clone(d.Frame), &m.Delivery) // was read once already
	m.ID, m.Epoch = d.ID, d.Epoch
	if c.payload == nil {
		c.payload = m.Payload
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waitLocked(m.size())
	if p.ended {
		return
	}
	p.bytes += m.size()
	p.todo = append(p.todo, m)
	q := p.queues[string(m.Channel)]
	if q == nil {
		q = &channelQueue{}
		p.queues[string(m.Channel)] = q
		p.channels.Add(1)
	}
	q.messages = append(q.messages, m)
	if p.active < p.parallel {
		p.active++
		p.workers.Go(p.work)
	}
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
		mark := &heldMessage{check: madeCheck(judgement{}), passed: passed}
		p.bytes += mark.size()
		q.messages = append(q.messages, mark)
	}
	none := len(p.queues) == 0
	p.mu.Unlock()
	if none {
		done()
	}
}

// waitLocked waits until there is room for n bytes, or the end.
func (p *checkPool) waitLocked(n int) {
	full := func() bool {
		return p.bytes > 0 && p.bytes+n > int(min(maxHeld, p.room.Load())) && !p.ended
	}
	if !full() {
		return
	}
	p.mu.Unlock()
	p.flush() // what was handed on by the caller does not wait with it
	p.mu.Lock()
	for full() {
		p.freed.Wait()
	}
}

// work makes checks until none is left to make.
func (p *checkPool) work() {
	for m := p.next(); m != nil; m = p.next() {
		m.check.make(m.route.Checker)
		p.release(m.Channel)
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
	for ready := q.ready(); len(ready) > 0; ready = q.ready() {
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

// ready returns the first messages, as far as they are judged.
func (q *channelQueue) ready() []*heldMessage {
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
		first[i] = nil
	}
	q.messages = q.messages[len(first):]
	p.freed.Broadcast()
}
