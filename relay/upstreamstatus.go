package relay

// The upstreams, in the words of the status.

import (
	"redis-relay/relay/history"
	"redis-relay/relay/status"
)

// redisStatus describes one Redis.
func (s *side) redisStatus(is sideState) status.Redis {
	r := status.Redis{Name: s.address(), Up: is.ready, Missing: is.missing, Connections: s.redis.ConnectionsMade()}
	if is.ready {
		r.Lag = s.lagSeconds()
	}
	return r
}

// upstreams describes all of them, main first. History belongs to the loop, and is left out.
func (all sides) upstreams(states []sideState) (list []status.Upstream) {
	for i, s := range all {
		list = append(list, status.Upstream{
			Upstream: s.name, Required: s.settings.Required, Redis: s.redisStatus(states[i]),
		})
	}
	return list
}

// requiredUp tells whether the upstreams stand that the relay needs to be ready.
func (all sides) requiredUp(states []sideState) bool {
	for i, s := range all {
		if s.settings.Required && !states[i].ready {
			return false
		}
	}
	return true
}

// historyStatus describes the history of one upstream.
func historyStatus(h history.Stats) status.History {
	return status.History{
		Channels: h.Channels, Behind: h.Behind, Readers: h.Readers, Healed: h.Healed, Gaps: h.Gaps,
	}
}
