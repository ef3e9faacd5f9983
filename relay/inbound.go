package relay

// The path in: from Redis to local listeners.

import (
	"slices"
	"sync/atomic"

	"redis-relay/relay/checks"
	"redis-relay/relay/hub"
	"redis-relay/relay/monitor"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
	"redis-relay/relay/traces"
	"redis-relay/relay/upstream"
	"redis-relay/relay/watch"
)

// inbound takes what comes from one upstream. It is upstream.Sink, and belongs to the loop.
type inbound struct {
	// Fixed after construction.
	*side
	rules   *atomic.Pointer[rules]
	checks  *checks.Pool
	outlets *outlets
	teller  *notice.Teller
	traces  *traces.Tracer // nil: off
	viewers *watch.Viewers
	watch   *watch.Watch
	dead    *deadLetters
	last    *lastValues

	renamer
	cache  routeCache
	live   source // what comes from Redis now
	stored source // what was read from streams, or waited for that
	turn   bool   // of those who have used SUBSCRIBE, where one gets a message: see deliverShard
}

// source is where messages come from, with the last of them.
type source struct {
	policy.LastMessage
	check *checks.Check // of the last message, if its verdict is open
	tally watch.Tally
}

// Deliver takes a message from Redis: it finds the route, has the message judged, and queues it for its listeners. A
// message that takes long to judge goes to the pool of checks, and so do those that come behind it on its channel.
func (in *inbound) Deliver(d *resp.Delivery) {
	now := in.rules.Load()
	if m := in.names(now); m != nil && !in.localize(m, d) {
		return // it is not for anybody here
	}
	if route.IsReserved(d.Channel) {
		_ = in.fleet.Accept(d) || in.feed.Control(d) // or another relay's own, caught by a pattern
		return
	}
	if now.IsLong(d.Channel) {
		if now.Route(d.Channel).Upstream.Hears(in.index) {
			in.refuseName(now, d, len(d.Payload))
		}
		return
	}
	c := &in.cache
	c.enter(now, d.Channel)
	if !c.route.Upstream.Hears(in.index) {
		return // the channel is on another upstream
	}
	in.outlets.stamp(d, in.index)
	if c.route.HasHistory() && d.Kind != resp.SMessage && !in.feed.Accept(d) {
		return // it comes in its time, or has come
	}
	size := len(d.Payload)
	c.received++
	c.receivedBytes += size
	in.live.tally.Add(in.watch.Table, d)
	n := in.act(c.rules, c.route, &in.live, d)
	c.delivered += n
	c.deliveredBytes += n * size
}

// deliverStored takes a message that was read from a stream, which comes now, or that was held, which has come
// before.
func (in *inbound) deliverStored(d *resp.Delivery) {
	if d.Moment == 0 {
		in.outlets.stamp(d, in.index)
	}
	now := in.rules.Load()
	rt := now.Route(d.Channel)
	counters, size := now.counters[rt.Index], len(d.Payload)
	counters.Received.Add(1, size)
	in.stored.tally.Add(in.watch.Table, d)
	n := in.act(now, rt, &in.stored, d)
	counters.Delivered.Add(n, n*size)
}

// act acts on the verdict about a message, and returns how many listeners it was dispatched to now.
func (in *inbound) act(now *rules, rt *route.Route, from *source, d *resp.Delivery) (listeners int) {
	counters := now.counters[rt.Index]
	var trace *traces.Trace
	if in.traces != nil {
		trace = in.trace(rt, d)
	}
	v, isCopy := from.Judge(now.Rules, rt, d)
	if v.Noise.PerSecond > 0 && !isCopy {
		in.watch.Noisy(monitor.Inbound, counters, d.Channel, v.Noise, nil)
	}
	switch {
	case v.Refusal != nil:
		trace.Refused(string(v.Refusal.Code))
		if !isCopy {
			in.watch.Refused(d.Channel, nil)
			in.refuse(rt, counters, v, d)
		}
	case v.Open:
		if !isCopy {
			from.check = checks.NewCheck(v)
			from.check.Trace = trace
		}
		in.enqueue(rt, counters, d, from.check, isCopy)
	case in.checks.HasWaiting(d.Channel):
		check := checks.NewCheck(v)
		check.Trace = trace
		in.enqueue(rt, counters, d, check, isCopy)
	default:
		trace.Checked(invalidCode(v))
		listeners = in.dispatch(rt, counters, d, v, isCopy)
		trace.Dispatched(listeners, traces.EntryID(d.ID))
	}
	return listeners
}

const tooManyChecks = "too many messages that take long to check waited"

// enqueue adds a message to the pool of checks.
func (in *inbound) enqueue(rt *route.Route, counters *monitor.Route, d *resp.Delivery, c *checks.Check, isCopy bool) {
	if lost := in.checks.Add(rt, counters, d, c, isCopy); lost {
		counters.Rejected(monitor.Inbound, string(policy.Busy)).Inc()
		c.Trace.Refused(string(policy.Busy))
		in.last.missed(d.Channel)
		in.watch.Refused(d.Channel, nil)
		if in.viewers.Any() {
			in.viewers.Received(rt, d, len(d.Payload), nil, &policy.Refusal{Code: policy.Busy, Reason: tooManyChecks})
		}
	}
}

// checked takes a message from the pool of checks.
func (in *inbound) checked(m *checks.Message) {
	trace, v := m.Trace(), m.Verdict()
	trace.Checked(invalidCode(v))
	n := in.dispatch(m.Route, m.Counters, &m.Delivery, v, m.IsCopy)
	trace.Dispatched(n, traces.EntryID(m.ID))
	m.Counters.Delivered.Add(n, n*len(m.Payload))
}

// refuse tells of a message that is not for local listeners.
func (in *inbound) refuse(rt *route.Route, counters *monitor.Route, v *policy.Verdict, d *resp.Delivery) {
	if in.viewers.Any() {
		in.viewers.Received(rt, d, len(d.Payload), v.Kind, v.Refusal)
	}
	if v.Silent {
		counters.Rejected(monitor.Inbound, string(v.Refusal.Code)).Inc()
		return
	}
	in.teller.Reject(monitor.Inbound, rt, counters, v.Refusal, notice.Read(d.Payload))
	in.dead.received(rt, v.Kind, v.Refusal, d, len(d.Payload))
}

// dispatch queues a message that was judged for its listeners and returns how many
// there are, or tells why not, once for all its copies.
func (in *inbound) dispatch(
	rt *route.Route, counters *monitor.Route, d *resp.Delivery, v *policy.Verdict, isCopy bool,
) (listeners int) {
	var refusal *policy.Refusal
	if v.Invalid != nil && !isCopy {
		refusal = policy.NotValid(d.Channel, v.Invalid)
		in.watch.Refused(d.Channel, nil)
		in.teller.Reject(monitor.Inbound, rt, counters, refusal, notice.Read(d.Payload))
		in.dead.received(rt, v.Kind, refusal, d, len(d.Payload))
	}
	if in.viewers.Any() && !isCopy {
		in.viewers.Received(rt, d, len(d.Payload), v.Kind, refusal)
	}
	if v.Invalid != nil && !rt.LogInvalid {
		return 0
	}
	if rt.Last {
		in.last.keep(in.side, rt, d, v)
	}
	name := d.Channel
	if d.Kind == resp.PMessage {
		name = d.Pattern
	}
	if p := rt.PolicyOf(v.Kind); rt.Sharded {
		listeners = in.deliverShard(p, d, v)
	} else {
		listeners = in.deliver(p, d.Kind, name, d.Frame, d, v)
	}
	if len(in.outlets.list) > 0 && policy.ReachesNATS(rt) && d.Kind != resp.SMessage {
		listeners += in.outlets.deliver(d)
	}
	return listeners
}

// deliver queues a message, in a frame for its kind, for the listeners of a name.
func (in *inbound) deliver(
	p *route.Policy, kind resp.Kind, name, frame []byte, d *resp.Delivery, v *policy.Verdict,
) (listeners int) {
	h := in.hubOf(d.Kind == resp.SMessage)
	if p.Slow == route.SlowLatest {
		key := hub.Key{Channel: d.Channel, Value: v.Key}
		return h.DeliverLatest(kind, name, frame, mode(p), key)
	}
	return h.Deliver(kind, name, frame, mode(p))
}

// deliverShard queues a message of a sharded route for those who have used SSUBSCRIBE, and for those who have used
// SUBSCRIBE, as if it were theirs. If one listener is to get it, the two take turns.
func (in *inbound) deliverShard(p *route.Policy, d *resp.Delivery, v *policy.Verdict) (listeners int) {
	if d.Kind != resp.SMessage {
		return 0 // others have published it as an ordinary message
	}
	kinds := []resp.Kind{resp.SMessage, resp.Message}
	if in.turn = !in.turn; in.turn && p.DeliverOne {
		slices.Reverse(kinds)
	}
	for _, kind := range kinds {
		if !in.hubOf(true).HasListeners(kind, d.Channel) {
			continue
		}
		frame := d.Frame
		if kind == resp.Message {
			frame = in.renamer.ordinary(d)
		}
		if listeners += in.deliver(p, kind, d.Channel, frame, d, v); p.DeliverOne {
			break
		}
	}
	return listeners
}

// mode is a policy in the words of the hub.
func mode(p *route.Policy) (m hub.Mode) {
	if p.Slow == route.SlowDrop {
		m |= hub.ModeDrop
	}
	if p.DeliverOne {
		m |= hub.ModeOne
	}
	return m
}

// TooLarge takes a message from Redis of which the payload was too large to be read.
func (in *inbound) TooLarge(d *resp.Delivery, frame int64) {
	now, size := in.rules.Load(), policy.PayloadSize(d, int(frame))
	if m := in.names(now); m != nil && !in.localize(m, d) || !now.Route(d.Channel).Upstream.Hears(in.index) {
		return
	}
	if now.IsLong(d.Channel) {
		in.refuseName(now, d, size)
		return
	}
	rt := now.Route(d.Channel)
	if rt.HasHistory() && d.Kind != resp.SMessage && !in.feed.Accept(d) {
		return // it is read from its stream
	}
	in.refuseUnread(now, d, in.live.TooLarge(now.Rules, d, size), size)
}

// refuseName tells of a message on a channel whose name is over limits.name: only patterns hear it.
func (in *inbound) refuseName(now *rules, d *resp.Delivery, size int) {
	in.refuseUnread(now, d, in.live.LongName(now.Rules, d, size), size)
}

// refuseUnread counts a message that nobody looks into, and tells of it if it is not a copy.
func (in *inbound) refuseUnread(now *rules, d *resp.Delivery, refusal *policy.Refusal, size int) {
	rt := now.Route(d.Channel)
	counters := now.counters[rt.Index]
	counters.Received.Add(1, size)
	if refusal != nil {
		if in.viewers.Any() {
			in.viewers.Received(rt, d, size, nil, refusal)
		}
		in.watch.In(d.Channel, 1, size, size)
		in.watch.Refused(d.Channel, nil)
		in.teller.Reject(monitor.Inbound, rt, counters, refusal, notice.Message{Size: size})
		in.dead.received(rt, nil, refusal, d, size)
	}
}

// endTurn does what is left of a turn of the loop.
func (in *inbound) endTurn() {
	in.live.Detach()
	in.cache.count()
	in.live.tally.EndTurn(in.watch.Table)
	in.stored.tally.EndTurn(in.watch.Table)
}

var _ upstream.Sink = (*inbound)(nil)
