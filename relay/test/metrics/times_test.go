package metrics

// Histograms: each counts what it says, and only that.

import (
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const patience = time.Minute

// count is how often a histogram has observed something.
func count(r *harness.Relay, histogram string) float64 { return r.Metric(histogram + "_seconds_count") }

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()))
	redistest.Eventually(t, patience, "a probe comes back", func() bool { return count(r, "upstream_round_trip") > 0 })
	proxy.Delay(150 * time.Millisecond)
	redistest.Eventually(t, patience, "the lag shows", func() bool {
		return count(r, "upstream_round_trip") > r.Metric(`upstream_round_trip_seconds_bucket{le="0.1"}`)
	})
}

func TestPublishReply(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis)
	c := r.Dial()
	for range 3 {
		c.Do("PUBLISH", "chat:1", harness.ValidChat)
	}
	if n := count(r, "schema_check"); n != 128 {
		t.Errorf("the first of some checks counts %v times", n)
	}
	c.Do("PUBLISH", "chat:1", harness.InvalidChat) // is refused at once: no lag to be seen
	if n := count(r, "publish_reply"); n != 3 {
		t.Errorf("%v replies to 3 publishes", n)
	}
	redis.MustDo("CLIENT", "PAUSE", "60000", "WRITE") // PUBLISH is among them
	before := r.Metric("commands_total")
	c.Send("PUBLISH", "chat:1", harness.ValidChat)
	redistest.Eventually(t, patience, "the publish is read", func() bool { return r.Metric("commands_total") > before })
	time.Sleep(300 * time.Millisecond) // as long as the reply is to take, at least
	redis.MustDo("CLIENT", "UNPAUSE")
	c.Receive()
	if slow := count(r, "publish_reply") - r.Metric(`publish_reply_seconds_bucket{le="0.25"}`); slow < 1 {
		t.Errorf("%v publishes are counted as longer than 0.25 s; one was", slow)
	}
}

func TestQueueWait(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis, func(c *config.Config) { c.Limits.QueueAge = 0 })
	stuck := r.Subscribe("feed")
	if n := r.Metric("queue_oldest_seconds"); n != 0 {
		t.Errorf("nobody waits, and the oldest output is %v s old", n)
	}
	before := count(r, "queue_wait")
	n := 0
	for ; r.Metric("queue_oldest_seconds") < 0.2; n++ {
		redis.MustDo("PUBLISH", "feed", strings.Repeat("x", 8<<10))
	}
	if waited := count(r, "queue_wait") - before; waited < 1 {
		t.Error("what the socket took at once is not counted")
	}
	if r.Metric(`queue_wait_seconds_bucket{le="0.1"}`) != count(r, "queue_wait") {
		t.Error("output that waits is counted before the socket takes it")
	}
	for range n {
		if v := stuck.Receive(); len(v.Elems) != 3 {
			t.Fatal(v)
		}
	}
	redistest.Eventually(t, patience, "the wait is counted", func() bool {
		return r.Metric(`queue_wait_seconds_bucket{le="0.1"}`) < count(r, "queue_wait") && r.Metric("queue_oldest_seconds") == 0
	})
}

func TestTurns(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t))
	c := r.Dial()
	before, turns := count(r, "loop_turn"), r.Metric("loop_turns_total")
	for range 100 {
		c.Do("PING")
	}
	if made, seen := r.Metric("loop_turns_total")-turns, count(r, "loop_turn")-before; made < 100 || seen < 100 {
		t.Errorf("100 commands, %v turns, of which the histogram has %v", made, seen)
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.NewRoute("a:", func(*config.Route) {}), harness.Diary("kept:", 10)))
	for _, route := range []string{"a:", "kept:"} {
		channel := route + "1"
		one, two := r.Subscribe(channel), r.Subscribe(channel)
		r.Dial().Do("PUBLISH", channel, "hello")
		one.Receive()
		two.Receive()
		for name, want := range map[string]float64{"received": 5, "delivered": 10, "published": 5} {
			series := name + `_bytes_total{route="` + route + `"}`
			redistest.Eventually(t, patience, series, func() bool { return r.Metric(series) >= want })
			if got := r.Metric(series); got != want {
				t.Errorf("%s is %v, want %v", series, got, want)
			}
		}
	}
}
