package relay

// What follows when the connection to Redis stands, is lost, or cannot be made.

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
	"redis-relay/relay/upstream"
)

// lifecycle is upstream.Owner. It belongs to the loop.
type lifecycle struct {
	// Fixed after construction.
	*side
	rules   *atomic.Pointer[rules]
	outlets *outlets
	teller  *notice.Teller
	last    *lastValues
	first   func(upstream int) // is called before all else when the connection is lost

	disconnected int // clients, at the last loss
}

// Connected subscribes all that is wanted over a new connection.
func (l *lifecycle) Connected() {
	l.interest.joinFleet(l.fleetKind())
	l.hub.Restore(l.redis.Restored)
}

// Lost disconnects the listeners that must learn of a gap that way.
func (l *lifecycle) Lost(error) {
	now := l.rules.Load()
	l.first(l.index)
	l.interest.lost()
	l.last.lost(l.index)
	l.disconnected = l.hub.Lost(func(kind resp.Kind, name string) bool {
		return now.OnGap(kind, name) == route.GapDisconnect
	})
	l.outlets.disconnectForGap(now, 1<<l.index)
	l.feed.Lost()
	l.fleet.Lost()
	l.reader.Renew()
}

// Up is told when all subscriptions stand.
func (l *lifecycle) Up(subscriptions int, outage upstream.Outage) {
	subscriptions -= l.interest.count()
	facts := []zap.Field{zap.String("redis", l.address()), zap.Int("subscriptions", subscriptions)}
	if outage.Took > 0 {
		facts = append(facts, zap.Duration("for", outage.Took.Round(time.Millisecond)))
	}
	l.teller.Log(notice.UpstreamUp, l.about(facts...)...)
	up := notice.Event{Time: time.Now(), Subscriptions: subscriptions, Upstream: l.label}
	if since := outage.Since; !since.IsZero() {
		up.Since = &since
		l.teller.Send(notice.UpstreamGap, notice.Event{
			Time: up.Time, Since: &since, Until: &outage.Until, Prefixes: l.prefixes(l.rules.Load()),
			Cause: "the connection to Redis was lost", Upstream: l.label,
		})
	}
	l.teller.Send(notice.UpstreamUp, up)
	l.last.up(l.index)
	l.feed.Up() // before anybody can act on the event
	l.rights.Look()
}

// BusLoss is told that messages may be missing though the connection stands.
func (l *lifecycle) BusLoss(gap upstream.BusGap) {
	now, clients, prefixes := l.rules.Load(), 0, gap.Prefixes
	concerned := func(kind resp.Kind, name string) bool {
		return now.OnGap(kind, name) == route.GapDisconnect && !policy.IsLocal(name) &&
			(gap.Prefixes == nil || upstream.IsEventName(kind, name))
	}
	for kind := range resp.Kind(resp.Kinds) {
		for _, name := range l.hub.Names(kind) {
			if concerned(kind, name) {
				clients += l.hub.Disconnect(kind, name, hub.ReasonGap)
			}
			if kind == resp.Message && upstream.IsEventName(kind, name) {
				l.last.missed([]byte(name))
			}
		}
	}
	if prefixes == nil {
		l.last.lost(l.index)
		prefixes = l.prefixes(now)
		l.outlets.disconnectForGap(now, 1<<l.index)
	} else {
		l.outlets.disconnect(concerned)
	}
	l.teller.Tell(notice.BusGap, notice.Event{
		Since: &gap.Since, Until: &gap.Until, Prefixes: prefixes, Cause: gap.Cause, Upstream: l.label,
	}, l.about(zap.String("cause", gap.Cause), zap.Int("disconnected_clients", clients))...)
}

// Down is told when the connection is lost.
func (l *lifecycle) Down(err error) {
	l.teller.Tell(notice.UpstreamDown, notice.Event{Cause: err.Error(), Upstream: l.label},
		l.about(zap.Error(err), zap.Int("disconnected_clients", l.disconnected))...)
}

// Waiting is told while there is no connection, and when the first attempt has failed.
func (l *lifecycle) Waiting(outage time.Duration, err error) {
	l.hub.Unreachable()
	l.teller.Log(notice.UpstreamWaiting, l.about(zap.Duration("for", outage.Round(time.Second/10)), zap.Error(err),
		zap.String("redis", l.address()))...)
}

// Alert is told when reconnecting keeps failing.
func (l *lifecycle) Alert(attempts int, err error) {
	l.teller.Tell(notice.UpstreamAlert, notice.Event{Attempts: attempts, Cause: err.Error(), Upstream: l.label},
		l.about(zap.Int("attempts", attempts), zap.Error(err), zap.String("redis", l.address()))...)
}

var _ upstream.Owner = (*lifecycle)(nil)
