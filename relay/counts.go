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
	"redis-relay/relay/upstream"
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
		lists := []resp.Kind{kind}
		if kind == resp.Message && now.HasSharded(i) {
			lists = append(lists, resp.SMessage)
			all.unanswered++
		}
		for _, listed := range lists {
			c.list(i, listed, pattern, func(v any, err error) {
				for _, name := range c.visible(by, kind, pattern, i, v) {
					if kind == resp.SMessage || now.IsShard(kind, []byte(name)) == (listed == resp.SMessage) {
						names = append(names, name)
					}
				}
				if listed != kind && upstream.Lacks(err) { // then nobody listens to them
					err = nil
				}
				all.one(err)
			})
		}
	}
}

// list asks an upstream for the channels that somebody listens to.
func (c *counts) list(upstream int, kind resp.Kind, pattern []byte, done func(v any, err error)) {
	args := []any{"pubsub", "channels"}
	if kind == resp.SMessage {
		args[1] = "shardchannels"
	}
	if wire := channelsAtRedis(c.rules.Load().names[upstream], pattern); wire != nil {
		args = append(args, wire)
	}
	c.sides[upstream].ask(done, args...)
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
	parts, total := c.places(now, kind, names), make([]int64, len(names))
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
	for part, at := range parts {
		list := make([][]byte, len(at))
		for i, place := range at {
			list[i] = part.side.names(now).Append(nil, "", []byte(names[place]))
		}
		part.side.fleet.Count(part.kind, list, func(answer []int64, err error) {
			for i, n := range answer {
				total[at[i]] = n
			}
			all.one(err)
		})
	}
	all.one(nil)
}

// countPart is where some names are counted, and as what.
type countPart struct {
	side *side
	kind resp.Kind
}

// places returns the upstreams of names, each with where its names are among all. Those of sharded routes are counted
// as shard channels.
func (c *counts) places(now *rules, kind resp.Kind, names []string) map[countPart][]int {
	parts := map[countPart][]int{}
	for i, name := range names {
		p := countPart{c.sides.of(now, name), kind}
		if now.IsShard(kind, []byte(name)) {
			p.kind = resp.SMessage
		}
		parts[p] = append(parts[p], i)
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
	now := s.rules.Load()
	name, ok := s.names(now).FromRedis(wire)
	if !ok {
		return 0, 0, 0
	}
	if kind == resp.SMessage {
		return s.shardListeners(now.Route(name), name)
	}
	listeners, requested, confirmed = s.hub.Listeners(kind, name)
	return listeners + s.outlets.named(kind, name), requested, confirmed
}
