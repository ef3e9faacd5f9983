package shards

// Publishes: they are kept until they are answered, so that they can go to another node.

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
	"redis-relay/relay/upstream/cluster"
)

const (
	maxQueued = 64 << 20 // bytes that may wait for an answer
	overhead  = 512      // bytes that a publish takes beside its text, of which there are two copies
)

// publishes are those of a slot. It belongs to the loop.
type publishes struct {
	slot *slot // fixed after construction

	parked   []*publish // that were not sent, or were sent back, by their numbers
	inflight int        // at one node:
	where    *node      // that node
	recalled bool       // what it has not sent is about to come back
}

// publish is one. It is upstream.Answer of its command.
type publish struct {
	slot             *slot
	number           uint64
	sender           uint64
	channel, payload []byte
	answer           upstream.Answer
	deadline         time.Time
	size             int64
}

// Publish sends a SPUBLISH, as upstream.Connection.Publish does. Where Redis has not carried it out, because the slot
// is at another node or is not served for the moment, it is sent again, but not later than Options.PublishTimeout.
func (s *Shards) Publish(sender uint64, channel, payload []byte, a upstream.Answer) error {
	size := int64(overhead + 2*(len(channel)+len(payload)))
	switch {
	case s.closed:
		return upstream.ErrDown
	case s.bytes > 0 && s.bytes+size > min(maxQueued, s.room.Load()):
		return upstream.ErrBusy
	}
	s.number++
	sl := s.slot(cluster.Slot(channel))
	text := append(slices.Clone(channel), payload...)
	p := &publish{
		slot: sl, number: s.number, sender: sender, channel: text[:len(channel)], payload: text[len(channel):], answer: a,
		deadline: time.Now().Add(s.opts.PublishTimeout), size: size,
	}
	s.bytes += size
	if sl.publishes.blocked() || sl.publishes.waits() {
		sl.publishes.park(p)
		return nil
	}
	if err := sl.publishes.send(p); err != nil {
		s.bytes -= size
		sl.forgetUnused()
		return err
	}
	return nil
}

// any reports whether there are any.
func (q *publishes) any() bool { return q.inflight > 0 || q.waits() }

// waits reports whether there are some that were not sent.
func (q *publishes) waits() bool { return len(q.parked) > 0 }

// blocked reports whether nothing may be sent now.
func (q *publishes) blocked() bool {
	sl := q.slot
	return sl.at == nil || sl.again || q.recalled || q.inflight > 0 && q.where != sl.at
}

// send hands a publish to the node.
func (q *publishes) send(p *publish) error {
	q.slot.sayAsking()
	if err := q.slot.at.conn.Publish(q.source(), true, p.channel, p.payload, p); err != nil {
		return err
	}
	q.inflight++
	q.where = q.slot.at
	return nil
}

// source stands for the slot when a node is to give publishes back.
func (q *publishes) source() uint64 { return uint64(q.slot.number) + 1 } //nolint:gosec // it is a slot

// park has a publish wait in its place.
func (q *publishes) park(p *publish) {
	i, _ := slices.BinarySearchFunc(q.parked, p, func(a, b *publish) int { return cmp.Compare(a.number, b.number) })
	q.parked = slices.Insert(q.parked, i, p)
	q.slot.mark()
}

// take takes all that wait.
func (q *publishes) take() []*publish {
	parked := q.parked
	q.parked = nil
	return parked
}

// sendWaiting sends what waits, while it may be sent. A sender that is answered may publish again, behind the others.
func (q *publishes) sendWaiting() {
	for q.waits() && !q.blocked() {
		p := q.parked[0]
		var err error
		if err = upstream.ErrDown; !q.slot.shards.withdrawn[p.sender] {
			err = q.send(p)
		}
		if errors.Is(err, upstream.ErrBusy) { // others wait there
			q.slot.tryAgain()
			return
		}
		q.parked[0], q.parked = nil, q.parked[1:]
		if err != nil {
			p.finish(resp.Value{}, err)
		}
	}
}

// Answer takes what became of it: what Redis has answered, or that it was not sent.
func (p *publish) Answer(v resp.Value, err error) {
	sl, s := p.slot, p.slot.shards
	q := &sl.publishes
	q.inflight--
	var reply upstream.ReplyError
	errors.As(err, &reply)
	r, elsewhere := cluster.ParseRedirect(string(reply), q.where.addr)
	passing := cluster.IsPassing(string(reply))
	switch mayGoOn := !s.closed && !s.withdrawn[p.sender] && time.Now().Before(p.deadline); {
	case mayGoOn && elsewhere:
		q.park(p)
		if s.redirected(sl, q.where, r) {
			sl.tryAgain()
		}
	case mayGoOn && passing:
		q.park(p)
		sl.tryAgain()
	case mayGoOn && errors.Is(err, upstream.ErrDown):
		q.park(p)
	default:
		p.finish(v, err)
	}
	q.sendWaiting()
	sl.forgetUnused()
}

// finish gives the answer to the sender.
func (p *publish) finish(v resp.Value, err error) {
	p.slot.shards.bytes -= p.size
	p.answer.Answer(v, err)
}

// recall has the node give back what it has not sent.
func (q *publishes) recall() {
	if q.inflight == 0 || q.recalled {
		return
	}
	q.recalled = true
	q.where.conn.Withdraw(q.source())
	q.slot.shards.loop.Post(func() {
		q.recalled = false
		q.sendWaiting()
	})
}

// expire fails those that have waited for too long, and sends the others if that is possible.
func (q *publishes) expire(now time.Time) {
	q.fail(func(p *publish) bool { return !now.Before(p.deadline) })
	q.sendWaiting()
}

// fail fails some of those that wait. They are answered behind that, because a sender may then publish again.
func (q *publishes) fail(which func(*publish) bool) {
	var failed []*publish
	for _, p := range q.take() {
		if which(p) {
			failed = append(failed, p)
		} else {
			q.parked = append(q.parked, p)
		}
	}
	for _, p := range failed {
		p.finish(resp.Value{}, upstream.ErrDown)
	}
}

// Withdraw is upstream.Connection.Withdraw.
func (s *Shards) Withdraw(sender uint64) {
	if s.bytes == 0 {
		return
	}
	if s.withdrawn == nil {
		s.withdrawn = map[uint64]bool{}
		for _, sl := range s.slots {
			if q := &sl.publishes; q.inflight > 0 && !q.where.conn.Ready() {
				q.recall()
			}
		}
		s.loop.Post(s.failWithdrawn)
	}
	s.withdrawn[sender] = true
}

// failWithdrawn fails what waits of those who have hung up.
func (s *Shards) failWithdrawn() {
	withdrawn := s.withdrawn
	s.withdrawn = nil
	for sl := range s.marked {
		sl.publishes.fail(func(p *publish) bool { return withdrawn[p.sender] })
	}
}
