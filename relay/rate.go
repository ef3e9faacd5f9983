package relay

// Rates of channels: who is over a limit, and who is noisy.

import (
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/meter"
	"redis-relay/relay/monitor"
	"redis-relay/relay/route"
)

// maxDelay is how much longer than another a message may be on its way, so that
// what a relay has let out is not refused for having been held up.
const maxDelay = time.Second

// meters watch the channels of one policy. Each publish comes back, so the two
// directions count by themselves.
type meters struct {
	outbound, inbound *meter.Meter
	rate              route.Rate
}

// newMeters returns the meters of a route's policies that have a rate. A kind with
// the rate of its route has the route's meters, too.
func newMeters(rt *route.Route, all map[*route.Policy]*meters) {
	own := metersOf(&rt.Policy)
	if own != nil {
		all[&rt.Policy] = own
	}
	for _, p := range rt.Kinds {
		same := p.Rate == rt.Policy.Rate && (p.History == nil) == (rt.Policy.History == nil)
		switch m := metersOf(p); {
		case m == nil:
		case same:
			all[p] = own
		default:
			all[p] = m
		}
	}
}

// metersOf returns the meters of one policy, nil if it has no rate. Messages with
// history are limited where they are published and nowhere else: who reads the
// stream gets them anyhow.
func metersOf(p *route.Policy) *meters {
	if p.Rate == (route.Rate{}) {
		return nil
	}
	out := meter.Rate{Limit: p.Rate.PerSecond, Burst: p.Rate.Burst, Alert: p.Rate.Alert}
	in := out.Loosened(maxDelay)
	if p.History != nil {
		in.Limit = 0
	}
	return &meters{meter.New(out), meter.New(in), p.Rate}
}

// count counts a message, tells of a channel that is noisy, and says why the message
// is over the rate, or nil.
func (r *Relay) count(now *rules, d monitor.Direction, rt *route.Route, kind, channel []byte) *Refusal {
	if !rt.HasRate() {
		return nil
	}
	m := now.meters[rt.PolicyOf(kind)]
	if m == nil {
		return nil
	}
	of := m.inbound
	if d == monitor.Outbound {
		of = m.outbound
	}
	wait, noise := of.Count(channel, time.Now())
	if noise > 0 {
		r.noisy(d, rt, now.counters[rt.Index], string(channel), noise)
	}
	switch {
	case wait == 0:
		return nil
	case d == monitor.Inbound:
		reason := fmt.Sprintf("more than %v messages/s came from Redis; not delivered here", m.rate.PerSecond)
		return &Refusal{RateLimit, string(channel), reason}
	}
	retry := (wait + time.Millisecond - 1).Truncate(time.Millisecond)
	reason := fmt.Sprintf("more than %v messages/s on this channel; retry in %v", m.rate.PerSecond, retry)
	return &Refusal{RateLimit, string(channel), reason}
}

// noisy tells of a channel over rate.alert.
func (r *Relay) noisy(
	d monitor.Direction, rt *route.Route, counters *monitor.Route, channel string, perSecond float64,
) {
	perSecond = math.Round(perSecond)
	counters.Noisy.Inc()
	if more, ok := r.noiseLog.Allow(string(d) + " " + channel); ok {
		r.log.Warn("a channel is noisy", append(more, zap.String("channel", printable(channel)),
			zap.String("route", rt.Name), zap.String("direction", string(d)),
			zap.Float64("messages_per_second", perSecond))...)
	}
	r.tell(EventsChannel, Event{
		Event: "alert", Time: time.Now(), Cause: "more messages/s than rate.alert",
		Channel: channel, Direction: d, Rate: perSecond,
	})
}
