package policy

// Rates of channels: who is over a limit, and who is noisy.

import (
	"fmt"
	"time"

	"redis-relay/relay/meter"
	"redis-relay/relay/route"
)

// maxDelay is how much longer than another a message may be on its way, so that
// what a relay has let out is not refused for having been held up.
const maxDelay = time.Second

// direction is where a message goes. Each publish comes back, so the two directions are metered by
// themselves.
type direction int

const (
	inbound direction = iota
	outbound
)

// meters watch the channels of one policy.
type meters struct {
	of   [2]*meter.Meter // by direction
	rate route.Rate
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
	return &meters{[...]*meter.Meter{inbound: meter.New(in), outbound: meter.New(out)}, p.Rate}
}

// meter says why a message is over the rate of its channel, or nil; and how many messages/s the channel
// carries, if they are worth an alert.
func (r *Rules) meter(d direction, rt *route.Route, kind, channel []byte) (refusal *Refusal, noise float64) {
	if !rt.HasRate() {
		return nil, 0
	}
	m := r.meters[rt.PolicyOf(kind)]
	if m == nil {
		return nil, 0
	}
	wait, noise := m.of[d].Count(channel, time.Now())
	switch {
	case wait == 0:
		return nil, noise
	case d == inbound:
		reason := fmt.Sprintf("more than %v messages/s came from Redis; not delivered here", m.rate.PerSecond)
		return &Refusal{RateLimit, string(channel), reason}, noise
	}
	retry := (wait + time.Millisecond - 1).Truncate(time.Millisecond)
	reason := fmt.Sprintf("more than %v messages/s on this channel; retry in %v", m.rate.PerSecond, retry)
	return &Refusal{RateLimit, string(channel), reason}, noise
}
