package relay

// The newest messages of channels, for listeners that are still to come: what last: true on a route asks for.

import (
	"slices"
	"sync/atomic"

	"redis-relay/relay/checks"
	"redis-relay/relay/hub"
	"redis-relay/relay/hub/last"
	"redis-relay/relay/overview"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// maxLast is how many bytes of memory the newest messages take, at most.
const maxLast = 32 << 20

// lastValues knows the newest message of a channel while Redis sends the channel by its name: later messages are known,
// too, then. It belongs to the loop.
type lastValues struct {
	// Fixed after construction.
	rules   *atomic.Pointer[rules]
	outlets *outlets
	checks  *checks.Pool
	hub     *hub.Group

	on     bool // a route asks for it
	values *last.Values
	since  uint64 // the first moment whose messages are kept: an earlier one may not be the newest of its channel
	losses uint64 // how often something was forgotten because messages may be missed
	given  uint64 // messages that listeners got first, ever
	failed uint64 // channels whose newest entry could not be read, ever

	lessons map[string]*lesson // under way, by channel, unless commands about the channel were sent since
}

func newLastValues(r *Relay) *lastValues {
	l := &lastValues{rules: &r.rules, outlets: r.outlets, checks: r.checks, hub: r.hub, lessons: map[string]*lesson{}}
	l.values = last.New(func() int { return int(min(maxLast, r.limits.buffer.Load())) })
	l.begin()
	return l
}

// begin has listeners get their first messages, if a route asks for that.
func (l *lastValues) begin() {
	l.on = slices.ContainsFunc(l.rules.Load().Routes(), func(rt *route.Route) bool { return rt.Last })
	if l.on {
		l.hub.SetFirst(l.first)
	} else {
		l.hub.SetFirst(nil)
	}
}

// first returns what a new listener of a channel gets first.
func (l *lastValues) first(channel string) (first hub.First, found bool) {
	rt := l.rules.Load().Route([]byte(channel))
	if !rt.Last {
		return hub.First{}, false
	}
	m, found := l.values.Find(channel)
	if !found {
		return hub.First{}, false
	}
	l.given++
	name, p := []byte(channel), rt.PolicyOf(m.Kind)
	first.Frame = resp.AppendMessage(nil, resp.RESP2, resp.Message.String(), name, m.Payload)
	if first.Mode = mode(p); p.Slow == route.SlowLatest {
		first.Key = &hub.Key{Channel: name, Value: slices.Clone(m.Key)}
	}
	return first, true
}

// keep is told of a message that goes to the listeners of a channel of a route with last. Of a route with history only
// entries are kept.
func (l *lastValues) keep(from *side, rt *route.Route, d *resp.Delivery, v *policy.Verdict) {
	if d.Kind != resp.Message || rt.HasHistory() && d.ID == (resp.EntryID{}) {
		return
	}
	_, _, confirmed := from.hub.Listeners(resp.Message, d.Channel)
	if d.Moment < l.since || confirmed == 0 {
		l.values.Forget(string(d.Channel))
		return
	}
	l.values.Keep(d.Channel, last.Message{Payload: d.Payload, Kind: v.Kind, Key: v.Key})
}

// missed says that messages of a channel are missed: what is known is not the newest any more, and neither is what
// came before and still waits to be checked.
func (l *lastValues) missed(channel []byte) {
	if !l.on || !l.rules.Load().Route(channel).Last {
		return
	}
	if l.checks.HasWaiting(channel) {
		l.since = l.outlets.advance()
	}
	l.forgot()
	l.values.Forget(string(channel))
}

// forgot says that something is about to be forgotten because messages may be missed.
func (l *lastValues) forgot() {
	l.losses++
	l.hub.ForgotFirst()
}

// lost says that the connection to an upstream is lost.
func (l *lastValues) lost(upstream int) {
	clear(l.lessons)
	l.missedWhere(func(u *route.Upstream) bool { return u.Hears(upstream) })
}

// up says that all subscriptions at an upstream stand. Meanwhile channels that are heard on another one, too, may have
// missed messages.
func (l *lastValues) up(upstream int) {
	l.missedWhere(func(u *route.Upstream) bool { return u.Hears(upstream) && u.Heard != 1<<upstream })
}

// missedWhere is missed for the channels of some upstreams.
func (l *lastValues) missedWhere(match func(u *route.Upstream) bool) {
	now := l.rules.Load()
	l.forgot()
	l.since = l.outlets.advance()
	l.values.ForgetWhere(func(channel string) bool { return match(&now.Route([]byte(channel)).Upstream) })
}

// follow does what a reload asks for: what is known of a channel stays, unless the new rules may say otherwise of it.
// schemas tells whether a file of a schema has changed.
func (l *lastValues) follow(before, now *rules, schemas bool) {
	clear(l.lessons)
	l.forgot()
	l.since = l.outlets.advance()
	type change struct{ was, is *route.Route }
	stay := map[change]bool{}
	l.values.ForgetWhere(func(channel string) bool {
		c := change{before.Route([]byte(channel)), now.Route([]byte(channel))}
		stays, known := stay[c]
		if !known {
			stays = !(schemas && len(c.is.Schemas) > 0) && now.StoredAlike(before.Rules, c.is, c.was)
			stay[c] = stays
		}
		return !stays
	})
}

// stats returns the figures of this moment.
func (l *lastValues) stats() overview.Last {
	return overview.Last{Stats: l.values.Stats(), Given: l.given, Failed: l.failed}
}
