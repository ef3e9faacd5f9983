package upstream

// Commands that wait for their answers, in order.

import (
	"slices"
	"time"

	"redis-relay/relay/resp"
)

// verb says what answers a command.
type verb uint8

const (
	other       verb = iota // one reply
	subscribe               // a confirmation for each name, or an error
	unsubscribe             // the same
	fence                   // a PONG
)

// command is one that was not answered yet.
type command struct {
	verb     verb
	kind     resp.Kind // of subscribe and unsubscribe
	ask      *ask      // of all but other
	answer   Answer    // of other
	from     uint64    // whose it is
	deadline time.Time // see life.due; while it waits for a connection, for being sent; zero: none
	size     int64     // as counted in Connection.queued
	wire     int       // bytes, encoded; 0: it is not yet
}

// ask is what only few commands need.
type ask struct {
	names    []string // of subscribe and unsubscribe
	answered int      // of names
	done     func(lost bool, refused error)
	fences   []func(lost bool)
}

// passed tells those who wait for a fence.
func (a *ask) passed(lost bool) {
	for _, done := range a.fences {
		done(lost)
	}
}

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
	*place = command{} // lets go of what it refers to
	q.head = (q.head + 1) & (len(q.ring) - 1)
	if q.count--; q.count == 0 && len(q.ring) > maxRing {
		*q = queue{}
	}
	return m
}

// maxRing is how many places an empty queue keeps.
const maxRing = 4096

// pending is commands that wait to be sent, or to be answered, and their bytes, as far as those are not sent.
type pending struct {
	list  queue
	bytes int    // of all of list, encoded, also those that were sent
	wire  []byte // what of them is not sent
	open  *calls // the last command of list, if calls can be added to it: it is not encoded yet
}

func (p *pending) push(m command) {
	p.bytes += m.wire
	p.list.push(m)
}

func (p *pending) pop() command {
	m := p.list.pop()
	p.bytes -= m.wire
	return m
}

// unpop puts a command back before the first.
func (p *pending) unpop(m command) {
	p.bytes += m.wire
	p.list.unpop(m)
}

// asked returns the first command if all of it was sent, so that Redis may have answered it. It is valid
// until the next push or pop.
func (p *pending) asked() *command {
	if m := p.list.first(); m != nil && m.wire > 0 && len(p.wire) <= p.bytes-m.wire {
		return m
	}
	return nil
}

// expired takes out what has waited too long to be sent.
func (p *pending) expired(now time.Time) (late []command) {
	wire := 0
	for m := p.list.first(); m != nil && !m.deadline.After(now); m = p.list.first() {
		if p.list.count == 1 {
			p.open = nil
		}
		wire += m.wire
		late = append(late, p.pop())
	}
	p.wire = slices.Delete(p.wire, 0, wire)
	return late
}

// takeBack takes out what waits from some senders.
func (p *pending) takeBack(from map[uint64]bool) (back []command) {
	all, wire := p.list, p.wire
	p.list, p.wire, p.bytes = queue{}, nil, 0
	for all.count > 0 {
		m := all.pop()
		text := wire[:m.wire]
		wire = wire[m.wire:]
		c, several := m.answer.(*calls)
		switch {
		case several:
			mine := c.takeBack(from)
			back = append(back, mine...)
			switch {
			case len(mine) == 0:
			case len(c.list) == 0:
				continue
			case p.open != c: // with the source: what should have brought it may be taken back
				text = c.append(nil, "EVAL", c.script.source)
			}
			m.size = c.size
		case from[m.from]:
			back = append(back, m)
			continue
		}
		m.wire = len(text)
		p.push(m)
		p.wire = append(p.wire, text...)
	}
	if c := p.open; c != nil && len(c.list) == 0 {
		p.open = nil
	}
	return back
}

// unsent takes off what was not sent, not even in part: the commands that can wait for another connection,
// with their bytes, and the rest.
func (p *pending) unsent() (later pending, rest []command) {
	n, bytes := p.list.count, len(p.wire)
	for n > 0 && p.list.at(n-1).wire <= bytes {
		bytes -= p.list.at(n - 1).wire
		n--
	}
	wire := p.wire[bytes:]
	for i := n; i < p.list.count; i++ {
		m := p.list.at(i)
		text := wire[:m.wire]
		wire = wire[m.wire:]
		if m.verb == other && !m.deadline.IsZero() {
			later.push(*m)
			later.wire = append(later.wire, text...)
		} else {
			rest = append(rest, *m)
		}
	}
	p.list.count = n
	return later, rest
}

// unpop puts a command back before the first.
func (q *queue) unpop(m command) {
	if q.count == len(q.ring) {
		q.grow()
	}
	q.head = (q.head - 1) & (len(q.ring) - 1)
	q.ring[q.head] = m
	q.count++
}
