package relay

// Shard channels of a Redis Cluster: what their hub wants of it, and what becomes of that.

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/checks"
	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/names"
	"redis-relay/relay/notice"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
	"redis-relay/relay/upstream"
	"redis-relay/relay/upstream/shards"
)

// sharded is the shard channels of an upstream. It is hub.Upstream of a hub of their own, and shards.Owner. It
// belongs to the loop.
type sharded struct {
	// Fixed after construction.
	*shards.Shards
	side   *side
	hub    *hub.Hub
	loop   *loop.Loop
	rules  *atomic.Pointer[rules]
	checks *checks.Pool
	teller *notice.Teller

	asked fold
}

// connectShards builds what an upstream has for shard channels, if it is a cluster.
func (s *side) connectShards(r *Relay) {
	if s.shards == nil {
		return
	}
	conns := shards.New(r.loop, s.opts, s.inbound, shardsOwner{s.shards}, &r.limits.Payload, &r.limits.buffer,
		s.logger(r.log, "shards"))
	*s.shards = sharded{
		Shards: conns, side: s, hub: s.shards.hub, loop: r.loop, rules: &r.rules, checks: r.checks, teller: r.teller,
	}
}

// hubOf returns the hub of shard channels, or of the others.
func (s *side) hubOf(shard bool) *hub.Hub {
	if shard && s.shards != nil {
		return s.shards.hub
	}
	return s.hub
}

// shardAudience is outbound.audience for a message on a shard channel.
func (s *side) shardAudience(rt *route.Route, channel []byte) (listeners, own int) {
	listeners, own, _ = s.shardListeners(rt, channel)
	return listeners, own
}

// shardListeners is hub.Hub.Listeners for a shard channel: on a sharded route those of both kinds count.
func (s *side) shardListeners(rt *route.Route, channel []byte) (listeners, requested, confirmed int) {
	h := s.hubOf(true)
	listeners, requested, confirmed = h.Listeners(resp.SMessage, channel)
	if rt.Sharded {
		l, r, c := h.Listeners(resp.Message, channel)
		listeners, requested, confirmed = listeners+l, max(requested, r), max(confirmed, c)
	}
	return listeners, requested, confirmed
}

// Subscribe subscribes channels. There is always a connection, or one to come: they are not lost.
func (s *sharded) Subscribe(kind resp.Kind, channels []string, done func(lost bool, refused error)) {
	wires, command := s.asked.add(s.side.names(s.rules.Load()), kind, channels)
	s.Shards.Subscribe(wires, func(refused error) {
		if refused != nil {
			s.asked.refused(kind, channels, command)
			refused = shardWords(s.side.names(s.rules.Load()), channels[0], refused)
		}
		done(false, refused)
	})
}

// Unsubscribe lets channels go, unless they are wanted by their other kind: of those, what was sent before has come.
func (s *sharded) Unsubscribe(kind resp.Kind, channels []string, done func(lost bool, refused error)) {
	answered := hub.AfterAll(2, done)
	s.Shards.Unsubscribe(s.asked.remove(kind, channels), func() { answered(false, nil) })
	stay := append([]string{}, s.asked.wires(channels)...) // not nil, which would be all
	s.Shards.Fence(stay, func() { answered(false, nil) })
}

// Fence fences where channels are subscribed.
func (s *sharded) Fence(_ resp.Kind, channels []string, done func(lost bool)) {
	var wires []string
	if channels != nil {
		wires = append([]string{}, s.asked.wires(channels)...)
	}
	s.Shards.Fence(wires, func() { done(false) })
}

// Learn finds out nothing: no route of shard channels has a last value.
func (*sharded) Learn([]string, func()) bool { return false }

// AwaitDelivered calls done when what has come has passed the pool of checks.
func (s *sharded) AwaitDelivered(_ resp.Kind, _ []string, done func()) { s.checks.Barrier(done) }

// Released changes nothing.
func (*sharded) Released(resp.Kind, string) {}

// Interrupted changes nothing.
func (*sharded) Interrupted(resp.Kind, string) {}

// local calls f with the channels that Redis calls so, and with each kind by which somebody may hear them.
func (s *sharded) local(wires []string, f func(kind resp.Kind, channel string)) {
	m := s.side.names(s.rules.Load())
	for _, wire := range wires {
		channel, ok := m.FromRedis([]byte(wire))
		if !ok {
			continue
		}
		for kind, by := range s.asked.of(string(channel)) {
			if by > 0 {
				f(resp.Kind(kind), string(channel))
			}
		}
	}
}

// Missing disconnects the listeners that learn of a gap that way.
func (s *sharded) Missing(wires []string) {
	s.loop.Post(func() { // not while Redis's answers are taken
		now := s.rules.Load()
		s.local(wires, func(kind resp.Kind, channel string) {
			if now.OnGap(kind, channel) == route.GapDisconnect {
				s.hub.Disconnect(kind, channel, hub.ReasonGap)
			}
		})
	})
}

// Gap tells of messages that may be missing.
func (s *sharded) Gap(gap shards.Gap) {
	now, seen := s.rules.Load(), map[string]bool{}
	event := notice.Event{Since: &gap.Since, Until: &gap.Until, Cause: gap.Cause, Upstream: s.side.label}
	s.local(gap.Names, func(_ resp.Kind, channel string) {
		if prefix := now.Route([]byte(channel)).Prefix; !seen[prefix] {
			seen[prefix] = true
			event.Prefixes = append(event.Prefixes, prefix)
		}
	})
	s.teller.Tell(notice.ShardGap, event,
		s.side.about(zap.String("cause", gap.Cause), zap.Int("channels", len(gap.Names)))...)
}

// Refused says that Redis does not let a channel be subscribed.
func (s *sharded) Refused(kind resp.Kind, channel string, err error) {
	facts := []zap.Field{nameField(kind, channel), zap.Error(err)}
	wire := s.side.names(s.rules.Load()).Of("", channel)
	if missing := upstream.MissingRule(err, "&"+wire); missing != "" {
		facts = append(facts, zap.String("allow_to_the_user", missing))
	}
	s.teller.Log(notice.SubscriptionRefused, s.side.about(facts...)...)
}

// shardsOwner is shards.Owner: what the hub calls Refused is another thing.
type shardsOwner struct{ *sharded }

// Refused says that Redis refuses a channel that somebody hears: after a loss, or by another name.
func (s shardsOwner) Refused(wire string, err error) {
	s.loop.Post(func() {
		s.local([]string{wire}, func(kind resp.Kind, channel string) {
			s.asked.remove(kind, []string{channel})
			s.hub.Refuse(kind, channel, err)
		})
	})
}

// Waiting says that a node cannot be reached.
func (s shardsOwner) Waiting(addr string, outage time.Duration, err error) {
	s.teller.Log(notice.ShardWaiting, s.side.about(zap.String("node", addr),
		zap.Duration("for", outage.Round(time.Second/10)), zap.Error(err))...)
}

// rename takes over what channels are called at Redis, and returns those that somebody hears and that have moved.
func (s *sharded) rename(m *names.Map) []resp.Name {
	wanted, unwanted, moved := s.asked.rename(m)
	s.Shards.Subscribe(wanted, nil)
	s.Shards.Unsubscribe(unwanted, func() {})
	return moved
}

var (
	_ hub.Upstream = (*sharded)(nil)
	_ shards.Owner = shardsOwner{}
)
