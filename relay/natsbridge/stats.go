package natsbridge

// Figures for metrics.

import (
	"maps"
	"sync/atomic"
)

// Reasons lists the labels of refusals: why something of a client was refused.
var Reasons = []string{
	"publish", "subscribe", "token", "payload", "subscriptions", "clients", "subject", "reply", "closed", "busy",
	"protocol",
}

// Stats is a snapshot for metrics.
type Stats struct {
	Clients       int               // connections
	Subscriptions int               // names that NATS clients listen to
	Delivered     uint64            // messages passed to the server so far
	Dropped       uint64            // messages for which the server was too far behind
	Slow          uint64            // clients disconnected because they were slow
	Gaps          uint64            // clients disconnected because messages may be missing
	Large         uint64            // clients disconnected because limits.memory was exceeded
	Kept          int64             // bytes that subscriptions of clients take, about
	Refused       map[string]uint64 // by Reasons
}

// Counters counts for metrics. Its numbers only grow. It is safe for concurrent use.
type Counters struct {
	delivered, dropped, gaps, large atomic.Uint64
	forged, unnamed, closed, busy   atomic.Uint64
}

// Stats returns the figures of bridges to a cluster, which have no clients of their own. It may be called from
// anywhere.
func (c *Counters) Stats() Stats {
	return Stats{
		Delivered: c.delivered.Load(), Dropped: c.dropped.Load(), Gaps: c.gaps.Load(),
		Refused: map[string]uint64{
			"reply": c.forged.Load(), "subject": c.unnamed.Load(), "closed": c.closed.Load(), "busy": c.busy.Load(),
		},
	}
}

// Stats returns the figures of this moment. It may be called from anywhere, but not for a bridge to a cluster,
// which has Cluster.Counters.
func (b *Bridge) Stats() Stats {
	s := b.stats.Stats()
	s.Subscriptions = int(b.interests.count.Load())
	s.Clients, s.Slow = b.server.NumClients(), b.server.log.slow.Load()
	s.Large, s.Kept = b.stats.large.Load(), b.memory.charged.Load()
	maps.Copy(s.Refused, b.server.log.counts())
	return s
}
