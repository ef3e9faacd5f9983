package metrics

// Which series there are: all of them from the start, whatever happens.

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// series lists the names of all series, with their labels.
func series(r *harness.Relay) (names []string) {
	r.T.Helper()
	_, body := r.Get("/metrics")
	for line := range strings.Lines(body) {
		if end := strings.LastIndexByte(line, ' '); !strings.HasPrefix(line, "#") && end > 0 {
			names = append(names, line[:end])
		}
	}
	slices.Sort(names)
	return names
}

// traffic is a way through the relay, and the series that grow by it.
type traffic struct {
	name  string
	drive func(t *testing.T, r *harness.Relay, redis *redistest.Server)
	grow  string // names without redis_relay_, with spaces between
}

var paths = []traffic{
	{"accepted", func(t *testing.T, r *harness.Relay, _ *redistest.Server) {
		c := r.Subscribe("chat:1", "free")
		pub := r.Dial()
		pub.Do("PUBLISH", "chat:1", harness.ValidChat)
		pub.Do("PUBLISH", "free", "anything")
		c.Receive()
		c.Receive()
	}, `messages_published_total{route="chat:"} messages_delivered_total{route="unrouted"} ` +
		`publish_reply_seconds_count schema_check_seconds_count`},
	{"rejected", func(t *testing.T, r *harness.Relay, redis *redistest.Server) {
		r.Subscribe("chat:1", "few:1")
		pub := r.Dial()
		for _, c := range []string{"chat:1", "closed:1", "few:1", "few:1", "few:1"} {
			pub.Do("PUBLISH", c, harness.InvalidChat)
		}
		pub.Do("PUBLISH", "free", strings.Repeat("x", 2<<20))
		redis.MustDo("PUBLISH", "chat:1", harness.InvalidChat)
		redistest.Eventually(t, patience, "an alert", func() bool {
			redis.MustDo("PUBLISH", "few:1", "m")
			return r.Metric(`rate_alerts_total{route="few:"}`) > 0
		})
		redis.MustDo("PUBLISH", "chat:1", strings.Repeat("x", 2<<20))
		if v := r.Dial().Do("SUBSCRIBE", "closed:1"); v.Err() == nil {
			t.Error("anybody may listen to closed:")
		}
	}, `rejects_total{code="INVALID",direction="outbound",route="chat:"} rejects_total{code="INVALID",direction="inbound",route="chat:"} ` +
		`rejects_total{code="DENIED",direction="outbound",route="closed:"} rejects_total{code="RATELIMIT",direction="outbound",route="few:"} ` +
		`rejects_total{code="TOOLARGE",direction="outbound",route="unrouted"} rejects_total{code="TOOLARGE",direction="inbound",route="chat:"} ` +
		`subscriptions_refused_total rate_alerts_total{route="few:"}`},
	{"slow listeners", func(t *testing.T, r *harness.Relay, redis *redistest.Server) {
		for _, channel := range []string{"drop:1", "latest:1", "cut:1"} {
			r.Stuck("stuck", channel)
		}
		redistest.Eventually(t, patience, "each has missed something", func() bool {
			for _, channel := range []string{"drop:1", "latest:1", "cut:1"} {
				redis.MustDo("PUBLISH", channel, strings.Repeat("x", 64<<10))
			}
			return r.Metric(`drops_total{reason="dropped"}`) > 0 && r.Metric(`drops_total{reason="latest"}`) > 0 &&
				r.Metric(`disconnects_total{reason="slow"}`) > 0
		})
	}, `drops_total{reason="dropped"} drops_total{reason="latest"} disconnects_total{reason="slow"} queue_oldest_seconds`},
	{"history", func(t *testing.T, r *harness.Relay, _ *redistest.Server) {
		r.Readable(r.Dial(), "kept:1")
		c := r.Subscribe("kept:1")
		r.Dial().Do("PUBLISH", "kept:1", "m")
		c.Receive()
		r.Dial().Do("XRANGE", "kept:1", "-", "+")
	}, `history_channels messages_published_total{route="kept:"}`},
	{"NATS", func(t *testing.T, r *harness.Relay, _ *redistest.Server) {
		conn, err := net.Dial("tcp", r.NATSAddress())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		say := func(text string) { _, _ = fmt.Fprint(conn, text+"\r\n") }
		say("CONNECT {\"verbose\":false}\r\nSUB plain.> 1\r\nPUB publish.plain.1 2\r\nhi")
		lines := bufio.NewReader(conn)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, "MSG ") {
				break
			}
			say("PUB publish.plain.1 2\r\nhi\r\nPING") // until the subscription is in force
		}
		say("PUB publish.chat.1 2\r\nhi") // no route for NATS
	}, `nats_clients nats_delivered_total nats_subscriptions`},
	{"a gap", func(t *testing.T, r *harness.Relay, redis *redistest.Server) {
		r.Subscribe("cut:1")
		redis.KillSubscribers()
		redistest.Eventually(t, patience, "connected again", func() bool {
			return r.Metric("upstream_connections_total") > 1 && r.IsReady()
		})
	}, `upstream_connections_total disconnects_total{reason="gap"}`},
	{"an outage", func(t *testing.T, r *harness.Relay, redis *redistest.Server) {
		redis.Kill()
		r.Dial().Do("PUBLISH", "chat:1", harness.ValidChat)
		redistest.Eventually(t, patience, "an alert", func() bool { return r.Metric("upstream_alerts_total") > 0 })
		redis.Restart()
		redistest.Eventually(t, patience, "ready", r.IsReady)
	}, `upstream_alerts_total rejects_total{code="UPSTREAMDOWN",direction="outbound",route="chat:"}`},
	{"a reload", func(t *testing.T, r *harness.Relay, _ *redistest.Server) {
		if err := r.Reload(); err != nil {
			t.Error(err)
		}
	}, `config_last_reload_successful`},
}

const everyRoute = `
redis: {publish_timeout: 300ms, alert_after: 1}
nats: {listen: "127.0.0.1:0"}
limits: {payload: 1MiB, queue: 256KiB}
schemas: {dir: %s}
routes:
  - {prefix: "chat:", schema: chat.json}
  - {prefix: "closed:", publish: false, subscribe: false}
  - {prefix: "few:", rate: {limit: 1, alert: 1}}
  - {prefix: "drop:", slow: drop}
  - {prefix: "latest:", slow: latest}
  - {prefix: "cut:"}
  - {prefix: "plain:", nats: true}
  - {prefix: "kept:", nats: true, history: {length: 10}}
`

// startForAll runs a relay on which every path can be driven; file is its configuration.
func startForAll(t *testing.T) (r *harness.Relay, redis *redistest.Server, file string) {
	t.Helper()
	redis = redistest.Start(t)
	file = harness.WriteFile(t, t.TempDir(), "relay.yaml", fmt.Sprintf(everyRoute, harness.Path(t, "schemas")))
	return harness.Start(t, redis, harness.WithFile(t, file)), redis, file
}

// TestEverySeriesIsThereFromTheStart drives every path, sees that it was driven, and looks for series that the relay
// did not have at first.
func TestEverySeriesIsThereFromTheStart(t *testing.T) {
	t.Parallel()
	r, redis, file := startForAll(t)
	first := series(r)
	if len(first) < 200 {
		t.Fatalf("only %d series: is this all?", len(first))
	}
	for _, path := range paths {
		path.drive(t, r, redis)
		for name := range strings.FieldsSeq(path.grow) {
			redistest.Eventually(t, patience, path.name+": "+name, func() bool { return r.Metric(name) > 0 })
		}
		for _, name := range series(r) {
			if _, old := slices.BinarySearch(first, name); !old {
				t.Errorf("%s: series %s is new", path.name, name)
			}
		}
	}
	if err := os.WriteFile(file, []byte("routes: nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Reload(); err == nil {
		t.Error("nonsense is taken for routes")
	}
	if last := series(r); !slices.Equal(first, last) {
		t.Errorf("%d series at first, %d at last", len(first), len(last))
	}
}
