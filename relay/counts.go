package relay

// Who listens, as PUBSUB asks.

import (
	"sync/atomic"

	"redis-relay/relay/fleet"
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
	rules    *atomic.Pointer[rules]
	redis    *upstream.Connection
	hub      *hub.Hub
	fleet    *fleet.Fleet
	interest *interest
	outlets  *outlets
}

// Channels lists the channels that somebody anywhere listens to, without the
// relays' own and those that the user may not listen to. A nil pattern means all.
func (c *counts) Channels(by respserver.User, kind resp.Kind, pattern []byte, done func([]string, error)) {
	args := []any{"pubsub", "channels"}
	if kind == resp.SMessage {
		args[1] = "shardchannels"
	}
	if all := channelsAtRedis(c.rules.Load().names, pattern); all != nil {
		args = append(args, all)
	}
	c.redis.Do(func(v any, err error) {
		if err != nil {
			done(nil, notRead(nil, "PUBSUB", err))
			return
		}
		list, _ := v.([]any)
		names, now := make([]string, 0, len(list)), c.rules.Load()
		for _, e := range list {
			wire, ok := e.(string)
			name, ok := localName(now.names, wire, pattern, ok)
			if ok && !route.IsReserved([]byte(name)) && now.MaySeeListeners(policy.User(by), kind, []byte(name)) == nil {
				names = append(names, name)
			}
		}
		done(names, nil)
	}, args...)
}

// Subscribers counts the listeners of each name, behind all relays and on Redis. The
// user must be allowed to listen to all of them. The relay's own channels exist on
// this host only.
func (c *counts) Subscribers(by respserver.User, kind resp.Kind, names []string, done func([]int64, error)) {
	for _, name := range names {
		if refusal := c.rules.Load().MaySeeListeners(policy.User(by), kind, []byte(name)); refusal != nil {
			done(nil, refusal)
			return
		}
	}
	list := make([][]byte, len(names))
	for i, name := range names {
		list[i] = c.rules.Load().names.Append(nil, "", []byte(name))
	}
	c.fleet.Count(kind, list, func(answer []int64, err error) {
		if err != nil {
			done(nil, notRead(nil, "PUBSUB", err))
			return
		}
		for i, name := range names {
			if !c.rules.Load().names.IsUsed([]byte(name)) {
				answer[i] = 0 // at Redis that is another channel
			}
			if route.IsReserved([]byte(name)) {
				listeners, _, _ := c.hub.Listeners(kind, []byte(name))
				answer[i] = int64(listeners)
			}
		}
		done(answer, nil)
	})
}

// share is what this relay adds to what Redis counted of a name of its when it sent what comes from it now: see
// fleet.Share.
func (c *counts) share(kind resp.Kind, wire []byte) int64 {
	name, ok := c.rules.Load().names.FromRedis(wire)
	if !ok {
		return 0
	}
	listeners, _, held := c.hub.Listeners(kind, name)
	return int64(listeners + c.outlets.named(kind, name) - held)
}

// own is what this relay adds to what Redis will count of a name when it carries out what is sent now.
func (c *counts) own(kind resp.Kind, wire []byte) int64 {
	name, ok := c.rules.Load().names.FromRedis(wire)
	if !ok {
		return 0
	}
	listeners, asked, _ := c.hub.Listeners(kind, name)
	return int64(listeners + c.outlets.named(kind, name) - asked)
}

// Patterns counts the patterns that somebody anywhere listens to. Those with which
// other relays alone hear announcements of history are among them: Redis lists none.
func (c *counts) Patterns(done func(int64, error)) {
	if c.rules.Load().names.Prefix() != "" {
		c.markedPatterns(done)
		return
	}
	own := c.interest.others()
	c.redis.Do(func(v any, err error) {
		if err != nil {
			done(0, notRead(nil, "PUBSUB", err))
			return
		}
		n, _ := v.(int64)
		done(max(0, n-own), nil)
	}, "pubsub", "numpat")
}

// RedisVersion is that of the Redis last connected to. It may be called from anywhere.
func (c *counts) RedisVersion() string {
	if v := c.redis.Version(); v != "" {
		return v
	}
	return needs.OldestRedis
}
