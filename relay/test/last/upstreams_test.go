package last

// Channels on several Redises, and channels that Redis calls otherwise.

import (
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestSeveralUpstreams hears one channel on two Redises, and loses one of them.
func TestSeveralUpstreams(t *testing.T) {
	bothRoutes(t, func(t *testing.T, route config.Route) {
		main, eu := redistest.Start(t), redistest.Start(t)
		both, alone := route, route
		both.AlsoSubscribe, alone.Prefix, alone.Upstream = []string{"eu"}, "y:", "eu"
		r := harness.Start(t, main, harness.WithRoutes(both, alone), func(c *config.Config) {
			other := c.Redis
			other.URL, other.Required, other.ProbeInterval = eu.URL(), true, 200*time.Millisecond
			c.Redis.ProbeInterval = other.ProbeInterval
			c.Upstreams = map[string]config.Redis{"eu": other}
		})
		pub, early := r.Dial(), r.Subscribe("x:1", "y:1")
		pub.Do("PUBLISH", "x:1", "a")
		early.Expect(t, "[message x:1 a]")
		pub.Do("PUBLISH", "y:1", "b")
		early.Expect(t, "[message y:1 b]")
		first(t, r, "x:1", "a")
		first(t, r, "y:1", "b")
		if route.Policy.History != nil {
			return
		}
		eu.MustDo("PUBLISH", "x:1", "c")
		early.Expect(t, "[message x:1 c]")
		first(t, r, "x:1", "c")
		main.MustDo("PUBLISH", "x:1", "d")
		early.Expect(t, "[message x:1 d]")
		first(t, r, "x:1", "d")

		r.CutOff(eu, "default")
		first(t, r, "x:1")
		first(t, r, "y:1")
		main.MustDo("PUBLISH", "x:1", "e")
		early.Expect(t, "[message x:1 e]")
		first(t, r, "x:1", "e")
	})
}

func TestRenamed(t *testing.T) {
	bothRoutes(t, func(t *testing.T, route config.Route) {
		redis := redistest.Start(t)
		route.Rename = "there:{name}"
		r := harness.Start(t, redis, harness.WithRoutes(route), func(c *config.Config) {
			c.Redis.Prefix, c.Unrouted = "acme:", config.UnroutedDeny
		})
		pub, early := r.Dial(), r.Subscribe("x:1")
		pub.Do("PUBLISH", "x:1", "a")
		early.Expect(t, "[message x:1 a]")
		first(t, r, "x:1", "a")
		early.Send("UNSUBSCRIBE")
		early.Expect(t, "[unsubscribe x:1 0]")
		redis.MustDo("XADD", "acme:history:{there:x:2}", "*", "payload", "b")
		if route.Policy.History != nil {
			first(t, r, "x:2", "b")
		} else {
			first(t, r, "x:2")
		}
	})
}

// TestOneThatMayNotBeRead is asked about together with others, which are not concerned.
func TestOneThatMayNotBeRead(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithACL("app on >secret ~history:{x:1} ~history:{x:3} &* +@all"))
	for _, channel := range []string{"x:1", "x:2", "x:3"} {
		redis.MustDo("XADD", "history:{"+channel+"}", "*", "payload", channel)
	}
	url := strings.Replace(redis.URL(), "redis://", "redis://app:secret@", 1)
	r := harness.Start(t, redis, harness.WithRoutes(kept("x:")), harness.WithRedis(url))
	c := r.Dial()
	c.Send("SUBSCRIBE", "x:1", "x:2", "x:3")
	c.Expect(t, "[subscribe x:1 1]", "[subscribe x:2 2]", "[subscribe x:3 3]", "[message x:1 x:1]", "[message x:3 x:3]")
	nothing(t, c)
	if n := r.Metric("last_values_failed_total"); n != 1 {
		t.Errorf("%v have failed", n)
	}
}
