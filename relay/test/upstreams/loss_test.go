package upstreams

// One of two Redises is killed, stopped and restarted: the other's routes feel nothing.

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestLosingOneUpstream takes each of the two away, in each way, and brings it back.
func TestLosingOneUpstream(t *testing.T) {
	for _, victim := range []string{"main", "eu"} {
		for _, way := range []string{"killed", "stopped"} {
			t.Run(victim+" is "+way, func(t *testing.T) {
				t.Parallel()
				loseOne(t, victim, way)
			})
		}
	}
}

func loseOne(t *testing.T, victim, way string) {
	s := newScene(t, hurried(victim))
	redis, lost, lives, survivor := s.eu, "e", "m", "main"
	if victim == "main" {
		redis, lost, lives, survivor = s.main, "m", "e", "eu"
	}
	events := s.relay.Subscribe("relay:events")
	ended, stays := s.relay.Subscribe(lost+":1"), s.relay.Subscribe(lost+"calm:1")
	untouched := s.relay.Subscribe(lives+":1", lives+"calm:1", lives+"kept:1")
	both := s.relay.Subscribe(lost+"calm:1", lives+":1")
	made := s.relay.Metric(`upstream_connections_total{upstream="` + survivor + `"}`)

	takeAway(redis, way)
	e := event(t, events, named("upstream_down", victim))
	if e.Cause == "" {
		t.Errorf("no cause: %+v", e)
	}
	isEnded(t, ended)
	for i := range 50 {
		text, began := fmt.Sprint("n", i), time.Now()
		publish(t, s.pub, lives+":1", text, 2)
		untouched.Expect(t, message(lives+":1", text))
		both.Expect(t, message(lives+":1", text))
		if took := time.Since(began); took > hurry*5/6 { // what waits for the lost one waits for longer
			t.Errorf("message %d took %v", i, took)
		}
	}
	s.pub.Do("XADD", lives+"kept:1", "*", "payload", "kept")
	untouched.Expect(t, message(lives+"kept:1", "kept"))
	newcomer := s.relay.Subscribe(lives + ":2") // as quick as ever
	publish(t, s.pub, lives+":2", "x", 1)
	newcomer.Expect(t, message(lives+":2", "x"))
	fails(t, s.pub.Do("PUBLISH", lost+":1", "x"), "UPSTREAMDOWN")
	publish(t, s.pub, lives+":1", "behind", 2)
	untouched.Expect(t, message(lives+":1", "behind"))
	both.Expect(t, message(lives+":1", "behind"))
	if got := s.pub.Do("PUBSUB", "NUMSUB", lives+":1"); got.Err() != nil {
		t.Errorf("NUMSUB: %s", got)
	}
	fails(t, s.pub.Do("PUBSUB", "NUMSUB", lost+":1"), "UPSTREAMDOWN")
	code, body := s.relay.Get("/readyz")
	if want := map[string]int{"main": 503, "eu": 200}[victim]; code != want {
		t.Errorf("/readyz without %s: %d\n%s", victim, code, body)
	}

	bringBack(redis, way)
	up := event(t, events, func(e *relay.Event) bool { return e.Event == "gap" })
	if up.Upstream != victim || up.Since == nil || len(up.Prefixes) == 0 {
		t.Errorf("gap: %+v", up)
	}
	for _, prefix := range up.Prefixes {
		if strings.HasPrefix(prefix, lives) {
			t.Errorf("the gap is told of %q", up.Prefixes)
		}
	}
	event(t, events, named("upstream_up", victim))
	publish(t, s.pub, lost+"calm:1", "again", 2)
	stays.Expect(t, message(lost+"calm:1", "again"))
	both.Expect(t, message(lost+"calm:1", "again"))
	if now := s.relay.Metric(`upstream_connections_total{upstream="` + survivor + `"}`); now != made {
		t.Errorf("%v connections to the other Redis, %v before", now, made)
	}
	names := 0
	for _, entry := range s.relay.Logs.All() {
		if entry.ContextMap()["upstream"] == victim {
			names++
		}
	}
	if names < 3 {
		t.Errorf("%d log lines name %s", names, victim)
	}
}

func takeAway(redis *redistest.Server, way string) {
	if way == "killed" {
		redis.Kill()
	} else {
		redis.Stop()
	}
}

func bringBack(redis *redistest.Server, way string) {
	if way == "killed" {
		redis.Restart()
	} else {
		redis.Cont()
	}
}

// TestReadinessIsAsConfigured, at the start and later.
func TestReadinessIsAsConfigured(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		main, eu bool
		want     map[string]int // the victim -> the answer
	}{
		{true, false, map[string]int{"main": 503, "eu": 200}},
		{true, true, map[string]int{"main": 503, "eu": 503}},
		{false, true, map[string]int{"main": 200, "eu": 503}},
	} {
		s := newScene(t, func(cfg *config.Config) {
			r := cfg.Upstreams["eu"]
			cfg.Redis.Required, r.Required = c.main, c.eu
			cfg.Upstreams["eu"] = r
		})
		for victim, redis := range map[string]*redistest.Server{"main": s.main, "eu": s.eu} {
			answers := func(want int, ready float64) {
				redistest.Eventually(t, redistest.DefaultTimeout, fmt.Sprint(victim, ": ", c, want, ready), func() bool {
					code, _ := s.relay.Get("/readyz")
					return code == want && s.relay.Metric(`upstream_ready{upstream="`+victim+`"}`) == ready
				})
			}
			redis.Kill()
			answers(c.want[victim], 0)
			redis.Restart()
			answers(200, 1)
		}
	}
}

// TestPatternsWhileOneIsAway: a pattern that may match channels of both does not wait for the lost one, and its
// listeners learn of what they have missed there.
func TestPatternsWhileOneIsAway(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	events := s.relay.Subscribe("relay:events")
	s.eu.Kill()
	event(t, events, named("upstream_down", "eu"))
	ended, stays := s.relay.Dial(), s.relay.Dial()
	ended.Send("PSUBSCRIBE", "*") // unrouted, which says on_gap: disconnect
	ended.Expect(t, "[psubscribe * 1]")
	stays.Send("PSUBSCRIBE", "m*", "ecalm:*") // the second is on eu alone: it waits
	redistest.Eventually(t, redistest.DefaultTimeout, "the command is there", func() bool {
		return s.relay.Metric(`subscriptions{kind="pattern"}`) == 3
	})
	publish(t, s.pub, "m:1", "x", 2)
	ended.Expect(t, "[pmessage * m:1 x]")
	s.eu.Restart()
	isEnded(t, ended)
	stays.Expect(t, "[psubscribe m* 1]", "[psubscribe ecalm:* 2]") // together, and nothing of before
	event(t, events, func(e *relay.Event) bool {
		return e.Event == "gap" && e.Upstream == "eu" && e.Since != nil && e.Until != nil &&
			e.Cause == "patterns were subscribed while there was no connection"
	})
	publish(t, s.pub, "ecalm:1", "y", 1)
	stays.Expect(t, "[pmessage ecalm:* ecalm:1 y]")
}

// TestPatternsAtTheStart wait for all upstreams, until one cannot be reached: so there is no gap as long as all can.
func TestPatternsAtTheStart(t *testing.T) {
	t.Parallel()
	start := func() (s *scene, goOn func()) {
		s = &scene{main: redistest.Start(t), eu: redistest.Start(t)}
		gate := filepath.Join(t.TempDir(), "gate")
		wait := fmt.Sprintf(`while [ ! -e '%s' ]; do sleep 0.1; done; echo '{"password": "any"}'`, gate)
		s.relay = harness.Start(t, s.main, harness.WithRoutes(routes()...), withEU(s.eu, func(c *config.Config) {
			r := c.Upstreams["eu"] // whose password takes longer to get than a busy machine needs to come to goOn
			r.Credentials.Command = []string{"/bin/sh", "-c", wait}
			c.Upstreams["eu"] = r
		}))
		s.pub = s.relay.Dial()
		return s, func() { harness.WriteFile(t, filepath.Dir(gate), "gate", "") }
	}
	s, goOn := start()
	events, c := s.relay.Subscribe("relay:events"), s.relay.Dial()
	c.Do("PING") // it is accepted: what it sends comes before what others send later
	c.Send("PSUBSCRIBE", "*")
	publish(t, s.pub, "m:1", "x", 1) // it counts, though it hears nothing yet
	goOn()
	c.Expect(t, "[psubscribe * 1]")
	publish(t, s.pub, "e:1", "y", 1)
	c.Expect(t, "[pmessage * e:1 y]")
	s.eu.Kill() // for an event behind all others
	event(t, events, func(e *relay.Event) bool {
		if e.Event == "gap" {
			t.Errorf("a gap is told: %+v", e)
		}
		return e.Event == "upstream_down"
	})

	s, goOn = start()
	c = s.relay.Dial()
	c.Do("PING")
	c.Send("PSUBSCRIBE", "*")
	publish(t, s.pub, "m:1", "x", 1)
	s.eu.Kill()
	goOn()
	c.Expect(t, "[psubscribe * 1]")
	publish(t, s.pub, "m:1", "y", 1)
	c.Expect(t, "[pmessage * m:1 y]")
}

// TestLeavingWhileOneIsAway: subscriptions end, and counts are right afterwards.
func TestLeavingWhileOneIsAway(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c := s.relay.Dial()
	c.Send("PSUBSCRIBE", "*calm:*", "m:*")
	c.Expect(t, "[psubscribe *calm:* 1]", "[psubscribe m:* 2]")
	s.eu.Kill()
	s.awaitEU(t, 0)
	isEnded(t, c) // *calm:* has the policy of unrouted channels
	c = s.relay.Dial()
	c.Send("PSUBSCRIBE", "*calm:*")
	c.Expect(t, "[psubscribe *calm:* 1]")
	c.Send("PUNSUBSCRIBE", "*calm:*")
	c.Expect(t, "[punsubscribe *calm:* 0]")
	c.Send("PSUBSCRIBE", "*calm:*")
	c.Expect(t, "[psubscribe *calm:* 1]")
	c.Close()
	s.eu.Restart()
	s.awaitEU(t, 1)
	redistest.Eventually(t, redistest.DefaultTimeout, "nothing is left", func() bool {
		return patterns(s.main) == 0 && patterns(s.eu) == 0 && s.relay.Metric(`subscriptions{kind="pattern"}`) == 0
	})
}

// TestRefusedByOne: a pattern that one of two Redises refuses is refused, and left at the other.
func TestRefusedByOne(t *testing.T) {
	t.Parallel()
	s := &scene{main: redistest.Start(t), eu: redistest.Start(t)}
	s.eu.MustDo("ACL", "SETUSER", "relay", "on", ">pw", "+@all", "~*", "resetchannels", "&relay:*", "&e:*", "&ekept:*")
	s.relay = harness.Start(t, s.main, harness.WithRoutes(routes()...), withEU(s.eu, func(c *config.Config) {
		r := c.Upstreams["eu"]
		r.URL = strings.Replace(s.eu.URL(), "redis://", "redis://relay:pw@", 1)
		c.Upstreams["eu"] = r
	}))
	s.awaitEU(t, 1)
	c := s.relay.Dial()
	fails(t, c.Do("PSUBSCRIBE", "*"), "NOPERM")
	redistest.Eventually(t, redistest.DefaultTimeout, "main has no pattern", func() bool { return patterns(s.main) == 0 })
	fails(t, c.Do("SUBSCRIBE", "m:1", "ecalm:1"), "NOPERM")
	redistest.Eventually(t, redistest.DefaultTimeout, "main has no channel", func() bool {
		channels, _ := harness.Interest(t, s.main)
		return len(channels) == 0
	})
	c.Send("SUBSCRIBE", "m:1", "e:1")
	c.Expect(t, "[subscribe m:1 1]", "[subscribe e:1 2]")
}
