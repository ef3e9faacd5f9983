package upstreams

// A share of what is published goes to another Redis, too, and that never harms the first.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// mirroring has a share of what is published go to eu.
func mirroring(percent float64) func(*config.Route) {
	return func(r *config.Route) { r.Mirror = &config.Mirror{Upstream: "eu", Percent: percent} }
}

// mirrored reads how many publishes of a route were mirrored, and dropped.
func (s *scene) mirrored(route string) (taken, dropped float64) {
	return s.relay.Metric(`mirrored_total{result="taken",route="` + route + `"}`),
		s.relay.Metric(`mirrored_total{result="dropped",route="` + route + `"}`)
}

func newMirrorScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{main: redistest.Start(t), eu: redistest.Start(t)}
	s.relay = harness.Start(t, s.main, withEU(s.eu, hurried("eu")), harness.WithRoutes(
		on("main", "all:", calm, mirroring(100)), on("main", "tenth:", calm, mirroring(10)), on("main", "kept:", kept, mirroring(50)),
	))
	s.pub = s.relay.Dial()
	s.awaitEU(t, 1)
	return s
}

func TestMirrorTakesItsShare(t *testing.T) {
	t.Parallel()
	s := newMirrorScene(t)
	direct := redistest.Dial(t, "tcp", s.eu.Addr())
	direct.Send("PSUBSCRIBE", "*:1")
	direct.Expect(t, "[psubscribe *:1 1]")
	c := s.relay.Dial() // hears both Redises by its pattern, and each message once
	c.Send("PSUBSCRIBE", "*:1")
	c.Expect(t, "[psubscribe *:1 1]")
	for i := range 50 {
		publish(t, s.pub, "tenth:1", fmt.Sprint("n", i), 1)
		c.Expect(t, fmt.Sprint("[pmessage *:1 tenth:1 n", i, "]"))
	}
	for i := range 5 {
		direct.Expect(t, fmt.Sprint("[pmessage *:1 tenth:1 n", 10*i+9, "]"))
	}
	publish(t, s.pub, "all:1", "x", 1)
	direct.Expect(t, "[pmessage *:1 all:1 x]")
	c.Expect(t, "[pmessage *:1 all:1 x]")
	for range 4 {
		s.pub.Do("XADD", "kept:1", "*", "payload", "k")
		c.Expect(t, "[pmessage *:1 kept:1 k]")
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "counted", func() bool {
		tenth, _ := s.mirrored("tenth:")
		all, _ := s.mirrored("all:")
		kept, dropped := s.mirrored("kept:")
		return tenth == 5 && all == 1 && kept == 2 && dropped == 0
	})
	if n := s.eu.MustDo("XLEN", "history:{kept:1}").Int; n != 2 {
		t.Errorf("eu has %d entries", n)
	}
}

// TestMirrorNeverDelays: the other Redis is away, or takes nothing.
func TestMirrorNeverDelays(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"killed", "stopped"} {
		s := newMirrorScene(t)
		c := s.relay.Subscribe("all:1")
		takeAway(s.eu, way)
		for i := range 1500 {
			began, text := time.Now(), fmt.Sprint("n", i)
			publish(t, s.pub, "all:1", text, 1)
			c.Expect(t, message("all:1", text))
			if took := time.Since(began); took > hurry*5/6 { // what waits for the other one waits for longer
				t.Errorf("%s: publish %d took %v", way, i, took)
			}
		}
		redistest.Eventually(t, redistest.DefaultTimeout, way+": all were dropped", func() bool {
			taken, dropped := s.mirrored("all:")
			return taken == 0 && dropped == 1500
		})
		told := s.relay.Logs.FilterMessage("a mirrored message was dropped").All()
		if len(told) == 0 || told[0].ContextMap()["upstream"] != "eu" {
			t.Errorf("%s: the log says %v", way, told)
		}
		bringBack(s.eu, way)
		s.awaitEU(t, 1)
		before, _ := s.mirrored("all:")
		redistest.Eventually(t, redistest.DefaultTimeout, way+": mirrored again", func() bool {
			publish(t, s.pub, "all:1", "again", 1)
			taken, _ := s.mirrored("all:")
			return taken > before
		})
	}
}

// TestMirrorLacksRights: the log says early which of them messages with history need, and nothing of reading.
func TestMirrorLacksRights(t *testing.T) {
	t.Parallel()
	eu := redistest.Start(t, redistest.WithACL("app on >secret &* ~* +@all -xadd -xrange"))
	s := &scene{main: redistest.Start(t), eu: eu}
	s.relay = harness.Start(t, s.main, harness.WithRoutes(on("main", "kept:", kept, mirroring(50))), withEU(eu, func(c *config.Config) {
		r := c.Upstreams["eu"]
		r.URL = "redis://app:secret@" + eu.Addr()
		c.Upstreams["eu"] = r
	}))
	redistest.Eventually(t, redistest.DefaultTimeout, "the log names XADD", func() bool {
		return strings.Contains(strings.Join(s.relay.Story(), "\n"), "Redis does not allow XADD")
	})
	if said := strings.Join(s.relay.Story(), "\n"); strings.Contains(said, "allow XRANGE") {
		t.Errorf("it asks for more:\n%s", said)
	}
}
