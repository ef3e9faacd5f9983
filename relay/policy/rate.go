package policy

// Rates: which channels are over their limit, and which are noisy.

import (
	"fmt"
	"time"

	"redis-relay/relay/meter"
	"redis-relay/relay/route"
)

// maxDelay is the largest difference between the travel times of two messages. A burst that arrives that much
// compressed is not over the rate, so that no relay refuses what another relay has let out.
const maxDelay = time.Second

// direction is the way of a message. Each publish comes back, so each direction has a meter of its own.
type direction int

const (
	inbound direction = iota
	outbound
)

// meters measures the channels of one policy.
type meters struct {
	of   [2]*meter.Meter // by direction
	rate route.Rate
}

// newMeters adds the meters of a route's policies that have a rate. A kind with the rate of its route shares the
// route's meters.
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

// metersOf returns the meters of one policy, nil if the policy has no rate. Messages with history are limited only
// where they are published, because readers of the stream get all of them.
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

// Noise says that a channel has begun to carry more than its rate.alert. It is said once, until the channel has been
// quiet for a while: see Lasts.
type Noise struct {
	PerSecond float64 // messages/s so far; 0: there is no noise
	meter     *meter.Meter
}

// Lasts tells whether the channel is over rate.alert, or was so a moment ago, and the most messages/s since the noise
// began.
func (n Noise) Lasts(channel []byte, now time.Time) (lasts bool, peak float64) {
	return n.meter.Noisy(channel, now)
}

// meter returns a refusal if a message is over the rate of its channel, and the noise if it is worth an alert.
func (r *Rules) meter(d direction, rt *route.Route, kind, channel []byte) (refusal *Refusal, noise Noise) {
	if !rt.HasRate() {
		return nil, Noise{}
	}
	m := r.meters[rt.PolicyOf(kind)]
	if m == nil {
		return nil, Noise{}
	}
	wait, perSecond := m.of[d].Count(channel, time.Now())
	if perSecond > 0 {
		noise = Noise{perSecond, m.of[d]}
	}
	switch {
	case wait == 0:
		return nil, noise
	case d == inbound:
		reason := fmt.Sprintf("more than %v messages/s came from Redis; not delivered here", m.rate.PerSecond)
		return &Refusal{Code: RateLimit, Channel: string(channel), Reason: reason}, noise
	}
	retry := (wait + time.Millisecond - 1).Truncate(time.Millisecond)
	reason := fmt.Sprintf("more than %v messages/s on this channel; retry in %v", m.rate.PerSecond, retry)
	return &Refusal{Code: RateLimit, Channel: string(channel), Reason: reason}, noise
}
