package metrics

// What limits.memory allows, and how much of it is taken.

import (
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestMemoryOfTheLimit grows with what waits for clients that do not read and with what is kept for others, up to
// the limit, at which one of them is disconnected.
func TestMemoryOfTheLimit(t *testing.T) {
	const limit = 1 << 20
	redis := redistest.Start(t)
	r := harness.Start(t, redis, func(c *config.Config) { c.Limits.Memory, c.Limits.Queue = limit, limit })
	used := func() float64 { return r.Metric("memory_used_bytes") }
	if allowed := r.Metric("memory_limit_bytes"); allowed != limit || used() != 0 {
		t.Errorf("%v of %v bytes are used at the start", used(), allowed)
	}
	r.Subscribe("other")
	if kept := r.Metric("subscription_bytes"); used() == 0 || used() != kept {
		t.Errorf("%v bytes are used, %v kept", used(), kept)
	}
	r.Stuck("stuck-1", "c:1")
	r.Stuck("stuck-2", "c:1")
	most := 0.0
	redistest.Eventually(t, redistest.DefaultTimeout, "one of them is disconnected", func() bool {
		for range 4 {
			redis.MustDo("PUBLISH", "c:1", strings.Repeat("x", 16<<10))
		}
		most = max(most, used())
		return r.Metric(`disconnects_total{reason="memory"}`) == 1
	})
	const last = 8 * 16 << 10 // that exceeds it: a scrape may come before somebody is disconnected for it
	if most < limit/2 || most > limit+last {
		t.Errorf("up to %v bytes were used", most)
	}
	if n := used(); n > 3*limit/4 {
		t.Errorf("%v bytes are used when it is gone", n)
	}
}
