package last

import (
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestMain runs the tests as those of every subject are run.
func TestMain(m *testing.M) { harness.Main(m) }

// live is a route whose newest messages the relay keeps itself.
func live(prefix string) config.Route {
	return harness.NewRoute(prefix, func(r *config.Route) { r.Last, r.Policy.OnGap = true, config.OnGapNotify })
}

// kept is a route whose newest messages are in its history.
func kept(prefix string) config.Route {
	r := harness.Diary(prefix, 1000)
	r.Last = true
	return r
}

// both runs a test with a relay that keeps the newest messages of x: itself, and with one that has them in history.
func both(t *testing.T, test func(t *testing.T, r *harness.Relay, redis *redistest.Server)) {
	bothRoutes(t, func(t *testing.T, route config.Route) {
		redis := redistest.Start(t)
		test(t, harness.Start(t, redis, harness.WithRoutes(route)), redis)
	})
}

// bothRoutes runs a test with the routes of both.
func bothRoutes(t *testing.T, test func(t *testing.T, route config.Route)) {
	for name, route := range map[string]config.Route{"live": live("x:"), "with history": kept("x:")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, route)
		})
	}
}

// nothing fails if something was sent to a client before the answer to a PING.
func nothing(t *testing.T, c *redistest.Client) {
	t.Helper()
	if got := c.Do("PING").String(); got != "[pong ]" && got != "+PONG" && got != `[pong ""]` {
		t.Fatalf("unexpected: %s", got)
	}
}
