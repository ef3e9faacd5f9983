package upstream

// One command, and a ring of commands.

import (
	"time"

	"redis-relay/relay/resp"
)

// verb says what answers a command.
type verb uint8

const (
	ordinary    verb = iota // one reply
	subscribe               // a confirmation for each name, or an error
	unsubscribe             // the same
	fence                   // a PONG
	leave                   // unsubscribe, if Redis may do so of itself: perhaps an error, then a PONG
)

// command is a command without an answer yet.
type command struct {
	verb     verb
	kind     resp.Kind // of subscribe and unsubscribe
	details  *details  // of all but ordinary ones
	answer   Answer    // of ordinary ones
	sender   uint64    // see Connection.Withdraw
	deadline time.Time // for the answer, see session.due; in backlog.waiting, for sending it; zero: none
	size     int64     // as charged in backlog.bytes
	wire     int       // bytes, encoded; 0: it is not encoded yet
}

// details is what only few commands need.
type details struct {
	names    []string // of subscribe and unsubscribe
	answered int      // how many of names
	done     func(lost bool, refused error)
	fences   []func(lost bool) // of fence
	refused  error             // of leave: the error that came
}

// passFence calls all who wait for a fence.
func (a *details) passFence(lost bool) {
	for _, done := range a.fences {
		done(lost)
	}
}

// maxRing is how many places an empty queue keeps.
const maxRing = 4096

// queue is a ring of commands.
type queue struct {
	ring  []command
	head  int
	count int
}

func (q *queue) push(m command) {
	if q.count == len(q.ring) {
		q.grow()
	}
	q.ring[(q.head+q.count)&(len(q.ring)-1)] = m
	q.count++
}

func (q *queue) grow() {
	ring := make([]command, max(16, 2*len(q.ring)))
	for i := range q.count {
		ring[i] = *q.at(i)
	}
	q.ring, q.head = ring, 0
}

// at returns a command by its place from the first, valid until the next push.
func (q *queue) at(i int) *command { return &q.ring[(q.head+i)&(len(q.ring)-1)] }

func (q *queue) first() *command {
	if q.count == 0 {
		return nil
	}
	return q.at(0)
}

func (q *queue) last() *command {
	if q.count == 0 {
		return nil
	}
	return q.at(q.count - 1)
}

// pop takes the first command off. There must be one.
func (q *queue) pop() command {
	place := q.at(0)
	m := *place
	*place = command{} // lets go of its memory
	q.head = (q.head + 1) & (len(q.ring) - 1)
	if q.count--; q.count == 0 && len(q.ring) > maxRing {
		*q = queue{}
	}
	return m
}

// pushFront puts a command back before the first.
func (q *queue) pushFront(m command) {
	if q.count == len(q.ring) {
		q.grow()
	}
	q.head = (q.head - 1) & (len(q.ring) - 1)
	q.ring[q.head] = m
	q.count++
}
