package slow

// Limits that the whole relay enforces, and their reload.

import (
	"fmt"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestPayloadIsOfClients: what relays say to each other may be longer than
// limits.payload, such as the announcement of many entries.
func TestPayloadIsOfClients(t *testing.T) {
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(harness.Diary("d:", 1000)), func(c *config.Config) { c.Limits.Payload = 100 })
	sub, pub := r.Subscribe("d:1"), r.Dial()
	var burst []byte
	const many = 100
	for i := range many {
		burst = redistest.AppendCommand(burst, "PUBLISH", "d:1", fmt.Sprintf("m%d", i))
	}
	pub.Do("PUBLISH", "d:1", "before")
	pub.SendRaw(burst)
	for range many {
		pub.Receive()
	}
	pub.Do("PUBLISH", "d:1", "after")
	sub.Expect(t, "[message d:1 before]")
	for i := range many {
		sub.Expect(t, fmt.Sprintf("[message d:1 m%d]", i))
	}
	sub.Expect(t, "[message d:1 after]")

	long := strings.Repeat("x", 90)
	redistest.Eventually(t, redistest.DefaultTimeout, "a question is answered, in time", func() bool {
		missing := r.Metric("fleet_answers_missing_total")
		pub.Send("PUBSUB", "NUMSUB", "d:1", long, long)
		pub.Expect(t, "[d:1 1 "+long+" 0 "+long+" 0]")
		return r.Metric("fleet_answers_missing_total") == missing
	})
}

// TestTooLargeForHistory: a relay that takes larger messages publishes one. Whether it
// is worth reading or not, nobody hears it, also not from the stream; that is told, once.
// Who reads the stream gets it.
func TestTooLargeForHistory(t *testing.T) {
	redis := redistest.Start(t)
	pub := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000))).Dial()
	for _, size := range []int{2000, 200_000} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			redis.MustDo("FLUSHALL")
			r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)), func(c *config.Config) { c.Limits.Payload = 1000 })
			sub, rejects, reader := r.Subscribe("d:1"), r.Subscribe(relay.RejectsChannel), r.Dial()
			r.Readable(reader, "d:1")
			sub.Expect(t, "[message d:1 m]")
			reader.Send("XREAD", "BLOCK", "0", "STREAMS", "d:1", "$")
			redistest.Eventually(t, redistest.DefaultTimeout, "the reader waits", func() bool { return r.Metric("history_readers") == 1 })

			large := strings.Repeat("x", size)
			id := pub.Do("XADD", "d:1", "*", "payload", large).Str
			var told relay.Reject
			harness.Heard(t, rejects, relay.RejectsChannel, &told)
			if told.Code != relay.TooLarge || told.Size != size {
				t.Errorf("told of %+v, want TOOLARGE and %d bytes", told, size)
			}
			if got := reader.Receive().String(); got != "[[d:1 [["+id+" [payload "+large+"]]]]]" {
				t.Errorf("the reader got %.200s", got)
			}
			redis.KillSubscribers()
			redistest.Eventually(t, redistest.DefaultTimeout, "the relay is back", func() bool {
				return r.Metric("upstream_connections_total") == 2 && r.IsReady() && r.Metric("history_channels_behind") == 0
			})
			pub.Do("PUBLISH", "d:1", "after")
			sub.Expect(t, "[message d:1 after]")
			if n := r.Metric(`rejects_total{code="TOOLARGE",direction="inbound",route="d:"}`); n != 1 {
				t.Errorf("%v are counted", n)
			}
			if n := r.Metric("history_gaps_total"); n != 0 {
				t.Errorf("%v gaps are told", n)
			}
		})
	}
}

func TestPatternPrefixes(t *testing.T) {
	dir := t.TempDir()
	path := harness.WriteFile(t, dir, "relay.yaml", "limits: {pattern_prefixes: ['chat:', 'user:']}\n")
	r := harness.Start(t, redistest.Start(t), harness.WithFile(t, path))
	const denied = ": a pattern must begin with one of limits.pattern_prefixes (chat:, user:)"
	sub := r.Dial()
	for _, tt := range []struct{ pattern, want string }{
		{"*", "-DENIED *" + denied},
		{"chat*", "-DENIED chat*" + denied},
		{"cha[t]:*", "-DENIED cha[t]:*" + denied},
		{"?chat:*", "-DENIED ?chat:*" + denied},
		{"", "-DENIED " + denied},
		{"chat:*", "[psubscribe chat:* 1]"},
		{`ch\at:1:*`, `[psubscribe ch\at:1:* 2]`},
		{"user:", "[psubscribe user: 3]"},
	} {
		sub.Send("PSUBSCRIBE", tt.pattern)
		if got := sub.Receive().String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.pattern, got, tt.want)
		}
	}
	harness.WriteFile(t, dir, "relay.yaml", "limits: {patterns: 1}\n")
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	sub = r.Dial()
	sub.Send("PSUBSCRIBE", "*")
	sub.Expect(t, "[psubscribe * 1]")
	sub.Send("PSUBSCRIBE", "a*")
	sub.Expect(t, "-DENIED a*: this would be pattern 2 of this connection, over limits.patterns")
}

// TestMemoryBoundsWhatWaitsForRedis stops Redis: publishes wait in a quarter of
// limits.memory, also when a reload changes that, and what is more is refused.
func TestMemoryBoundsWhatWaitsForRedis(t *testing.T) {
	dir, redis := t.TempDir(), redistest.Start(t)
	path := harness.WriteFile(t, dir, "relay.yaml", "redis: {publish_timeout: 1m}\nlimits: {memory: 8MiB, queue: 1MiB}\n")
	r := harness.Start(t, redis, harness.WithFile(t, path))
	pub := r.Dial()
	publish := func(n int) { // while Redis is stopped
		t.Helper()
		before := r.Metric("commands_total")
		redis.Stop()
		for range n {
			pub.Send("PUBLISH", "c", strings.Repeat("x", 900<<10))
		}
		redistest.Eventually(t, redistest.DefaultTimeout, "they are taken or refused", func() bool {
			return r.Metric("commands_total") == before+float64(n)
		})
		redis.Cont()
	}
	publish(3)
	pub.Expect(t, ":0", ":0", "-BUSY c: too many publishes are waiting for Redis; try again later")

	harness.WriteFile(t, dir, "relay.yaml", "redis: {publish_timeout: 1m}\nlimits: {memory: 16MiB, queue: 1MiB}\n")
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	publish(3)
	pub.Expect(t, ":0", ":0", ":0")
}

func TestCutOffIsCounted(t *testing.T) {
	r := harness.Start(t, nil, func(c *config.Config) { c.Limits.CommandTimeout = 1 })
	c := r.Dial()
	if got := c.Closed(); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	if n := r.Metric(`disconnects_total{reason="incomplete"}`); n != 1 {
		t.Errorf("%v are counted", n)
	}
}

// TestLongNames: nothing keeps a name over limits.name, also not of a channel on which
// somebody else has published.
func TestLongNames(t *testing.T) {
	dir, redis := t.TempDir(), redistest.Start(t)
	const text = "routes: [{prefix: 'd:', history: {length: 10}}]\n"
	path := harness.WriteFile(t, dir, "relay.yaml", "limits: {name: 16}\n"+text)
	r := harness.Start(t, redis, harness.WithFile(t, path))
	c, rejects, patterns := r.Dial(), r.Subscribe(relay.RejectsChannel), r.Dial()
	patterns.Send("PSUBSCRIBE", "*", "x*")
	patterns.Expect(t, "[psubscribe * 1]", "[psubscribe x* 2]")
	long := "x" + strings.Repeat("y", 200)
	const reason = "a name of 201 bytes is over limits.name (16)"
	start := long[:128] + "..."
	told := func(direction string) {
		t.Helper()
		var got relay.Reject
		harness.Heard(t, rejects, relay.RejectsChannel, &got)
		if string(got.Direction) != direction || got.Channel != start || got.Code != relay.Denied || got.Reason != reason {
			t.Errorf("told %+v", got)
		}
	}
	for _, command := range [][]string{
		{"PUBLISH", long, "m"},
		{"SPUBLISH", long, "m"},
		{"XADD", long, "*", "payload", "m"},
		{"PUBLISH", long, strings.Repeat("m", 2<<20)},
	} {
		c.Send(command...)
		c.Expect(t, "-DENIED "+start+": "+reason)
		told("outbound")
	}
	for _, payload := range []string{"m", strings.Repeat("m", 2<<20)} {
		redis.MustDo("PUBLISH", long, payload)
		told("inbound") // once for both patterns
	}
	c.Send("PUBLISH", "x", "m")
	c.Expect(t, ":2")
	for range 2 { // in an order of Redis's
		if got := patterns.Receive().String(); !strings.HasSuffix(got, " x m]") {
			t.Errorf("heard %.200s", got)
		}
	}

	harness.WriteFile(t, dir, "relay.yaml", "limits: {name: 201}\n"+text)
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	c.Send("SUBSCRIBE", long)
	c.Expect(t, "[subscribe "+long+" 1]")
	harness.WriteFile(t, dir, "relay.yaml", "limits: {name: 200}\n"+text)
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	c.Send("UNSUBSCRIBE", long) // who has it can still give it up
	c.Expect(t, "[unsubscribe "+long+" 0]")
}
