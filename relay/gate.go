package relay

// Access of clients on the socket, and reports about slow ones.

import (
	"sync/atomic"

	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/watch"
)

// gate is respserver.Gate and respserver.SlowClientObserver. It belongs to the loop.
type gate struct {
	rules  *atomic.Pointer[rules]
	teller *notice.Teller
}

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
