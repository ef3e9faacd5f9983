package relay_test

// Limits that the whole relay enforces, and their reload.

import (
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
)

func TestPatternPrefixes(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "relay.yaml", "limits: {pattern_prefixes: ['chat:', 'user:']}\n")
	r := startRelay(t, redistest.Start(t), withFile(t, path))
	const denied = ": a pattern must begin with one of limits.pattern_prefixes (chat:, user:)"
	sub := r.dial()
	for _, tt := range []struct{ pattern, want string }{
		{"*", "-DENIED *" + denied},
		{"chat*", "-DENIED chat*" + denied},
		{"cha[t]:*", "-DENIED cha[t]:*" + denied},
		{"?chat:*", "-DENIED ?chat:*" + denied},
		{"", "-DENIED " + denied},
		{"chat:*", "[psubscribe chat:* 1]"},
		{`ch\at:1:*`, `[psubscribe ch\at:1:* 2]`},
		{"user:", "[psubscribe user: 3]"},
	} {
		sub.Send("PSUBSCRIBE", tt.pattern)
		if got := sub.Receive().String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.pattern, got, tt.want)
		}
	}
	write(t, dir, "relay.yaml", "limits: {patterns: 1}\n")
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	sub = r.dial()
	sub.Send("PSUBSCRIBE", "*")
	sub.Expect(t, "[psubscribe * 1]")
	sub.Send("PSUBSCRIBE", "a*")
	sub.Expect(t, "-DENIED a*: this would be pattern 2 of this connection, over limits.patterns")
}

// TestMemoryBoundsWhatWaitsForRedis stops Redis: publishes wait in a quarter of
// limits.memory, also when a reload changes that, and what is more is refused.
func TestMemoryBoundsWhatWaitsForRedis(t *testing.T) {
	dir, redis := t.TempDir(), redistest.Start(t)
	path := write(t, dir, "relay.yaml", "redis: {publish_timeout: 1m}\nlimits: {memory: 8MiB, queue: 1MiB}\n")
	r := startRelay(t, redis, withFile(t, path))
	pub := r.dial()
	publish := func(n int) { // while Redis is stopped
		t.Helper()
		before := r.metric("commands_total")
		redis.Stop()
		for range n {
			pub.Send("PUBLISH", "c", strings.Repeat("x", 900<<10))
		}
		redistest.Eventually(t, 10*time.Second, "they are taken or refused", func() bool {
			return r.metric("commands_total") == before+float64(n)
		})
		redis.Cont()
	}
	publish(3)
	pub.Expect(t, ":0", ":0", "-BUSY c: too many publishes are waiting for Redis; try again later")

	write(t, dir, "relay.yaml", "redis: {publish_timeout: 1m}\nlimits: {memory: 16MiB, queue: 1MiB}\n")
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	publish(3)
	pub.Expect(t, ":0", ":0", ":0")
}

func TestCutOffIsCounted(t *testing.T) {
	r := startRelay(t, nil, func(c *config.Config) { c.Limits.CommandTimeout = 1 })
	c := r.dial()
	if got := c.Closed(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	if n := r.metric(`disconnects_total{reason="incomplete"}`); n != 1 {
		t.Errorf("%v are counted", n)
	}
}
