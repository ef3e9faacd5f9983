package relay

// The channels of sharded routes on a single Redis: they are shard channels there, over the same connection.

import (
	"redis-relay/relay/hub"
	"redis-relay/relay/names"
	"redis-relay/relay/resp"
)

// command is how Redis is asked for names, or to let them go.
type command func(kind resp.Kind, names []string, done func(lost bool, refused error))

// apart asks for the channels of sharded routes by one command, and for other names by another.
func (i *interest) apart(
	kind resp.Kind, names []string, done func(lost bool, refused error), others, shared command,
) {
	now := i.rules.Load()
	if !now.HasSharded(i.index) || i.shards != nil { // there they are another hub's
		others(kind, names, done)
		return
	}
	var list, rest []string
	for _, name := range names {
		if now.IsShard(kind, []byte(name)) && now.Route([]byte(name)).Sharded {
			list = append(list, name)
		} else {
			rest = append(rest, name)
		}
	}
	switch {
	case len(list) == 0:
		others(kind, rest, done)
	case len(rest) == 0:
		shared(kind, list, done)
	default:
		done = hub.AfterAll(2, done)
		others(kind, rest, done)
		shared(kind, list, done)
	}
}

func (i *interest) subscribeShared(kind resp.Kind, channels []string, done func(lost bool, refused error)) {
	wires, number := i.shared.add(i.asked.names, kind, channels)
	i.redis.Subscribe(resp.SMessage, wires, func(lost bool, refused error) {
		if refused != nil && !lost {
			i.shared.refused(kind, channels, number)
			refused = shardWords(i.asked.names, channels[0], refused)
		}
		done(lost, refused)
	})
}

func (i *interest) unsubscribeShared(kind resp.Kind, channels []string, done func(lost bool, refused error)) {
	gone := i.shared.remove(kind, channels)
	if len(gone) == 0 { // the other kind wants them
		i.redis.Fence(func(lost bool) { done(lost, nil) })
		return
	}
	i.redis.Unsubscribe(resp.SMessage, gone, done)
}

// renameShared is interest.rename for them.
func (i *interest) renameShared(m *names.Map) []resp.Name {
	wanted, unwanted, moved := i.shared.rename(m)
	if len(wanted) > 0 && i.redis.Connected() {
		i.redis.Subscribe(resp.SMessage, wanted, func(_ bool, refused error) {
			if refused == nil {
				return
			}
			for _, n := range moved {
				i.shared.remove(n.Kind, []string{n.Text})
				i.hub.Refuse(n.Kind, n.Text, refused)
			}
		})
		i.redis.Unsubscribe(resp.SMessage, unwanted, func(bool, error) {})
	}
	return moved
}
