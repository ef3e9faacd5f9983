package traffic

// Figures of channels, through Redis.

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/status"
	"redis-relay/relay/test/harness"
	"redis-relay/relay/traffic"
)

// find asks the relay for its status, and returns a channel of it.
func find(t *testing.T, c *redistest.Client, name string) (found status.Channel) {
	t.Helper()
	var s status.Status
	if err := json.Unmarshal([]byte(c.Do("RELAY", "STATUS").Str), &s); err != nil {
		t.Fatal(err)
	}
	for _, found := range s.Channels {
		if found.Name == name {
			return found
		}
	}
	return found
}

// eventually waits until as much was counted.
func eventually(
	t *testing.T, c *redistest.Client, name, what string, of func(*status.Flow) float64, want float64,
) (found status.Channel) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("%s: %+v", name, found)
		}
	}()
	redistest.Eventually(t, redistest.DefaultTimeout, fmt.Sprint(name, ": ", what, " is ", want), func() bool {
		found = find(t, c, name)
		return of(&found.Total) == want
	})
	return found
}

func received(f *status.Flow) float64 { return f.Received }
func refused(f *status.Flow) float64  { return f.Refused }

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
	ask := r.Dial()
	for i := range 20 {
		name := fmt.Sprintf("z:%d", i)
		c := eventually(t, ask, name, "received", received, float64(truth[name]))
		if c.Mean != 10 || c.Largest != 10 || c.Total.ReceivedBytes != float64(10*truth[name]) {
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
	ask := r.Dial()
	c := eventually(t, ask, "chat:1", "refused", refused, 2)
	if c.Total.Received != 2 || c.Total.Published != 1 || c.Total.PublishedBytes != float64(len(harness.ValidChat)) {
		t.Errorf("chat:1: %+v", c)
	}
	if by := c.Publisher; by == nil || by.Name != "writer" || int(by.PID) != os.Getpid() || by.UID == nil {
		t.Errorf("published by %+v", by)
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
		return find(t, ask, "drop:1").Total.Dropped > 0 &&
			find(t, ask, "drop:2").Total.Dropped > 0 // heard by the pattern alone
	})
	missed := find(t, ask, "drop:1").Total.Dropped + find(t, ask, "drop:2").Total.Dropped
	if all := r.Metric(`drops_total{reason="dropped"}`); missed > all {
		t.Errorf("%v are dropped on the channels, %v in all", missed, all)
	}
}
