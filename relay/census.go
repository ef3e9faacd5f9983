package relay

// Who listens, as PUBSUB asks: this relay's listeners one by one, every other
// relay as one.

import (
	"context"
	"fmt"

	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
)

// pubsubWords are PUBSUB's subcommands for channels and for shard channels.
func pubsubWords(kind resp.Kind) (channels, numsub string) {
	if kind == resp.SMessage {
		return "shardchannels", "shardnumsub"
	}
	return "channels", "numsub"
}

// Channels returns the channels that somebody anywhere listens to, without the
// relays' own and those that the user may not listen to. A nil pattern means all.
func (r *Relay) Channels(
	ctx context.Context, by respserver.User, kind resp.Kind, pattern []byte,
) ([]string, error) {
	word, _ := pubsubWords(kind)
	args := []any{"pubsub", word}
	if pattern != nil {
		args = append(args, pattern)
	}
	v, err := r.publisher.Do(ctx, args...)
	if err != nil {
		return nil, fromUpstream("PUBSUB", err)
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

// Subscribers counts the listeners of each name, all of which the user must be
// allowed to listen to.
func (r *Relay) Subscribers(
	ctx context.Context, by respserver.User, kind resp.Kind, names [][]byte,
) ([]int64, error) {
	for _, name := range names {
		if rt := r.rules.Load().barred(by, kind, name); rt != nil {
			return nil, &Refusal{Denied, string(name), barred(by, "subscribe", rt)}
		}
	}
	counts := make([]int64, len(names))
	if len(names) == 0 {
		return counts, nil
	}
	_, word := pubsubWords(kind)
	args := []any{"pubsub", word}
	for _, name := range names {
		args = append(args, name)
	}
	v, err := r.publisher.Do(ctx, args...)
	if err != nil {
		return nil, fromUpstream("PUBSUB", err)
	}
	list, _ := v.([]any)
	if len(list) != 2*len(names) {
		return nil, fmt.Errorf("ERR Redis answered PUBSUB %s with %d values for %d names", word, len(list), len(names))
	}
	for i, name := range names {
		n, _ := list[2*i+1].(int64)
		listeners, own := r.hub.Listeners(kind, name)
		counts[i] = max(0, n-int64(own)) + int64(listeners)
	}
	return counts, nil
}

// Patterns counts the patterns that somebody anywhere listens to. Those with which
// other relays alone hear announcements of history are among them: Redis lists none.
func (r *Relay) Patterns(ctx context.Context) (int64, error) {
	v, err := r.publisher.Do(ctx, "pubsub", "numpat")
	if err != nil {
		return 0, fromUpstream("PUBSUB", err)
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
