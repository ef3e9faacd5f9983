package nats

// Alerts about messages that NATS clients have missed, each by its real cause.

import (
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// awaitGap waits for the first alert of a gap, which is told once, and returns it.
func awaitGap(t *testing.T, rec *harness.Receiver) harness.Told {
	t.Helper()
	a := rec.Await(t, 2*patience, 1, "gap")[0]
	if a.State != "ended" || a.Cause == "" || a.Do == "" || a.Event.Since == nil || a.Event.Until == nil {
		t.Errorf("told %+v", a)
	}
	return a
}

// TestAlertOfAServerBehind has the embedded server take messages more slowly than Redis sends them.
func TestAlertOfAServerBehind(t *testing.T) {
	redis, rec := redistest.Start(t), harness.NewReceiver(t)
	r := startRelay(t, redis, harness.WithReceiver(rec), func(c *config.Config) {
		c.Limits.Memory, c.Limits.Queue = 16*config.MiB, 16*config.MiB
	})
	for range 60 { // each costs the server a copy of each message, and could keep all that is sent at a time
		nc := r.nats()
		if _, err := nc.Subscribe("plain.1", func(*nats.Msg) {}); err != nil {
			t.Fatal(err)
		}
		r.inForce(nc)
	}
	redistest.Eventually(t, 2*patience, "the server falls behind", func() bool {
		redis.MustDo("EVAL", `for i = 1, 10000 do redis.call('PUBLISH', 'plain:1', ARGV[1]) end`, "0", strings.Repeat("x", 1000))
		return r.Metric("nats_drops_total") > 0
	})
	redistest.Eventually(t, 2*patience, "it takes messages again", func() bool {
		redis.MustDo("PUBLISH", "plain:1", "m")
		return len(rec.Told("gap")) > 0
	})
	if a := awaitGap(t, rec); a.Event.Missing == 0 || !strings.Contains(a.Cause, "fell behind") {
		t.Errorf("told %+v", a)
	}
}

// TestAlertOfAMessageTooLarge has the cluster take less than the relay.
func TestAlertOfAMessageTooLarge(t *testing.T) {
	redis, rec := redistest.Start(t), harness.NewReceiver(t)
	hub := startHub(t, func(o *server.Options) { o.MaxPayload = 2000 })
	r := startRelay(t, redis, hub.attach("nats://"), harness.WithReceiver(rec))
	hub.listen(hub.client(), attached(t, r), "plain.1")
	redis.MustDo("PUBLISH", "plain:1", strings.Repeat("x", 2000))
	if a := awaitGap(t, rec); a.Event.Missing != 1 || !strings.Contains(a.Cause, "max_payload") {
		t.Errorf("told %+v", a)
	}
}

// TestAlertOfAGapBetweenLeafNodes ends the link to the cluster, which has no relay until the next one.
func TestAlertOfAGapBetweenLeafNodes(t *testing.T) {
	redis, rec, hub := redistest.Start(t), harness.NewReceiver(t), startHub(t)
	proxy := redistest.NewProxy(t, hub.leafAddress())
	r := startRelay(t, redis, harness.WithReceiver(rec), func(c *config.Config) { c.NATS.Leaf.URL = "nats://" + proxy.Addr() })
	attached(t, r)
	proxy.Cut()
	if a := awaitGap(t, rec); !strings.Contains(a.Cause, "no relay as its leaf node") {
		t.Errorf("told %+v", a)
	}
}
