package slow

// Clients that do not keep up: who learns of it, and how.

import (
	"os"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// floodUntilTold publishes on a channel until an event tells that somebody did not keep up.
func floodUntilTold(t *testing.T, r *harness.Relay, redis *redistest.Server, events *redistest.Client, channel string) relay.Event {
	t.Helper()
	const told = `disconnects_total{reason="slow"} disconnects_total{reason="age"} disconnects_total{reason="memory"} ` +
		`drops_total{reason="dropped"} drops_total{reason="latest"}`
	sum := func() (n float64) {
		for series := range strings.FieldsSeq(told) {
			n += r.Metric(series)
		}
		return n
	}
	before := sum()
	for range 1000 {
		redis.MustDo("PUBLISH", channel, strings.Repeat("x", 32<<10))
		if sum() > before {
			return harness.Event(t, events, "slow_listener")
		}
	}
	t.Fatal("32 MiB were published, and everybody keeps up")
	return relay.Event{}
}

func TestSlowListenerIsTold(t *testing.T) {
	slow := func(prefix string, s config.Slow, edit ...func(*config.Route)) config.Route {
		return harness.NewRoute(prefix, func(r *config.Route) {
			r.Policy.Slow = s
			for _, e := range edit {
				e(r)
			}
		})
	}
	for name, tt := range map[string]struct {
		limits func(*config.Limits)
		route  config.Route
		reason string
	}{
		"disconnected": {
			func(l *config.Limits) { l.Queue = 256 * config.KiB },
			slow("c:", config.SlowDisconnect), "slow",
		},
		"dropped": {
			func(l *config.Limits) { l.Queue = 256 * config.KiB },
			slow("c:", config.SlowDrop), "dropped",
		},
		"latest": {func(*config.Limits) {}, slow("c:", config.SlowLatest), "latest"},
		"deliver one, and the only one is full": {
			func(l *config.Limits) { l.Queue = 256 * config.KiB },
			slow("c:", config.SlowDisconnect, func(r *config.Route) { r.Policy.Deliver = config.DeliverOne }), "dropped",
		},
		"too old": {
			func(l *config.Limits) { l.QueueAge = 20 * time.Millisecond },
			slow("c:", config.SlowDisconnect), "age",
		},
		"too much for all": {
			func(l *config.Limits) { l.Queue, l.Memory = 256*config.KiB, 256*config.KiB },
			slow("c:", config.SlowDisconnect), "memory",
		},
	} {
		t.Run(name, func(t *testing.T) {
			redis := redistest.Start(t)
			r := harness.Start(t, redis, harness.WithRoutes(tt.route), func(c *config.Config) { tt.limits(&c.Limits) })
			events, good := r.Subscribe("relay:events"), r.Subscribe("fine")
			var other *redistest.Client
			if tt.reason == "memory" { // together they have too much waiting, and this one has less
				other = r.Stuck("other", "c:2")
				for r.Metric("queued_bytes") < 32<<10 {
					redis.MustDo("PUBLISH", "c:2", strings.Repeat("x", 4<<10))
				}
			}
			stuck := r.Stuck("stuck", "c:1")
			e := floodUntilTold(t, r, redis, events, "c:1")
			ended := tt.reason != "dropped" && tt.reason != "latest"
			if e.Name != "stuck" || e.PID != int32(os.Getpid()) || e.UID == nil || *e.UID != uint32(os.Getuid()) ||
				string(e.Reason) != tt.reason || e.Disconnected != ended || (e.Messages > 0) == ended || e.Queued == 0 {
				t.Errorf("got %+v", e)
			}
			if ended {
				stuck.Closed()
				if n := r.Metric(`disconnects_total{reason="` + tt.reason + `"}`); n != 1 {
					t.Errorf("%v were disconnected, want 1", n)
				}
			} else if n := r.Metric(`drops_total{reason="` + tt.reason + `"}`); n < float64(e.Messages) {
				t.Errorf("%v are counted, and the event tells of %d", n, e.Messages)
			}
			redis.MustDo("PUBLISH", "fine", "m") // nobody else notices
			good.Expect(t, "[message fine m]")
			if other != nil {
				redis.MustDo("PUBLISH", "c:2", "last")
				for m := ""; m != "last"; {
					m = other.Receive().Elems[2].Str
				}
			}
		})
	}
}

// TestUnreadReplies has a client publish without end and never read the answers.
func TestUnreadReplies(t *testing.T) {
	r := harness.Start(t, redistest.Start(t), func(c *config.Config) { c.Limits.Queue = 64 * config.KiB })
	events, pub := r.Subscribe("relay:events"), r.Dial()
	var pipeline []byte
	for range 1000 {
		pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "c", "m")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 10_000 {
			if _, err := pub.NetConn().Write(pipeline); err != nil {
				return
			}
		}
	}()
	e := harness.Event(t, events, "slow_listener")
	if e.Reason != "slow" || !e.Disconnected {
		t.Errorf("got %+v", e)
	}
	<-done
	if n := r.Metric(`disconnects_total{reason="slow"}`); n != 1 {
		t.Errorf("%v were disconnected, want 1", n)
	}
}

// TestExamplesOfEvents: the examples in the documentation are what the schemas say.
func TestExamplesOfEvents(t *testing.T) {
	text, err := os.ReadFile(harness.Path(t, "docs/clients-and-protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, `{"event"`):
			harness.Documented(t, relay.EventsChannel, line)
			found["event"]++
		case strings.HasPrefix(line, `{"time"`):
			harness.Documented(t, relay.RejectsChannel, line)
			found["reject"]++
		}
	}
	if found["event"] < 8 || found["reject"] < 1 {
		t.Errorf("examples found: %v", found)
	}
}
