package history

// Healing and listeners that take their time.

import (
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const (
	missed     = 60
	missedSize = 256 << 10
)

// missMuch is a relay whose listeners on d:1 have a queue that is a small part of what
// a lost connection kept from them. The heal begins when it returns.
func missMuch(t *testing.T, slow config.Slow, listeners ...string) (r *harness.Relay, subs []*redistest.Client) {
	t.Helper()
	redis := redistest.Start(t)
	route := harness.Diary("d:", 1000)
	route.Policy.Slow = slow
	r = harness.Start(t, redis, harness.WithRoutes(route), func(c *config.Config) { c.Limits.Queue = 1 << 20 })
	pub := r.Dial()
	r.Readable(pub, "d:barrier")
	for _, name := range listeners {
		subs = append(subs, r.Stuck(name, "d:1"))
	}
	pub.Do("XADD", "d:1", "*", "payload", "first")
	for _, sub := range subs {
		sub.Expect(t, "[message d:1 first]")
	}
	fill(t, redis, "d:1", missed, missedSize)
	redis.KillSubscribers()
	return r, subs
}

// hearsMissed receives what was missed, with a rest after each message.
func hearsMissed(t *testing.T, sub *redistest.Client, rest time.Duration) {
	t.Helper()
	for i := range missed {
		m, err := sub.TryReceive()
		if err != nil || len(m.Elems) != 3 || len(m.Elems[2].Str) != missedSize {
			t.Fatalf("message %d of %d: %.100s, %v", i, missed, m, err)
		}
		time.Sleep(rest) // it is not the fastest
	}
}

// TestHealIsPaced by a listener that reads well, and not as fast as Redis answers.
func TestHealIsPaced(t *testing.T) {
	r, subs := missMuch(t, config.SlowDisconnect, "steady")
	hearsMissed(t, subs[0], 10*time.Millisecond)
	r.Dial().Do("PUBLISH", "d:1", "after")
	subs[0].Expect(t, "[message d:1 after]")
	if n := r.Metric(`disconnects_total{reason="slow"}`); n != 0 {
		t.Errorf("%v were disconnected", n)
	}
}

// TestHealDoesNotWaitForTheStuck for long: others get what they missed, and it falls
// under its own policy.
func TestHealDoesNotWaitForTheStuck(t *testing.T) {
	for _, tt := range []struct {
		slow   config.Slow
		series string
	}{
		{config.SlowDisconnect, `disconnects_total{reason="slow"}`},
		{config.SlowDrop, `drops_total{reason="dropped"}`},
	} {
		t.Run(string(tt.slow), func(t *testing.T) {
			t.Parallel() // it waits
			r, subs := missMuch(t, tt.slow, "stuck", "steady")
			hearsMissed(t, subs[1], 0)
			redistest.Eventually(t, redistest.DefaultTimeout, "the stuck listener is told", func() bool {
				return r.Metric(tt.series) > 0
			})
			r.Dial().Do("PUBLISH", "d:1", "after")
			subs[1].Expect(t, "[message d:1 after]")
		})
	}
}
