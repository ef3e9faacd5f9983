package shards

// Which nodes and slots there are, and what is looked at from time to time.

import (
	"context"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/upstream"
	"redis-relay/relay/upstream/cluster"
)

// learn takes what a node says of the cluster.
func (s *Shards) learn(v cluster.View) {
	if s.closed {
		return
	}
	if s.table.Learn(v) {
		asOf := s.seen // what has changed has done so since
		if asOf.IsZero() {
			asOf = time.Now()
		}
		for _, sl := range s.slots {
			sl.follow(asOf)
		}
	}
	s.seen = time.Now()
}

// redirected takes what a node has answered about a slot, and returns whether the command is to be sent again soon,
// because nothing tells where to.
func (s *Shards) redirected(sl *slot, by *node, r cluster.Redirect) (soon bool) {
	switch {
	case r.Slot != sl.number || r.Addr == by.addr || sl.hops > maxHops: // nodes may differ for a moment
		return true
	case r.Ask:
		sl.visit(s.node(r.Addr), by)
		return sl.at == by
	}
	sl.hops++
	sl.mark()
	if sl.at == by {
		sl.host = nil
	}
	s.table.Moved(r.Slot, r.Addr)
	sl.follow(time.Now())
	return sl.at == by
}

// slot returns a slot, and makes it if nothing was wanted of it.
func (s *Shards) slot(number int) *slot {
	sl := s.slots[number]
	if sl == nil {
		sl = &slot{shards: s, number: number}
		sl.publishes.slot, sl.overlap.slot, sl.loss.slot = sl, sl, sl
		s.slots[number] = sl
		sl.follow(time.Now())
	}
	return sl
}

// node returns the node at an address, and begins to connect to it if there is none.
func (s *Shards) node(addr string) *node {
	n := s.nodes[addr]
	if n != nil {
		return n
	}
	n = &node{shards: s, addr: addr, slots: map[*slot]bool{}, used: time.Now()}
	s.nodes[addr] = n
	opts := s.opts
	opts.Node, opts.Revoked = addr, n.revoked
	n.conn = upstream.NewConnection(s.loop, opts, n, n, s.payload, s.room, "", s.log.With(zap.String("node", addr)))
	ctx, cancel := context.WithCancel(s.ctx)
	n.cancel = cancel
	s.arm()
	if s.closed {
		cancel()
		return n
	}
	s.running.Go(func() { _ = n.conn.Run(ctx) })
	return n
}

// tick looks at what waits, and ends connections that nobody needs.
func (s *Shards) tick() {
	now := time.Now()
	for sl := range s.marked {
		if !sl.tick(now) {
			delete(s.marked, sl)
		}
	}
	for addr, n := range s.nodes {
		if len(n.slots) == 0 && (now.Sub(n.used) > idle || !s.table.Serves(addr)) {
			delete(s.nodes, addr)
			n.cancel()
		}
	}
	gaps := s.gaps
	s.gaps = nil
	for _, g := range gaps {
		s.owner.Gap(g)
	}
	s.arm()
}

// arm sets the timer for the next tick.
func (s *Shards) arm() {
	switch {
	case s.closed:
	case len(s.marked) > 0 || len(s.gaps) > 0:
		s.timer.Reset(tickInterval)
	case len(s.nodes) > 0:
		s.timer.Reset(calmInterval)
	}
}
