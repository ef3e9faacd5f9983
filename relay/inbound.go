package relay

// The path in: from Redis to local listeners.

import (
	"bytes"
	"sync/atomic"

	"redis-relay/relay/checks"
	"redis-relay/relay/fleet"
	"redis-relay/relay/history"
	"redis-relay/relay/hub"
	"redis-relay/relay/monitor"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
	"redis-relay/relay/upstream"
)

// inbound takes what comes from Redis. It is upstream.Sink, and belongs to the loop.
type inbound struct {
	// Fixed after construction.
	rules   *atomic.Pointer[rules]
	hub     *hub.Hub
	fleet   *fleet.Fleet
	feed    *history.Feed
	checks  *checks.Pool
	outlets *outlets
	teller  *notice.Teller

	cache  routeCache
	live   source // what comes from Redis now
	stored source // what was read from streams, or waited for that
}

// source is where messages come from, with the last of them.
type source struct {
	policy.LastMessage
	check *checks.Check // of the last message, if its verdict is open
}

// Deliver takes a message from Redis: it finds the route, has the message judged, and queues it for its listeners. A
// message that takes long to judge goes to the pool of checks, and so do those that come behind it on its channel.
func (in *inbound) Deliver(d *resp.Delivery) {
	if route.IsReserved(d.Channel) {
		_ = in.fleet.Accept(d) || in.feed.Control(d) // or another relay's own, caught by a pattern
		return
	}
	now := in.rules.Load()
	if now.IsLong(d.Channel) {
		in.refuseName(now, d, len(d.Payload))
		return
	}
	d.Epoch = in.outlets.epoch
	c := &in.cache
	c.enter(now, d.Channel)
	if c.route.HasHistory() && d.Kind != resp.SMessage && !in.feed.Accept(d) {
		return // it comes in its time, or has come
	}
	c.received++
	c.delivered += in.act(c.rules, c.route, &in.live, d)
}

// deliverStored takes a message that was read from a stream, which comes now, or that was held, which has come
// before.
func (in *inbound) deliverStored(d *resp.Delivery) {
	if d.Epoch == 0 {
		d.Epoch = in.outlets.epoch
	}
	now := in.rules.Load()
	rt := now.Route(d.Channel)
	counters := now.counters[rt.Index]
	counters.Received.Inc()
	counters.Delivered.Add(float64(in.act(now, rt, &in.stored, d)))
}

// act acts on the verdict about a message, and returns how many listeners it was dispatched to now.
func (in *inbound) act(now *rules, rt *route.Route, from *source, d *resp.Delivery) (listeners int) {
	counters := now.counters[rt.Index]
	v, isCopy := from.Judge(now.Rules, rt, d)
	if v.Noise > 0 && !isCopy {
		in.teller.Noisy(monitor.Inbound, rt, counters, d.Channel, v.Noise)
	}
	switch {
	case v.Refusal != nil:
		if !isCopy {
			in.refuse(rt, counters, v, d.Payload)
		}
	case v.Open:
		if !isCopy {
			from.check = checks.NewCheck(v)
		}
		in.enqueue(rt, counters, d, from.check, isCopy)
	case in.checks.HasWaiting(d.Channel):
		in.enqueue(rt, counters, d, checks.NewCheck(v), isCopy)
	default:
		return in.dispatch(rt, counters, d, v, isCopy)
	}
	return 0
}

// enqueue adds a message to the pool of checks.
func (in *inbound) enqueue(rt *route.Route, counters *monitor.Route, d *resp.Delivery, c *checks.Check, isCopy bool) {
	if lost := in.checks.Add(rt, counters, d, c, isCopy); lost {
		counters.Rejected(monitor.Inbound, string(policy.Busy)).Inc()
	}
}

// checked takes a message from the pool of checks.
func (in *inbound) checked(m *checks.Message) {
	m.Counters.Delivered.Add(float64(in.dispatch(m.Route, m.Counters, &m.Delivery, m.Verdict(), m.IsCopy)))
}

// refuse tells of a message that is not for local listeners.
func (in *inbound) refuse(rt *route.Route, counters *monitor.Route, v *policy.Verdict, payload []byte) {
	if v.Silent {
		counters.Rejected(monitor.Inbound, string(v.Refusal.Code)).Inc()
		return
	}
	in.teller.Reject(monitor.Inbound, rt, counters, v.Refusal, notice.Read(payload))
}

// dispatch queues a message that was judged for its listeners and returns how many
// there are, or tells why not, once for all its copies.
func (in *inbound) dispatch(
	rt *route.Route, counters *monitor.Route, d *resp.Delivery, v *policy.Verdict, isCopy bool,
) (listeners int) {
	if v.Invalid != nil {
		if !isCopy {
			refusal := policy.NotValid(d.Channel, v.Invalid)
			in.teller.Reject(monitor.Inbound, rt, counters, refusal, notice.Read(d.Payload))
		}
		if !rt.LogInvalid {
			return 0
		}
	}
	name := d.Channel
	if d.Kind == resp.PMessage {
		name = d.Pattern
	}
	p := rt.PolicyOf(v.Kind)
	if p.Slow == route.SlowLatest {
		key := hub.Key{Channel: d.Channel, Value: v.Key}
		listeners = in.hub.DeliverLatest(d.Kind, name, d.Frame, mode(p), key)
	} else {
		listeners = in.hub.Deliver(d.Kind, name, d.Frame, mode(p))
	}
	if len(in.outlets.list) > 0 && policy.ReachesNATS(rt) && d.Kind != resp.SMessage {
		listeners += in.outlets.deliver(d)
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
	if now.IsLong(d.Channel) {
		in.refuseName(now, d, size)
		return
	}
	rt := now.Route(d.Channel)
	if rt.HasHistory() && d.Kind != resp.SMessage && !in.feed.Accept(d) {
		return // it is read from its stream
	}
	in.refuseUnread(now, rt, in.live.TooLarge(now.Rules, d, size), size)
}

// refuseName tells of a message on a channel whose name is over limits.name: only patterns hear it.
func (in *inbound) refuseName(now *rules, d *resp.Delivery, size int) {
	in.refuseUnread(now, now.Route(d.Channel), in.live.LongName(now.Rules, d, size), size)
}

// refuseUnread counts a message that nobody looks into, and tells of it if it is not a copy.
func (in *inbound) refuseUnread(now *rules, rt *route.Route, refusal *policy.Refusal, size int) {
	counters := now.counters[rt.Index]
	counters.Received.Inc()
	if refusal != nil {
		in.teller.Reject(monitor.Inbound, rt, counters, refusal, notice.Message{Size: size})
	}
}

// endTurn does what is left of a turn of the loop.
func (in *inbound) endTurn() {
	in.live.Detach()
	in.cache.count()
}

// routeCache is what neighbouring messages have in common, so that a burst on one
// channel, or on channels of one route, finds it once.
type routeCache struct {
	rules   *rules
	channel []byte // a copy
	route   *route.Route

	counters  *monitor.Route
	received  int // not yet in counters
	delivered int
}

// enter makes channel the current one.
func (c *routeCache) enter(now *rules, channel []byte) {
	if c.rules == now && bytes.Equal(c.channel, channel) {
		return
	}
	c.rules, c.channel, c.route = now, append(c.channel[:0], channel...), now.Route(channel)
	if counters := now.counters[c.route.Index]; counters != c.counters {
		c.count()
		c.counters = counters
	}
}

// count brings the counters up to date.
func (c *routeCache) count() {
	if c.received > 0 {
		c.counters.Received.Add(float64(c.received))
		c.counters.Delivered.Add(float64(c.delivered))
		c.received, c.delivered = 0, 0
	}
}

var _ upstream.Sink = (*inbound)(nil)
