package natsbridge

// Figures, which may be read from anywhere.

import (
	"maps"
	"sync/atomic"
)

// Reasons are why something of a client was refused, as labels.
var Reasons = []string{
	"publish", "subscribe", "token", "payload", "subscriptions", "clients", "subject", "reply", "closed", "busy",
	"protocol",
}

// Stats is a snapshot for metrics.
type Stats struct {
	Clients       int
	Subscriptions int               // names that NATS clients listen to
	Delivered     uint64            // messages given to the server, ever
	Dropped       uint64            // messages that the server was too far behind for
	Slow          uint64            // clients disconnected because they were slow
	Gaps          uint64            // clients disconnected because messages may be missing
	Large         uint64            // clients disconnected because limits.memory was exceeded
	Kept          int64             // bytes kept for subscriptions of clients, about
	Refused       map[string]uint64 // by Reasons
}

// Counters only grow.
type Counters struct {
	delivered, dropped, gaps, large atomic.Uint64
	forged, unnamed, closed, busy   atomic.Uint64
}

// Stats returns the figures of bridges to a cluster, which have no clients of their
// own.
func (c *Counters) Stats() Stats {
	return Stats{
		Delivered: c.delivered.Load(), Dropped: c.dropped.Load(), Gaps: c.gaps.Load(),
		Refused: map[string]uint64{
			"reply": c.forged.Load(), "subject": c.unnamed.Load(), "closed": c.closed.Load(), "busy": c.busy.Load(),
		},
	}
}

// Stats returns the figures of this moment. It may be called from anywhere, but not for a bridge to a
// cluster: see Cluster.Counters.
func (b *Bridge) Stats() Stats {
	s := b.stats.Stats()
	s.Subscriptions = int(b.interests.count.Load())
	s.Clients, s.Slow = b.server.NumClients(), b.server.NumSlowConsumersClients()
	s.Large, s.Kept = b.stats.large.Load(), b.memory.kept.Load()
	maps.Copy(s.Refused, b.server.notes.counts())
	return s
}
