package upstreams

// What the tests have in common: a relay on two Redises.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// scene is a relay with the upstreams main and eu.
type scene struct {
	main, eu *redistest.Server
	relay    *harness.Relay
	pub      *redistest.Client
}

// on puts a route on an upstream.
func on(upstream, prefix string, edit ...func(*config.Route)) config.Route {
	return harness.NewRoute(prefix, func(r *config.Route) {
		r.Upstream = upstream
		for _, e := range edit {
			e(r)
		}
	})
}

// calm has listeners told of gaps on relay:events.
func calm(r *config.Route) { r.Policy.OnGap = config.OnGapNotify }

// kept has messages kept.
func kept(r *config.Route) {
	calm(r)
	r.Policy.History = &config.History{Length: 1000}
}

// routes are those of most tests.
func routes() []config.Route {
	return []config.Route{
		on("main", "m:"), on("main", "mcalm:", calm), on("main", "mkept:", kept),
		on("eu", "e:"), on("eu", "ecalm:", calm), on("eu", "ekept:", kept),
	}
}

// hurry is the time for a publish on a Redis that a test takes away. A busy machine keeps it.
const hurry = 6 * time.Second

// hurried has publishes on an upstream, main or eu, fail soon when it is away.
func hurried(upstream string) func(*config.Config) {
	return func(c *config.Config) {
		if upstream == "main" {
			c.Redis.PublishTimeout = hurry
			return
		}
		r := c.Upstreams[upstream]
		r.PublishTimeout = hurry
		c.Upstreams[upstream] = r
	}
}

// withEU adds the upstream eu, looks often at both, and is patient with them.
func withEU(eu *redistest.Server, edit ...func(*config.Config)) harness.Option {
	return func(c *config.Config) {
		r := c.Redis
		r.URL, r.Required, r.PublishTimeout, r.ProbeInterval = eu.URL(), false, redistest.DefaultTimeout, 200*time.Millisecond
		c.Redis.PublishTimeout, c.Redis.ProbeInterval = r.PublishTimeout, r.ProbeInterval
		c.Upstreams = map[string]config.Redis{"eu": r}
		c.Limits.CommandTimeout = 0 // a client may say nothing until all is ready
		for _, e := range edit {
			e(c)
		}
	}
}

func newScene(t *testing.T, edit ...func(*config.Config)) *scene {
	t.Helper()
	s := &scene{main: redistest.Start(t), eu: redistest.Start(t)}
	s.relay = harness.Start(t, s.main, harness.WithRoutes(routes()...), withEU(s.eu, edit...))
	s.pub = s.relay.Dial()
	s.awaitEU(t, 1)
	return s
}

// awaitEU waits until eu is ready, or is not.
func (s *scene) awaitEU(t *testing.T, want float64) {
	t.Helper()
	awaitReady(t, s.relay, "eu", want)
}

// awaitReady waits until an upstream of a relay is ready (1), or is not (0).
func awaitReady(t *testing.T, r *harness.Relay, upstream string, want float64) {
	t.Helper()
	redistest.Eventually(t, redistest.DefaultTimeout, fmt.Sprint(upstream, " is ready: ", want), func() bool {
		return r.Metric(`upstream_ready{upstream="`+upstream+`"}`) == want
	})
}

// message is what a client hears on a channel to which it is subscribed.
func message(channel, payload string) string { return "[message " + channel + " " + payload + "]" }

// publish publishes and expects the number of receivers.
func publish(t *testing.T, c *redistest.Client, channel, payload string, receivers int) {
	t.Helper()
	if got := c.Do("PUBLISH", channel, payload).String(); got != fmt.Sprint(":", receivers) {
		t.Fatalf("PUBLISH %s %s: got %s, want %d", channel, payload, got, receivers)
	}
}

// event waits for an event on relay:events, and skips others.
func event(t *testing.T, c *redistest.Client, is func(e *relay.Event) bool) relay.Event {
	t.Helper()
	for {
		var e relay.Event
		harness.Heard(t, c, relay.EventsChannel, &e)
		if is(&e) {
			return e
		}
	}
}

// named is an event of a kind about an upstream.
func named(kind, upstream string) func(*relay.Event) bool {
	return func(e *relay.Event) bool { return e.Event == kind && e.Upstream == upstream }
}

// patterns returns how many clients listen to a pattern on a Redis: 0 or 1.
func patterns(redis *redistest.Server) int64 { return redis.MustDo("PUBSUB", "NUMPAT").Int }

// isEnded waits until a client is disconnected.
func isEnded(t *testing.T, c *redistest.Client) {
	t.Helper()
	if rest := c.Closed(); len(rest) > 0 {
		t.Errorf("disconnected after %v", rest)
	}
}

// fails expects an error that begins with a word.
func fails(t *testing.T, v redistest.Value, word string) {
	t.Helper()
	if v.Err() == nil || !strings.HasPrefix(strings.TrimPrefix(v.String(), "-"), word) {
		t.Errorf("got %s, want %s", v, word)
	}
}
