package traffic

// Figures of channels, through Redis.

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
	"redis-relay/relay/traffic"
)

// find returns a channel among the heaviest of a dimension.
func find(r *harness.Relay, by traffic.Dimension, name string) (c traffic.Channel) {
	for _, c := range r.Top(by, 100) {
		if c.Name == name {
			return c
		}
	}
	return c
}

// eventually waits until as much was counted.
func eventually(t *testing.T, r *harness.Relay, by traffic.Dimension, name string, want float64) (c traffic.Channel) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("%s: %+v", name, c)
		}
	}()
	redistest.Eventually(t, redistest.DefaultTimeout, fmt.Sprint(name, " ", by, " is ", want), func() bool {
		c = find(r, by, name)
		return c.Count[by] == want
	})
	return c
}

// TestZipf sends a skewed stream over very many channels, of which each count is known. Patterns that hear the same
// messages change nothing.
func TestZipf(t *testing.T) {
	const channels, messages, batch = 50_000, 50_000, 1000
	redis := redistest.Start(t)
	r := harness.Start(t, redis)
	r.Dial().Send("PSUBSCRIBE", "z:*", "z*")
	redistest.Eventually(t, redistest.DefaultTimeout, "both patterns are subscribed", func() bool {
		_, patterns := harness.Interest(t, redis)
		return patterns >= 2
	})
	random := rand.NewZipf(rand.New(rand.NewPCG(1, 2)), 1.01, 1, channels-1)
	truth := map[string]int{}
	pub := redistest.Dial(t, "tcp", redis.Addr())
	for range messages / batch {
		for range batch {
			name := fmt.Sprintf("z:%d", random.Uint64())
			truth[name]++
			pub.Send("PUBLISH", name, "0123456789")
		}
		for range batch {
			pub.Receive()
		}
	}
	for i := range 20 {
		name := fmt.Sprintf("z:%d", i)
		c := eventually(t, r, traffic.InMessages, name, float64(truth[name]))
		if c.Mean != 10 || c.Largest != 10 || c.Count[traffic.InBytes] != float64(10*truth[name]) {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if len(truth) < traffic.Capacity {
		t.Errorf("%d channels only", len(truth))
	}
}

// TestFigures of one channel: in, out, refused by either side, dropped; and who published.
func TestFigures(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(
		harness.NewRoute("chat:", func(r *config.Route) { r.Schema = "chat.json" }),
		harness.NewRoute("drop:", func(r *config.Route) { r.Policy.Slow = config.SlowDrop }),
	), func(c *config.Config) { c.Limits.Queue = 64 * config.KiB })
	r.Subscribe("chat:1")
	pub := r.Dial()
	pub.Send("CLIENT", "SETNAME", "writer")
	pub.Expect(t, "+OK")
	harness.PublishReplies(t, pub, "chat:1", harness.ValidChat, ":1")
	pub.Send("PUBLISH", "chat:1", harness.InvalidChat)
	pub.Receive()
	redis.MustDo("PUBLISH", "chat:1", harness.InvalidChat)
	c := eventually(t, r, traffic.Refused, "chat:1", 2)
	if c.Count[traffic.InMessages] != 2 || c.Count[traffic.OutMessages] != 1 ||
		c.Count[traffic.OutBytes] != float64(len(harness.ValidChat)) {
		t.Errorf("chat:1: %+v", c)
	}
	if c.Publisher.Name != "writer" || int(c.Publisher.PID) != os.Getpid() || !c.Publisher.Known || c.Published.IsZero() {
		t.Errorf("published by %+v", c.Publisher)
	}

	r.Stuck("stuck", "drop:1")
	stuck := r.Dial()
	stuck.Send("PSUBSCRIBE", "drop:*")
	large := strings.Repeat("x", 32<<10)
	redistest.Eventually(t, redistest.DefaultTimeout, "both listeners miss messages", func() bool {
		for range 20 {
			redis.MustDo("PUBLISH", "drop:1", large)
			redis.MustDo("PUBLISH", "drop:2", large)
		}
		return find(r, traffic.Dropped, "drop:1").Count[traffic.Dropped] > 0 &&
			find(r, traffic.Dropped, "drop:2").Count[traffic.Dropped] > 0 // heard by the pattern alone
	})
	missed := find(r, traffic.Dropped, "drop:1").Count[traffic.Dropped] + find(r, traffic.Dropped, "drop:2").Count[traffic.Dropped]
	if all := r.Metric(`drops_total{reason="dropped"}`); missed > all {
		t.Errorf("%v are dropped on the channels, %v in all", missed, all)
	}
}
