package clients_test

// go-redis, as an application uses it: only the address is the relay's.

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/process"
)

const patience = 30 * time.Second

func TestMain(m *testing.M) { process.Main(m) }

// relay is one in front of a redis-server. It may be started again.
type relay struct {
	t      *testing.T
	args   []string
	socket string
	life   *process.Relay
}

func startRelay(t *testing.T) *relay {
	t.Helper()
	server := redistest.Start(t)
	config, err := filepath.Abs("../../relay.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := &relay{t: t, socket: filepath.Join(redistest.TempDir(t), "relay.sock")}
	p.args = []string{"--config", config, "--redis.url", server.URL(), "--socket.path", p.socket}
	p.start()
	return p
}

func (p *relay) start() {
	p.t.Helper()
	p.life = process.Start(p.t, "", nil, p.args...)
	p.life.AwaitReady()
}

func (p *relay) end(how os.Signal) {
	p.t.Helper()
	p.life.Signal(how)
	p.life.EndsWithin(patience)
}

// patiently has go-redis wait as long as the tests do: else it asks again on a busy machine, and a message comes twice.
func patiently(o *redis.Options) *redis.Options {
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = patience, patience, patience, patience
	return o
}

func (p *relay) client(protocol int) *redis.Client {
	c := redis.NewClient(patiently(&redis.Options{Network: "unix", Addr: p.socket, Protocol: protocol}))
	p.t.Cleanup(func() { _ = c.Close() })
	return c
}

// receive returns the next message, and fails the test when none comes.
func receive(t *testing.T, ps *redis.PubSub) *redis.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := ps.ReceiveMessage(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// confirmed waits for the confirmation of a (un)subscription.
func confirmed(t *testing.T, ps *redis.PubSub, kind, channel string, count int) {
	t.Helper()
	v, err := ps.ReceiveTimeout(t.Context(), patience)
	if err != nil {
		t.Fatal(err)
	}
	s, ok := v.(*redis.Subscription)
	if !ok || s.Kind != kind || s.Channel != channel || s.Count != count {
		t.Fatalf("got %v, want %s %s %d", v, kind, channel, count)
	}
}

func protocols(t *testing.T, test func(t *testing.T, p *relay, protocol int)) {
	p := startRelay(t)
	for protocol, name := range map[int]string{2: "RESP2", 3: "RESP3"} {
		t.Run(name, func(t *testing.T) { test(t, p, protocol) })
	}
}

func TestGoRedisSubscribesAndPublishes(t *testing.T) {
	protocols(t, func(t *testing.T, p *relay, protocol int) {
		ctx, c := t.Context(), p.client(protocol)
		ps := c.Subscribe(ctx)
		defer func() { _ = ps.Close() }()
		check(t, ps.Subscribe(ctx, "a", "b"))
		confirmed(t, ps, "subscribe", "a", 1)
		confirmed(t, ps, "subscribe", "b", 2)
		check(t, ps.PSubscribe(ctx, "a*"))
		confirmed(t, ps, "psubscribe", "a*", 3)

		payload := string([]byte{0, '\r', '\n', 0xff, '$', '1'})
		if n, err := c.Publish(ctx, "a", payload).Result(); err != nil || n != 2 {
			t.Fatalf("receivers: %d, %v", n, err)
		}
		if m := receive(t, ps); m.Channel != "a" || m.Payload != payload || m.Pattern != "" {
			t.Errorf("got %v", m)
		}
		if m := receive(t, ps); m.Channel != "a" || m.Payload != payload || m.Pattern != "a*" {
			t.Errorf("got %v", m)
		}
		check(t, ps.Ping(ctx, "still there"))
		if v, err := ps.ReceiveTimeout(ctx, patience); err != nil || v.(*redis.Pong).Payload != "still there" {
			t.Errorf("ping: %v, %v", v, err)
		}
		check(t, ps.PUnsubscribe(ctx, "a*"))
		confirmed(t, ps, "punsubscribe", "a*", 2)
		check(t, ps.Unsubscribe(ctx, "a"))
		confirmed(t, ps, "unsubscribe", "a", 1)
		if n, err := c.Publish(ctx, "a", "x").Result(); err != nil || n != 0 {
			t.Errorf("receivers after unsubscribe: %d, %v", n, err)
		}
		counts, err := c.PubSubNumSub(ctx, "a", "b").Result()
		if err != nil || counts["a"] != 0 || counts["b"] != 1 {
			t.Errorf("numsub: %v, %v", counts, err)
		}
		channels, err := c.PubSubChannels(ctx, "*").Result()
		if err != nil || !slices.Equal(channels, []string{"b"}) {
			t.Errorf("channels: %v, %v", channels, err)
		}
	})
}

func TestGoRedisUsesShardChannels(t *testing.T) {
	if !redistest.Shards(t) {
		return // Redis has them from 7.0 on
	}
	protocols(t, func(t *testing.T, p *relay, protocol int) {
		ctx, c := t.Context(), p.client(protocol)
		ps := c.SSubscribe(ctx, "shard")
		defer func() { _ = ps.Close() }()
		confirmed(t, ps, "ssubscribe", "shard", 1)
		if n, err := c.SPublish(ctx, "shard", "hi").Result(); err != nil || n != 1 {
			t.Fatalf("receivers: %d, %v", n, err)
		}
		if m := receive(t, ps); m.Channel != "shard" || m.Payload != "hi" {
			t.Errorf("got %v", m)
		}
	})
}

func TestGoRedisIsToldWhyAMessageIsRefused(t *testing.T) {
	protocols(t, func(t *testing.T, p *relay, protocol int) {
		ctx, c := t.Context(), p.client(protocol)
		err := c.Publish(ctx, "chat:42", `{"type":"typing","userId":5,"roomId":"42"}`).Err()
		if err == nil || !strings.HasPrefix(err.Error(), "INVALID chat:42 /userId: ") {
			t.Errorf("got %v", err)
		}
		if err := c.Get(ctx, "key").Err(); err == nil || !strings.Contains(err.Error(), "redis-relay") {
			t.Errorf("GET: %v", err)
		}
		check(t, c.Ping(ctx).Err())
	})
}

// A pipeline of publishes gets each its own answer, in order.
func TestGoRedisPipelines(t *testing.T) {
	protocols(t, func(t *testing.T, p *relay, protocol int) {
		ctx, c := t.Context(), p.client(protocol)
		pipe := c.Pipeline()
		for i := range 300 {
			channel := "plain"
			if i%3 == 0 {
				channel = "chat:1" // where a plain text is invalid
			}
			pipe.Publish(ctx, channel, "x")
		}
		cmds, _ := pipe.Exec(ctx) // the first error, which is looked at below
		for i, cmd := range cmds {
			if refused := cmd.Err() != nil; refused != (i%3 == 0) {
				t.Fatalf("publish %d: %v", i, cmd.Err())
			}
		}
	})
}

// The library's own reconnecting channel hears again after the relay was killed.
func TestGoRedisHearsAgainAfterARestart(t *testing.T) {
	for _, how := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(how.String(), func(t *testing.T) {
			p := startRelay(t)
			ctx, c := t.Context(), p.client(3)
			ps := c.Subscribe(ctx, "a")
			defer func() { _ = ps.Close() }()
			confirmed(t, ps, "subscribe", "a", 1)
			messages := ps.Channel(redis.WithChannelHealthCheckInterval(100 * time.Millisecond))

			p.end(how)
			p.start()
			redistest.Eventually(t, patience, "the subscriber is back", func() bool {
				n, err := c.Publish(ctx, "a", "again").Result()
				return err == nil && n == 1
			})
			select {
			case m := <-messages:
				if m.Payload != "again" {
					t.Errorf("got %v", m)
				}
			case <-time.After(patience):
				t.Error("no message")
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
