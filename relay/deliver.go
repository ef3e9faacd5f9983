package relay

// From Redis to local listeners.

import (
	"bytes"
	"fmt"

	"redis-relay/relay/hub"
	"redis-relay/relay/monitor"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// Deliver takes a message from Redis: finds its route, checks it and queues it
// for its listeners. What takes long to judge, and
// what came behind it on its channel, goes to the pool of checks. It is upstream.Sink.
func (r *Relay) Deliver(d *resp.Delivery) {
	if route.IsReserved(d.Channel) {
		_ = r.fleet.Hear(d) || r.feed.Control(d) // or another relay's own, caught by a pattern
		return
	}
	if r.isLong(d.Channel) {
		r.refuseName(d, len(d.Payload))
		return
	}
	d.Epoch = r.epoch
	s := &r.stretch
	s.enter(r.rules.Load(), d.Channel)
	if s.route.HasHistory() && d.Kind != resp.SMessage && !r.feed.Hear(d) {
		return // it comes in its time, or has come
	}
	s.received++
	s.delivered += r.deliver(s.rules, s.route, &r.newest, d)
}

// deliver returns how many listeners a message was handed on to now. n is what came
// before it, from the same source.
func (r *Relay) deliver(now *rules, rt *route.Route, n *newest, d *resp.Delivery) (listeners int) {
	if size := len(d.Payload); int64(size) > r.limits.Payload.Load() {
		r.refuseLarge(now, rt, n, d, size)
		return 0
	}
	counters := now.counters[rt.Index]
	var j judgement
	isCopy := false
	if rt.Checker != nil || rt.HasRate() || !rt.Subscribe {
		if isCopy = n.isCopy(rt, d); !isCopy {
			n.begin(rt, d, r.judgeInbound(now, rt, d))
		}
		j = n.judgement
	}
	switch {
	case j.closed:
	case j.open != nil:
		r.checks.add(rt, counters, d, j.open, isCopy)
	case r.checks.holds(d.Channel):
		r.checks.add(rt, counters, d, madeCheck(j), isCopy)
	default:
		return r.handOn(rt, counters, d, &j, isCopy)
	}
	return 0
}

// judgeInbound judges a message as far as one pass over it can, and reports it if it
// is not for local listeners.
func (r *Relay) judgeInbound(now *rules, rt *route.Route, d *resp.Delivery) (j judgement) {
	counters := now.counters[rt.Index]
	if !rt.Subscribe {
		counters.Rejected(monitor.Inbound, string(Denied)).Inc()
		return judgement{closed: true}
	}
	decided := true
	if rt.Checker != nil {
		j.kind, j.key, decided, j.err = rt.Checker.Scan(d.Payload)
	}
	if refusal := r.count(now, monitor.Inbound, rt, j.kind, d.Channel); refusal != nil {
		r.reject(monitor.Inbound, rt, counters, refusal, len(d.Payload), nil)
		return judgement{closed: true}
	}
	if !decided {
		decided, j.err = rt.Checker.Brief(d.Payload)
	}
	if !decided {
		j.open = newCheck(j)
	}
	return j
}

// handOn queues a message that was judged for its listeners and returns how many
// there are, or reports why not, once for all its copies.
func (r *Relay) handOn(
	rt *route.Route, counters *monitor.Route, d *resp.Delivery, j *judgement, isCopy bool,
) (listeners int) {
	if j.err != nil {
		if !isCopy {
			r.reject(monitor.Inbound, rt, counters, &Refusal{Invalid, string(d.Channel), j.err.Error()}, len(d.Payload), nil)
		}
		if !rt.LogInvalid {
			return 0
		}
	}
	name := d.Channel
	if d.Kind == resp.PMessage {
		name = d.Pattern
	}
	policy := rt.PolicyOf(j.kind)
	if policy.Slow == route.SlowLatest {
		key := hub.Key{Channel: d.Channel, Value: j.key}
		listeners = r.hub.DeliverLatest(d.Kind, name, d.Frame, mode(policy), key)
	} else {
		listeners = r.hub.Deliver(d.Kind, name, d.Frame, mode(policy))
	}
	if (r.nats != nil || r.leaf != nil) && onNATS(rt) && d.Kind != resp.SMessage {
		listeners += r.deliverToNATS(d)
	}
	return listeners
}

// TooLarge takes a message from Redis of which the payload was too large to be read.
func (r *Relay) TooLarge(d *resp.Delivery, frame int64) {
	if r.isLong(d.Channel) {
		r.refuseName(d, payloadSize(d, int(frame)))
		return
	}
	now := r.rules.Load()
	rt := now.table.Lookup(d.Channel)
	if rt.HasHistory() && d.Kind != resp.SMessage && !r.feed.Hear(d) {
		return // it is read from its stream
	}
	now.counters[rt.Index].Received.Inc()
	r.refuseLarge(now, rt, &r.newest, d, payloadSize(d, int(frame)))
}

// refuseLarge reports a message that is over limits.payload, once for all its copies.
func (r *Relay) refuseLarge(now *rules, rt *route.Route, n *newest, d *resp.Delivery, size int) {
	if n.large.isCopy(d, size) {
		return
	}
	reason := fmt.Sprintf("%d bytes from Redis are over limits.payload (%d)", size, r.limits.Payload.Load())
	r.reject(monitor.Inbound, rt, now.counters[rt.Index], &Refusal{TooLarge, string(d.Channel), reason}, size, nil)
}

// refuseName reports a message on a channel whose name is over limits.name, once for all
// its copies: only patterns hear it.
func (r *Relay) refuseName(d *resp.Delivery, size int) {
	now := r.rules.Load()
	rt := now.table.Lookup(d.Channel)
	now.counters[rt.Index].Received.Inc()
	if !r.newest.large.isCopy(d, size) {
		r.reject(monitor.Inbound, rt, now.counters[rt.Index], r.longName(d.Channel), size, nil)
	}
}

// endTurn writes what a turn of the loop has produced: to Redis first, then to the clients. When there is
// too much for one turn, nothing more is read from Redis until the rest is written.
func (r *Relay) endTurn() {
	r.newest.keep()
	r.stretch.count()
	r.hub.Report()
	r.hub.FanOut()
	for b := range r.bridges {
		b.HandOver()
	}
	r.redis.Flush()
	if r.flusher.Flush() {
		free := r.flusher.Settled()
		r.hub.Settle(free)
		r.redis.Settle(free)
		return
	}
	r.redis.Pause()
	r.loop.Post(func() {}) // there is another turn
}

// stretch is what neighbouring messages have in common, so that a burst on one
// channel, or on channels of one route, finds it once.
type stretch struct {
	rules   *rules
	channel []byte // a copy
	route   *route.Route

	counters  *monitor.Route
	received  int // not yet in counters
	delivered int
}

// enter makes channel the current one.
func (s *stretch) enter(now *rules, channel []byte) {
	if s.rules == now && bytes.Equal(s.channel, channel) {
		return
	}
	s.rules, s.channel, s.route = now, append(s.channel[:0], channel...), now.table.Lookup(channel)
	if counters := now.counters[s.route.Index]; counters != s.counters {
		s.count()
		s.counters = counters
	}
}

// count brings the counters up to date.
func (s *stretch) count() {
	if s.received > 0 {
		s.counters.Received.Add(float64(s.received))
		s.counters.Delivered.Add(float64(s.delivered))
		s.received, s.delivered = 0, 0
	}
}
