package policy

// Rates of channels, as publishers, listeners and operators see them.

import (
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// rated is a route with a rate, and a kind of its own.
func rated(rate config.Rate, kinds map[string]config.Rate) config.Route {
	return harness.NewRoute("r:", func(r *config.Route) {
		r.Policy.Rate = rate
		r.Kinds = map[string]config.Policy{}
		for name, k := range kinds {
			p := r.Policy
			p.Rate = k
			r.Kinds[name] = p
		}
	})
}

// answers publishes payloads on a channel and returns the first words of the replies.
func answers(c *redistest.Client, channel string, payloads ...string) string {
	var words []string
	for _, p := range payloads {
		c.Send("PUBLISH", channel, p)
		words = append(words, strings.Fields(c.Receive().String())[0])
	}
	return strings.Join(words, " ")
}

func TestRateOfPublishers(t *testing.T) {
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(rated(
		config.Rate{Limit: 0.01, Burst: 2},
		map[string]config.Rate{"free": {}, "own": {Limit: 0.01, Burst: 1}, "same": {Limit: 0.01, Burst: 2}})))
	rejects, sub := r.Subscribe("relay:rejects"), r.Subscribe("r:1")
	a, b := r.Dial(), r.Dial()
	const own, free, same = `{"type":"own"}`, `{"type":"free"}`, `{"type":"same"}`
	for _, tt := range []struct {
		pub               *redistest.Client
		channel, payloads string
		want              string
	}{
		{a, "r:1", "m", ":1"},
		{b, "r:1", same, ":1"}, // all publishers, and a kind with its route's rate, share it
		{a, "r:1", "m", "-RATELIMIT"},
		{b, "r:1", same, "-RATELIMIT"},
		{a, "r:1", own + " " + own, ":1 -RATELIMIT"},
		{a, "r:1", free + " " + free + " " + free, ":1 :1 :1"},
		{a, "r:2", "m", ":0"}, // each channel has its own
		{a, "other", "m m m m", ":0 :0 :0 :0"},
	} {
		if got := answers(tt.pub, tt.channel, strings.Fields(tt.payloads)...); got != tt.want {
			t.Errorf("PUBLISH %s %s: got %s, want %s", tt.channel, tt.payloads, got, tt.want)
		}
	}
	for _, want := range []string{"m", same, own, free, free, free} {
		if m := sub.Receive(); len(m.Elems) != 3 || m.Elems[2].Str != want {
			t.Errorf("heard %s, want %s", m, want)
		}
	}
	var reject relay.Reject
	harness.Heard(t, rejects, relay.RejectsChannel, &reject)
	if reject.Code != relay.RateLimit || reject.Direction != "outbound" || reject.Channel != "r:1" || reject.Size != 1 {
		t.Errorf("got reject %+v", reject)
	}
	if n := r.Metric(`rejects_total{code="RATELIMIT",direction="outbound",route="r:"}`); n != 3 {
		t.Errorf("%v counted, want 3", n)
	}
}

// TestRateSaysHowLongToWait: who waits that long is let through.
func TestRateSaysHowLongToWait(t *testing.T) {
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(rated(config.Rate{Limit: 2, Burst: 1}, nil)))
	pub := r.Dial()
	one := redistest.AppendCommand(nil, "PUBLISH", "r:1", "m")
	pub.SendRaw(append(one, one...)) // at once
	pub.Expect(t, ":0")
	text := pub.Receive().String()
	head, wait, _ := strings.Cut(text, "; retry in ")
	if head != "-RATELIMIT r:1: more than 2 messages/s on this channel" {
		t.Errorf("got %q", text)
	}
	d, err := time.ParseDuration(wait)
	if err != nil || d <= 0 || d > 500*time.Millisecond || d%time.Millisecond != 0 {
		t.Fatalf("wait %q: %v", wait, err)
	}
	time.Sleep(d)
	pub.Send("PUBLISH", "r:1", "m")
	pub.Expect(t, ":0")
}

// TestRateOfListeners floods a channel from outside: by its name and by patterns
// the same messages are heard, and each of the others is reported once.
func TestRateOfListeners(t *testing.T) {
	const sent, passed = 20, 3 // the burst, and a second's worth
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(
		rated(config.Rate{Limit: 0.01, Burst: passed - 1}, nil),
		harness.NewRoute("r:kept:", func(r *config.Route) {
			r.Policy.Rate = config.Rate{Limit: 0.01, Burst: 1}
			r.Policy.History = &config.History{Length: 100}
		})))
	rejects, exact, pattern := r.Subscribe("relay:rejects"), r.Subscribe("r:1", "r:2", "r:kept:1"), r.Dial()
	pattern.Send("PSUBSCRIBE", "r:*", "*:1")
	pattern.Expect(t, "[psubscribe r:* 1]")
	pattern.Expect(t, "[psubscribe *:1 2]")
	for range sent {
		redis.MustDo("PUBLISH", "r:1", "m")
	}
	for range sent - passed {
		var got relay.Reject
		harness.Heard(t, rejects, relay.RejectsChannel, &got)
		if got.Code != relay.RateLimit || got.Direction != "inbound" || got.Channel != "r:1" || got.Route != "r:" {
			t.Fatalf("got reject %+v", got)
		}
	}
	redis.MustDo("PUBLISH", "r:2", "end")
	for range passed {
		exact.Expect(t, "[message r:1 m]")
		for range 2 {
			if m := pattern.Receive(); len(m.Elems) != 4 || m.Elems[3].Str != "m" {
				t.Fatalf("the pattern got %s", m)
			}
		}
	}
	exact.Expect(t, "[message r:2 end]")
	pattern.Expect(t, "[pmessage r:* r:2 end]")
	if n := r.Metric(`rejects_total{code="RATELIMIT",direction="inbound",route="r:"}`); n != sent-passed {
		t.Errorf("%v counted, want %d", n, sent-passed)
	}
	for range 5 { // in the stream anyhow, if they were published by a relay
		redis.MustDo("PUBLISH", "r:kept:1", "m")
		exact.Expect(t, "[message r:kept:1 m]")
	}
	pub := r.Dial()
	if got := answers(pub, "r:kept:1", "m", "m"); got != ":3 -RATELIMIT" {
		t.Errorf("with history: got %s", got)
	}
}

// TestNoisyChannel is told of, in both directions.
func TestNoisyChannel(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(rated(config.Rate{Alert: 20}, nil)))
	events, pub := r.Subscribe("relay:events"), r.Dial()
	r.Subscribe("r:noisy", "r:quiet")
	told := map[string]relay.Event{}
	var burst []byte
	for range 30 {
		burst = redistest.AppendCommand(burst, "PUBLISH", "r:noisy", "m")
	}
	for deadline := time.Now().Add(time.Minute); len(told) < 2; {
		if time.Now().After(deadline) {
			t.Fatalf("heard of %v only", told)
		}
		pub.SendRaw(burst) // at once, however busy the machine is
		for range 30 {
			pub.Expect(t, ":1")
		}
		redis.MustDo("PUBLISH", "r:quiet", "m")
		time.Sleep(100 * time.Millisecond) // the pace of the channel
		for r.Metric(`rate_alerts_total{route="r:"}`) > float64(len(told)) {
			e := harness.Event(t, events, "alert")
			told[string(e.Direction)] = e
		}
	}
	for _, direction := range []string{"inbound", "outbound"} {
		e := told[direction]
		if e.Channel != "r:noisy" || e.Rate < 20 || e.Rate > 600 || e.Attempts != 0 || e.Cause == "" {
			t.Errorf("%s: got %+v", direction, e)
		}
	}
}

// TestCopiesAreReportedOnce: a message from Redis that is invalid or too large comes
// once more for each pattern, in one read or in several.
func TestCopiesAreReportedOnce(t *testing.T) {
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()),
		func(c *config.Config) { c.Limits.Payload = 1000 },
		harness.WithRoutes(harness.NewRoute("chat:", func(r *config.Route) { r.Schema = "chat.json" })))
	rejects, sub := r.Subscribe("relay:rejects"), r.Subscribe("chat:42")
	pattern := r.Dial()
	pattern.Send("PSUBSCRIBE", "chat:*", "chat:4*", "chat:42*")
	for range 3 {
		pattern.Receive()
	}
	for _, slice := range []int{0, 16} { // bytes that come at once; 0: all
		if slice > 0 {
			proxy.Slice(slice)
		}
		for range 3 {
			redis.MustDo("PUBLISH", "chat:42", harness.InvalidChat)
			redis.MustDo("PUBLISH", "chat:42", `"`+strings.Repeat("x", 2000)+`"`)
		}
		redis.MustDo("PUBLISH", "chat:42", harness.ValidChat)
		sub.Expect(t, "[message chat:42 "+harness.ValidChat+"]")
	}
	for _, code := range []relay.Code{relay.Invalid, relay.TooLarge} {
		series := `rejects_total{code="` + string(code) + `",direction="inbound",route="chat:"}`
		redistest.Eventually(t, redistest.DefaultTimeout, "all are reported", func() bool { return r.Metric(series) >= 6 })
		if n := r.Metric(series); n != 6 {
			t.Errorf("%v are counted as %s, want 6", n, code)
		}
	}
	for range 12 {
		var got relay.Reject
		harness.Heard(t, rejects, relay.RejectsChannel, &got)
	}
}
