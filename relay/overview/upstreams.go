package overview

// The upstreams.

import (
	"fmt"
	"time"

	"redis-relay/relay/admin"
	"redis-relay/relay/deadletter"
	"redis-relay/relay/fleet"
	"redis-relay/relay/history"
	"redis-relay/relay/hub"
	"redis-relay/relay/monitor"
	"redis-relay/relay/status"
	"redis-relay/relay/upstream"
	"redis-relay/relay/upstream/credentials"
)

// Upstream is one Redis, and what the relay has for it.
type Upstream struct {
	Name     string // in relay.yaml
	Label    string // Name, for metrics; empty: there is one upstream only
	Address  string // for people: without a password
	Required bool   // the relay is not ready without

	Redis *upstream.Connection
	Hub   *hub.Hub
	Feed  *history.Feed
	Fleet *fleet.Fleet
	Dead  *deadletter.Writer
	Lag   func() *float64 // of the last probe in seconds; nil: none has come back

	ShardsMissing func() int // names on shard channels that were subscribed and are not now; nil: there are no shards

	Credentials *credentials.Keeper // nil: they do not expire
}

// labels are the labels of metrics about this upstream.
func (u *Upstream) labels() []string {
	if u.Label == "" {
		return nil
	}
	return []string{"upstream", u.Label}
}

// upstreamState says whether every wanted subscription is confirmed and messages can be published, and if not, what is
// missing.
type upstreamState struct {
	ready   bool
	missing string
}

// state belongs to the loop.
func (u *Upstream) state() upstreamState {
	ready, connected, missing := u.Redis.Status()
	if connected && !ready {
		if all, kind, example, n := u.Hub.Confirmed(); !all {
			missing = fmt.Sprintf("%d subscriptions are not confirmed by Redis, %s %q among them",
				n, kind.Subscribe(), example)
		}
	}
	if ready && u.ShardsMissing != nil {
		if n := u.ShardsMissing(); n > 0 {
			return upstreamState{false, fmt.Sprintf("%d shard channels are not subscribed at the masters of their slots", n)}
		}
	}
	return upstreamState{ready, missing}
}

// stateOf returns the state of one upstream. It may be called from anywhere but the loop.
func (o *Overview) stateOf(u *Upstream) (is upstreamState) {
	o.parts.Loop.Call(func() { is = u.state() })
	return is
}

// states returns the state of each upstream. It may be called from anywhere but the loop.
func (o *Overview) states() []upstreamState {
	states := make([]upstreamState, len(o.parts.Upstreams))
	for i := range states {
		states[i].missing = "the relay is ending"
	}
	o.parts.Loop.Call(func() {
		for i, u := range o.parts.Upstreams {
			states[i] = u.state()
		}
	})
	return states
}

// requiredUp tells whether the upstreams stand that the relay needs to be ready.
func (o *Overview) requiredUp(states []upstreamState) bool {
	for i, u := range o.parts.Upstreams {
		if u.Required && !states[i].ready {
			return false
		}
	}
	return true
}

// check is the check of the upstream with an index.
func (u *Upstream) check(index int, is upstreamState) admin.Check {
	c := admin.Check{
		Name: "redis", OK: is.ready, Vital: u.Required, Text: "all subscriptions are confirmed, messages can be published",
	}
	if index > 0 {
		c.Name = "upstream " + u.Name
	}
	if !is.ready {
		c.Text = is.missing
	}
	return c
}

// status describes the Redis.
func (u *Upstream) status(is upstreamState) status.Redis {
	r := status.Redis{Name: u.Address, Up: is.ready, Missing: is.missing, Connections: u.Redis.ConnectionsMade()}
	if is.ready {
		r.Lag = u.Lag()
	}
	return r
}

// upstreams describes all of them, main first. History belongs to the loop, and is left out.
func (o *Overview) upstreams(states []upstreamState) (list []status.Upstream) {
	for i, u := range o.parts.Upstreams {
		list = append(list, status.Upstream{Upstream: u.Name, Required: u.Required, Redis: u.status(states[i])})
	}
	return list
}

// history adds the history of the upstreams to a status. It belongs to the loop.
func (o *Overview) history(s *status.Status) {
	for i, u := range o.parts.Upstreams {
		h := u.Feed.Stats()
		one := status.History{
			Channels: h.Channels, Behind: h.Behind, Readers: h.Readers, Healed: h.Healed, Gaps: h.Gaps,
		}
		s.History.Add(one)
		if len(s.Upstreams) > 0 {
			s.Upstreams[i].History = one
		}
	}
}

// measureUpstream names the metrics of an upstream.
func (o *Overview) measureUpstream(
	m *monitor.Metrics, u *Upstream, fromLoop func(func() float64) func() float64,
) {
	m.Gauge("upstream_ready", "1 while every wanted subscription is confirmed by Redis.",
		func() float64 { return boolGauge(o.stateOf(u).ready) }, u.labels()...)
	m.Count("upstream_connections_total", "Connections made to Redis that subscribe and publish.",
		func() float64 { return float64(u.Redis.ConnectionsMade()) }, u.labels()...)
	measureCredentials(m, u.Credentials, u.labels())
	measureFleet(m, u.Fleet, u.labels())
	measureHistory(m, u.Feed, fromLoop, u.labels())
	measureDeadLetters(m, u.Dead, u.labels())
}

// measureCredentials names the metrics of credentials that expire, or of none.
func measureCredentials(m *monitor.Metrics, k *credentials.Keeper, labels []string) {
	state := func() (none credentials.State) { return none }
	if k != nil {
		state = k.State
	}
	m.Gauge("upstream_credentials_age_seconds", "How long ago the helper printed the credentials in use; 0: none.",
		func() float64 {
			if got := state().Login.Got; !got.IsZero() {
				return time.Since(got).Seconds()
			}
			return 0
		}, labels...)
	m.Gauge("upstream_credentials_expiry_timestamp_seconds", "When the credentials in use expire; 0: it is not known.",
		func() float64 {
			if at := state().Login.Expires; !at.IsZero() {
				return float64(at.Unix())
			}
			return 0
		}, labels...)
	m.Count("upstream_credentials_failures_total", "Attempts to renew credentials that have failed.",
		func() float64 { return float64(state().Failures) }, labels...)
}
