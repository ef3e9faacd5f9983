package upstream

// Commands without an answer: where the next one goes, how many bytes all may take, and how long they wait.

import (
	"errors"
	"sync/atomic"
	"time"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
)

const (
	maxQueued = 64 << 20 // bytes that may wait for an answer
	overhead  = 256      // bytes a waiting command takes beside its arguments
)

// errLate ends a session.
var errLate = errors.New("Redis has not answered in time")

// backlog is all commands without an answer: the session has those that were sent, and waiting has those
// that wait for a connection. It belongs to the loop.
type backlog struct {
	// Fixed after construction.
	loop    *loop.Loop
	room    *atomic.Int64 // bytes that commands may take, but no more than maxQueued
	timeout time.Duration // for a publish
	hurry   chan struct{} // has a value when a command waits for a connection

	session    *session // nil: there is no connection
	waiting    waitingList
	bytes      int64           // of all commands, those of the session among them
	withdrawn  map[uint64]bool // senders that have hung up in this turn
	lastScript *Script         // the last one that was sent or queued
	scratch    []byte          // for encoding
	expiry     *loop.Timer     // for the first deadline
	closed     bool            // nothing more is taken
}

// init sets up an empty backlog.
func (b *backlog) init(l *loop.Loop, room *atomic.Int64, timeout time.Duration) {
	b.loop, b.room, b.timeout, b.hurry = l, room, timeout, make(chan struct{}, 1)
	b.expiry = l.AfterFunc(0, b.expire)
	b.expiry.Stop()
}

// reserve charges size bytes, and returns where to encode a command.
func (b *backlog) reserve(size int64) (wire *[]byte, err error) {
	if err := b.charge(size); err != nil {
		return nil, err
	}
	p := b.destination()
	p.seal(b)
	return &p.wire, nil
}

// charge charges the bytes of a command that is about to be queued. The error is ErrDown or ErrBusy.
func (b *backlog) charge(size int64) error {
	switch {
	case b.closed:
		return ErrDown
	case b.bytes > 0 && b.bytes+size > b.limit():
		return ErrBusy
	}
	b.bytes += size
	return nil
}

// limit is how many bytes may wait for an answer.
func (b *backlog) limit() int64 { return min(maxQueued, b.room.Load()) }

// destination returns where the next command goes: to Redis, or among those that wait for a connection.
func (b *backlog) destination() *pending {
	if s := b.session; s != nil && s.restored {
		return &s.pending
	}
	return &b.waiting.pending
}

// enqueue queues a command that was encoded where reserve said.
func (b *backlog) enqueue(m command) {
	m.deadline = b.loop.Now().Add(b.timeout)
	if p := b.destination(); p != &b.waiting.pending {
		b.session.push(m)
	} else {
		p.push(m)
		b.hasten()
	}
	b.arm()
}

// complete gives a command the answer of Redis.
func (b *backlog) complete(m *command, v resp.Value, err error) {
	b.bytes -= m.size
	m.answer.Answer(v, err)
}

// fail answers a command with an error. Commands of the relay's own may have no Answer.
func (b *backlog) fail(m *command, err error) {
	b.bytes -= m.size
	if m.answer != nil {
		m.answer.Answer(resp.Value{}, err)
	}
}

// withdraw fails the waiting commands of one sender, soon after: senders that hang up in one turn
// share one pass over the queue.
func (b *backlog) withdraw(sender uint64) {
	if b.waiting.list.count == 0 {
		return
	}
	if b.withdrawn == nil {
		b.withdrawn = map[uint64]bool{}
		b.loop.Post(b.failWithdrawn)
	}
	b.withdrawn[sender] = true
}

func (b *backlog) failWithdrawn() {
	senders := b.withdrawn
	b.withdrawn = nil
	for _, m := range b.waiting.withdraw(senders) {
		b.fail(&m, ErrDown)
	}
}

// failWaiting fails all commands that wait for a connection.
func (b *backlog) failWaiting() {
	waiting := b.waiting
	b.waiting = waitingList{}
	for waiting.list.count > 0 {
		m := waiting.list.pop()
		b.fail(&m, ErrDown)
	}
}

// takeOver has a restored session send all commands that waited for it.
func (b *backlog) takeOver(s *session) {
	waiting := b.waiting
	b.waiting = waitingList{}
	s.wire = append(s.wire, waiting.wire...)
	for waiting.list.count > 0 {
		s.push(waiting.list.pop())
	}
	b.arm()
}

// takeBack has commands that a session did not send wait for the next one, before all others.
func (b *backlog) takeBack(unsent pending) {
	unsent.wire = append(unsent.wire, b.waiting.wire...)
	for b.waiting.list.count > 0 {
		unsent.push(b.waiting.list.pop())
	}
	unsent.open = b.waiting.open
	b.waiting = waitingList{unsent}
}

// hasten shortens the pause before the next session if a command waits for it.
func (b *backlog) hasten() {
	if b.waiting.list.count > 0 {
		select {
		case b.hurry <- struct{}{}:
		default:
		}
	}
}

// arm sets the timer for the first deadline.
func (b *backlog) arm() {
	if b.expiry.Set() {
		return
	}
	var next time.Time
	if m := b.waiting.list.first(); m != nil {
		next = m.deadline
	}
	if s := b.session; s != nil {
		if at := s.due(); !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if !next.IsZero() {
		b.expiry.Reset(max(time.Until(next), time.Millisecond))
	}
}

// expire fails commands that have waited for a connection for too long, and ends a session whose answer is
// late.
func (b *backlog) expire() {
	now := time.Now() // this turn may have begun before the deadline
	for _, m := range b.waiting.expired(now) {
		b.fail(&m, ErrDown)
	}
	if s := b.session; s != nil {
		if at := s.due(); !at.IsZero() && !at.After(now) {
			s.end(errLate)
		}
	}
	b.arm()
}
