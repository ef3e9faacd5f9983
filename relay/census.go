package relay

// Who listens, as PUBSUB asks.

import (
	"context"

	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
)

// Channels returns the channels that somebody anywhere listens to, without the
// relays' own and those that the user may not listen to. A nil pattern means all.
func (r *Relay) Channels(
	ctx context.Context, by respserver.User, kind resp.Kind, pattern []byte,
) ([]string, error) {
	args := []any{"pubsub", "channels"}
	if kind == resp.SMessage {
		args[1] = "shardchannels"
	}
	if pattern != nil {
		args = append(args, pattern)
	}
	v, err := r.publisher.Do(ctx, args...)
	if err != nil {
		return nil, notRead("PUBSUB", err)
	}
	list, _ := v.([]any)
	names, now := make([]string, 0, len(list)), r.rules.Load()
	for _, e := range list {
		if name, ok := e.(string); ok && !route.IsReserved([]byte(name)) && now.barred(by, kind, []byte(name)) == nil {
			names = append(names, name)
		}
	}
	return names, nil
}

// Subscribers counts the listeners of each name, behind all relays and on Redis. The
// user must be allowed to listen to all of them. The relay's own channels exist on
// this host only.
func (r *Relay) Subscribers(
	ctx context.Context, by respserver.User, kind resp.Kind, names [][]byte,
) ([]int64, error) {
	for _, name := range names {
		if rt := r.rules.Load().barred(by, kind, name); rt != nil {
			return nil, &Refusal{Denied, string(name), barred(by, "subscribe", rt)}
		}
	}
	counts, err := r.fleet.Count(ctx, kind, names)
	if err != nil {
		return nil, notRead("PUBSUB", err)
	}
	for i, name := range names {
		if route.IsReserved(name) {
			listeners, _ := r.hub.Listeners(kind, name)
			counts[i] = int64(listeners)
		}
	}
	return counts, nil
}

// share is what this relay adds to what Redis counts of a name: see fleet.Share.
func (r *Relay) share(kind resp.Kind, name []byte) int64 {
	listeners, own := r.hub.Listeners(kind, name)
	if kind == resp.Message {
		listeners += r.namedOnNATS(name)
	}
	return int64(listeners - own)
}

// Patterns counts the patterns that somebody anywhere listens to. Those with which
// other relays alone hear announcements of history are among them: Redis lists none.
func (r *Relay) Patterns(ctx context.Context) (int64, error) {
	v, err := r.publisher.Do(ctx, "pubsub", "numpat")
	if err != nil {
		return 0, notRead("PUBSUB", err)
	}
	n, _ := v.(int64)
	return max(0, n-r.interest.patterns()), nil
}

// RedisVersion is that of the Redis last connected to.
func (r *Relay) RedisVersion() string {
	if v := r.version.Load(); v != nil {
		return *v
	}
	return oldestRedis
}

// oldestRedis is what clients are told before Redis has told its version: the
// oldest that has all commands the relay serves.
const oldestRedis = "7.0.0"
