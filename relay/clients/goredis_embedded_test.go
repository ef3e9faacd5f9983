package clients_test

// go-redis with RESP3 on the embedded Redis, without a relay between.

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"redis-relay/relay/embedded"
)

func dialEmbedded(t *testing.T) *redis.Client {
	t.Helper()
	srv, err := embedded.Start("", zap.NewNop())
	check(t, err)
	t.Cleanup(func() { check(t, srv.Close()) })
	c := redis.NewClient(patiently(&redis.Options{
		Addr: strings.TrimPrefix(srv.URL(), "redis://"), Protocol: 3, Username: "default", Password: "any", ClientName: "app",
	}))
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestGoRedisUsesTheEmbeddedRedis calls what go-redis parses by the protocol.
func TestGoRedisUsesTheEmbeddedRedis(t *testing.T) {
	t.Parallel()
	c, ctx := dialEmbedded(t), t.Context()
	equal := func(what string, got, want any, err error) {
		t.Helper()
		if check(t, err); got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	info, err := c.ClientInfo(ctx).Result()
	check(t, err)
	if info.Resp != 3 || info.Name != "app" || !strings.HasPrefix(info.LibName, "go-redis") {
		t.Errorf("CLIENT INFO: %+v", info)
	}
	id, err := c.ClientID(ctx).Result()
	equal("CLIENT ID", id, info.ID, err)
	text, err := c.Info(ctx).Result()
	equal("INFO", strings.HasPrefix(text, "# Server\r\n"), true, err)

	values := []any{"f", "v"}
	added, err := c.XAdd(ctx, &redis.XAddArgs{Stream: "st", ID: "1-1", Values: values}).Result()
	equal("XADD", added, "1-1", err)
	page, err := c.XRange(ctx, "st", "-", "+").Result()
	equal("XRANGE", len(page) == 1 && page[0].Values["f"] == "v", true, err)
	read, err := c.XRead(ctx, &redis.XReadArgs{Streams: []string{"st", "none", "0", "0"}, Block: -1}).Result()
	equal("XREAD", len(read) == 1 && read[0].Stream == "st" && read[0].Messages[0].ID == "1-1", true, err)
	if err := c.XRead(ctx, &redis.XReadArgs{Streams: []string{"st", "$"}, Block: -1}).Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("XREAD of nothing: %v", err)
	}
	stream, err := c.XInfoStream(ctx, "st").Result()
	equal("XINFO STREAM", stream.Length == 1 && stream.LastEntry.ID == "1-1", true, err)
	keys, cursor, err := c.Scan(ctx, 0, "s*", 10).Result()
	equal("SCAN", len(keys) == 1 && keys[0] == "st" && cursor == 0, true, err)

	check(t, c.ZAdd(ctx, "z", redis.Z{Score: 1.5, Member: "m"}).Err())
	scored, err := c.ZRangeWithScores(ctx, "z", 0, -1).Result()
	equal("ZRANGE WITHSCORES", len(scored) == 1 && scored[0] == redis.Z{Score: 1.5, Member: "m"}, true, err)
	check(t, c.HSet(ctx, "h", "f", "v").Err())
	hash, err := c.HGetAll(ctx, "h").Result()
	equal("HGETALL", hash["f"], "v", err)
	if err := c.Get(ctx, "none").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("GET of nothing: %v", err)
	}
}

func TestGoRedisSubscribesAtTheEmbeddedRedis(t *testing.T) {
	t.Parallel()
	c, ctx := dialEmbedded(t), t.Context()
	ps := c.Subscribe(ctx, "ch")
	defer func() { _ = ps.Close() }()
	confirmed(t, ps, "subscribe", "ch", 1)
	check(t, ps.PSubscribe(ctx, "c?"))
	confirmed(t, ps, "psubscribe", "c?", 2)
	counts, err := c.PubSubNumSub(ctx, "ch").Result()
	if check(t, err); counts["ch"] != 1 {
		t.Errorf("NUMSUB: %v", counts)
	}
	script := redis.NewScript(`redis.call('XADD', KEYS[1], '*', 'f', ARGV[2]) return redis.call('PUBLISH', ARGV[1], ARGV[2])`)
	for _, payload := range []string{"by EVAL", "by EVALSHA"} {
		heard, err := script.Run(ctx, c, []string{"st"}, "ch", payload).Int()
		if check(t, err); heard != 2 {
			t.Errorf("%s: heard by %d", payload, heard)
		}
		for _, pattern := range []string{"", "c?"} {
			if m := receive(t, ps); m.Payload != payload || m.Pattern != pattern {
				t.Errorf("got %+v, want %q for pattern %q", m, payload, pattern)
			}
		}
	}
	check(t, ps.Ping(ctx))
	check(t, ps.Unsubscribe(ctx, "ch"))
}
