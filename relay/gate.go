package relay

// Access of clients on the socket, and reports about slow ones.

import (
	"sync/atomic"
	"time"

	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/traffic"
	"redis-relay/relay/watch"
)

// gate is respserver.Gate and respserver.SlowClientObserver. It belongs to the loop.
type gate struct {
	rules  *atomic.Pointer[rules]
	teller *notice.Teller

	table *traffic.Table // of the channels

	busiest   []traffic.Channel // lately
	busiestAt time.Time         // when that was
}

func newGate(r *Relay) *gate { return &gate{rules: &r.rules, teller: r.teller, table: r.watch.Table} }

// MaySubscribe returns an error if a local client may not listen to a name, and nil if it may.
func (g *gate) MaySubscribe(by respserver.User, kind resp.Kind, name []byte) error {
	return g.rules.Load().MaySubscribe(policy.User(by), kind, name)
}

// MayHear reports whether a local client may listen to a channel.
func (g *gate) MayHear(by respserver.User, channel []byte) bool {
	return g.rules.Load().MayHear(policy.User(by), channel)
}

// ClientSlow reports a client that did not keep up.
func (g *gate) ClientSlow(c respserver.SlowClient) {
	g.teller.Slow(notice.Event{
		Who: watch.Who(c.Client), Reason: notice.Reason(c.Reason), Disconnected: c.Disconnected, Messages: c.Missed,
		Queued: c.Queued, Kept: c.Kept,
	})
}

// maxBusiest is among how many of the busiest channels one is looked for that a stuck client hears.
const maxBusiest = 25

// ClientStuck reports a client that does not read, with the busiest channel that it hears.
func (g *gate) ClientStuck(c respserver.StuckClient) {
	e := notice.Event{Who: watch.Who(c.Client), Queued: c.Queued, Waited: c.Waited.Seconds()}
	if now := time.Now(); now.Sub(g.busiestAt) > traffic.Interval/2 { // many may be stuck at once
		g.busiest, g.busiestAt = g.table.Top(traffic.InMessages, maxBusiest), now
	}
	for _, busy := range g.busiest {
		if c.Hears([]byte(busy.Name)) {
			e.Channel = busy.Name
			break
		}
	}
	g.teller.Stuck(e)
}

// ClientReads reports that a client is not stuck any more.
func (g *gate) ClientReads(c respserver.Client, since time.Time, gone bool) {
	e := notice.Event{Who: watch.Who(c), Since: &since, Cause: "it has read what waited"}
	if gone {
		e.Cause = "its connection has ended"
	}
	g.teller.Reads(e)
}
