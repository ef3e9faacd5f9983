package relay

// Who listens, as PUBSUB asks. The upstreams together answer as a single Redis would.

import (
	"cmp"
	"sync/atomic"

	"redis-relay/relay/hub"
	"redis-relay/relay/needs"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
)

// counts is respserver.PubSubCounts. It belongs to the loop, but for RedisVersion.
type counts struct {
	rules *atomic.Pointer[rules]
	sides sides
	hub   *hub.Group
}

// gathering is one question to several upstreams.
type gathering struct {
	unanswered int
	err        error // the first
	done       func(error)
}

// one takes the answer of one upstream.
func (g *gathering) one(err error) {
	if g.err == nil {
		g.err = err
	}
	if g.unanswered--; g.unanswered == 0 {
		g.done(g.err)
	}
}

// Channels lists the channels that somebody anywhere listens to, without the
// relays' own and those that the user may not listen to. A nil pattern means all.
// Each is asked of its own upstream; those that the pattern cannot match are not asked.
func (c *counts) Channels(by respserver.User, kind resp.Kind, pattern []byte, done func([]string, error)) {
	command := "channels"
	if kind == resp.SMessage {
		command = "shardchannels"
	}
	literal := []byte("*")
	if pattern != nil {
		literal = pattern
	}
	names, now := []string{}, c.rules.Load()
	asked := now.Placed(literal)
	all := &gathering{unanswered: len(asked), done: func(err error) {
		if err != nil {
			done(nil, notRead(nil, "PUBSUB", err))
			return
		}
		done(names, nil)
	}}
	for _, i := range asked {
		args := []any{"pubsub", command}
		if wire := channelsAtRedis(now.names[i], pattern); wire != nil {
			args = append(args, wire)
		}
		c.sides[i].ask(func(v any, err error) {
			names = append(names, c.visible(by, kind, pattern, i, v)...)
			all.one(err)
		}, args...)
	}
}

// visible returns the names of an answer that were asked for and the user may see, and that are on the upstream that
// gave it.
func (c *counts) visible(
	by respserver.User, kind resp.Kind, pattern []byte, upstream int, answer any,
) (names []string) {
	list, _ := answer.([]any)
	now := c.rules.Load()
	for _, e := range list {
		wire, ok := e.(string)
		name, ok := localName(now.names[upstream], wire, pattern, ok)
		if ok && !route.IsReserved([]byte(name)) && now.Route([]byte(name)).Upstream.Index == upstream &&
			now.MaySeeListeners(policy.User(by), kind, []byte(name)) == nil {
			names = append(names, name)
		}
	}
	return names
}

// Subscribers counts the listeners of each name, behind all relays and on the upstream of the name. The
// user must be allowed to listen to all of them. The relay's own channels exist on
// this host only.
func (c *counts) Subscribers(by respserver.User, kind resp.Kind, names []string, done func([]int64, error)) {
	now := c.rules.Load()
	for _, name := range names {
		if refusal := now.MaySeeListeners(policy.User(by), kind, []byte(name)); refusal != nil {
			done(nil, refusal)
			return
		}
	}
	parts, total := c.places(now, names), make([]int64, len(names))
	all := &gathering{unanswered: len(parts) + 1, done: func(err error) {
		if err != nil {
			done(nil, notRead(nil, "PUBSUB", err))
			return
		}
		for i, name := range names {
			if !c.sides.of(now, name).names(now).IsUsed([]byte(name)) {
				total[i] = 0 // at Redis that is another channel
			}
			if route.IsReserved([]byte(name)) {
				listeners, _, _ := c.sides[0].hub.Listeners(kind, []byte(name))
				total[i] = int64(listeners)
			}
		}
		done(total, nil)
	}}
	for side, at := range parts {
		list := make([][]byte, len(at))
		for i, place := range at {
			list[i] = side.names(now).Append(nil, "", []byte(names[place]))
		}
		side.fleet.Count(kind, list, func(answer []int64, err error) {
			for i, n := range answer {
				total[at[i]] = n
			}
			all.one(err)
		})
	}
	all.one(nil)
}

// places returns the upstreams of names, each with where its names are among all.
func (c *counts) places(now *rules, names []string) map[*side][]int {
	parts := map[*side][]int{}
	for i, name := range names {
		s := c.sides.of(now, name)
		parts[s] = append(parts[s], i)
	}
	return parts
}

// Patterns counts the patterns that somebody anywhere listens to. Those with which
// other relays alone hear announcements of history are among them: Redis lists none.
// A pattern that this host has on several upstreams counts once.
func (c *counts) Patterns(done func(int64, error)) {
	copies := int64(c.hub.Copies(resp.PMessage))
	sum := int64(0)
	all := &gathering{unanswered: len(c.sides), done: func(err error) {
		if err != nil {
			done(0, notRead(nil, "PUBSUB", err))
			return
		}
		done(max(0, sum-copies), nil)
	}}
	for _, s := range c.sides {
		s.countPatterns(func(n int64, err error) {
			sum += n
			all.one(err)
		})
	}
}

// countPatterns counts the patterns that somebody listens to on one upstream.
func (s *side) countPatterns(done func(int64, error)) {
	if s.settings.Prefix != "" {
		s.countMarks(done)
		return
	}
	own := s.interest.others()
	s.ask(func(v any, err error) {
		n, _ := v.(int64)
		done(n-own, err)
	}, "pubsub", "numpat")
}

// RedisVersion is that of main, when it was last connected to. It may be called from anywhere.
func (c *counts) RedisVersion() string {
	return cmp.Or(c.sides[0].redis.Version(), needs.OldestRedis)
}

// fleetShare is what this relay adds to the counts of one upstream.
type fleetShare struct {
	*side
	rules   *atomic.Pointer[rules]
	outlets *outlets
}

// answer returns what this relay adds to a count of Redis for a name, which has just come from Redis: see fleet.Share.
func (s *fleetShare) answer(kind resp.Kind, wire []byte) int64 {
	listeners, _, confirmed := s.listeners(kind, wire)
	return int64(listeners - confirmed)
}

// own returns what this relay adds to a count of Redis for a name that is asked for now.
func (s *fleetShare) own(kind resp.Kind, wire []byte) int64 {
	listeners, requested, _ := s.listeners(kind, wire)
	return int64(listeners - requested)
}

// listeners counts the local listeners of a name at Redis, those of NATS among them. requested and confirmed are those
// of hub.Hub.Listeners.
func (s *fleetShare) listeners(kind resp.Kind, wire []byte) (listeners, requested, confirmed int) {
	name, ok := s.names(s.rules.Load()).FromRedis(wire)
	if !ok {
		return 0, 0, 0
	}
	listeners, requested, confirmed = s.hub.Listeners(kind, name)
	return listeners + s.outlets.named(kind, name), requested, confirmed
}
