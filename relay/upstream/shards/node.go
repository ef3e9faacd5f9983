package shards

// One node, and the connection to it.

import (
	"context"
	"net"
	"time"

	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
	"redis-relay/relay/upstream/cluster"
)

// maxUnanswered is how many commands may be unanswered while a new connection subscribes what is wanted: messages come
// behind the answers.
const maxUnanswered = 64

// node is a master, or was one. It is upstream.Owner and upstream.Sink of its connection, and belongs to the loop.
type node struct {
	// Fixed after construction.
	shards *Shards
	addr   string
	conn   *upstream.Connection
	cancel context.CancelFunc // ends the connection

	slots map[*slot]bool // that are here, or are still heard from here
	up    bool           // there is a session
	used  time.Time      // when a slot was here last

	lookers []func() // wait for the node's view

	// While a session begins.
	queue      []*slot // that are not subscribed yet
	unanswered int
	begun      uint64 // how many sessions have begun
}

// Connected subscribes over a new connection what is wanted.
func (n *node) Connected() {
	n.up, n.unanswered, n.queue = true, 0, nil
	n.begun++
	for sl := range n.slots {
		if sl.at == n && sl.host == nil {
			sl.queued = true
			n.queue = append(n.queue, sl)
		}
	}
	n.next()
}

// next subscribes the next slots, and says when all are.
func (n *node) next() {
	for n.unanswered < maxUnanswered && len(n.queue) > 0 {
		sl := n.queue[0]
		n.queue = n.queue[1:]
		if sl.queued = false; sl.at != n {
			continue
		}
		for _, g := range sl.takeUnsent() {
			n.unanswered++
			begun := n.begun
			sl.send(g, func() {
				if n.begun == begun {
					n.unanswered--
					n.next()
				}
			})
		}
	}
	if n.unanswered == 0 && len(n.queue) == 0 && n.up {
		n.conn.Restored()
	}
}

// Lost has all slots that are here wait for another session, or another node.
func (n *node) Lost(error) {
	n.up, n.queue = false, nil
	for sl := range n.slots {
		sl.queued = false
		sl.lost(n)
	}
}

// Up has those slots subscribed that are only visiting.
func (n *node) Up(int, upstream.Outage) {
	for sl := range n.slots {
		if sl.at == n {
			sl.flush()
		}
	}
}

// Down is told by gaps.
func (n *node) Down(error) {}

// BusLoss is never called: the account of the bus is another connection's.
func (n *node) BusLoss(upstream.BusGap) {}

// Waiting is passed on while the node is needed.
func (n *node) Waiting(outage time.Duration, err error) {
	if len(n.slots) > 0 {
		n.shards.owner.Waiting(n.addr, outage, err)
	}
}

// Alert is never called.
func (n *node) Alert(int, error) {}

// revoked is told that the node has ended a subscription, of itself or not.
func (n *node) revoked(channel string) {
	if sl := n.shards.slots[cluster.Slot([]byte(channel))]; sl != nil {
		sl.revoked(n, channel)
	}
}

// look asks the node for its view of the cluster, and then calls done.
func (n *node) look(done func()) {
	n.lookers = append(n.lookers, done)
	if len(n.lookers) > 1 {
		return
	}
	var v cluster.View
	host, _, _ := net.SplitHostPort(n.addr)
	n.conn.Do(func(text any, err error) {
		if text, ok := text.(string); ok && err == nil {
			v, _ = cluster.ParseNodes(text, host)
		}
	}, "CLUSTER", "NODES")
	n.conn.Do(func(slots any, _ error) {
		lookers := n.lookers
		n.lookers = nil
		if v.Prefer(slots, host); len(v) > 0 && v.SeesMost() {
			n.shards.learn(v)
		}
		for _, done := range lookers {
			done()
		}
	}, "CLUSTER", "SLOTS")
}

// leave unsubscribes names here.
func (n *node) leave(names []string, done func()) {
	if !n.up || len(names) == 0 {
		n.shards.loop.Post(done)
		return
	}
	n.conn.Unsubscribe(resp.SMessage, names, func(bool, error) { done() })
}

// Deliver passes a message on if its slot is here. What comes from elsewhere is a repetition: a replica hands on what
// its master has.
func (n *node) Deliver(d *resp.Delivery) {
	sl := n.shards.slots[cluster.Slot(d.Channel)]
	switch {
	case sl == nil:
	case sl.overlap.old == n, sl.overlap.old == nil && sl.at == n:
		n.shards.sink.Deliver(d)
	case sl.at == n:
		sl.overlap.hold(d)
	}
}

// TooLarge passes on what it is told.
func (n *node) TooLarge(d *resp.Delivery, size int64) { n.shards.sink.TooLarge(d, size) }

var (
	_ upstream.Owner = (*node)(nil)
	_ upstream.Sink  = (*node)(nil)
)
