package nats

// Alerts about NATS: names that Redis refuses, and a cluster that cannot be reached.

import (
	"slices"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

func TestAlertOfARefusedName(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL("app on >secret ~* &barrier:* &relay:* +@all", "default off"))
	rec := harness.NewReceiver(t)
	r := startRelay(t, redis, harness.WithReceiver(rec),
		func(c *config.Config) { c.Redis.URL = "redis://app:secret@" + redis.Addr() })
	nc := r.nats()
	if _, err := nc.SubscribeSync("plain.1"); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, patience, "the refusal is told", func() bool {
		return slices.ContainsFunc(rec.Told("refused"), func(a harness.Told) bool {
			return a.Event.Channel == "plain:1" && a.State == "ended" && a.Cause != "" && a.Do != ""
		})
	})
}

func TestAlertOfALostCluster(t *testing.T) {
	hub, rec := startHub(t), harness.NewReceiver(t)
	r := startRelay(t, redistest.Start(t), hub.attach("nats://"), harness.WithReceiver(rec))
	attached(t, r)
	if all := rec.Told(); len(all) > 0 {
		t.Errorf("told %+v", all)
	}
	for outage := range 2 {
		hub.stop()
		if a := rec.Await(t, patience, 2*outage+1, "nats_leaf")[2*outage]; a.State != "raised" || a.Cause == "" {
			t.Errorf("told %+v", a)
		}
		failures := r.Metric("nats_leaf_failures_total")
		redistest.Eventually(t, patience, "more attempts fail", func() bool {
			return r.Metric("nats_leaf_failures_total") > failures+1
		})
		hub.start()
		all := rec.Await(t, 2*patience, 2*outage+2, "nats_leaf")
		if begin, end := all[2*outage], all[2*outage+1]; end.State != "ended" || end.ID != begin.ID || end.Times < 2 {
			t.Errorf("told %+v, then %+v", begin, end)
		}
	}
	r.Stop()
	want := []string{"nats_leaf raised", "nats_leaf ended", "nats_leaf raised", "nats_leaf ended"}
	if got := harness.Story(rec.Told("nats_leaf")); !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
}

// TestAnotherLeafNode ends the alert of a relay that cannot be it.
func TestAnotherLeafNode(t *testing.T) {
	hub, rec, redis := startHub(t), harness.NewReceiver(t), redistest.Start(t)
	hub.stop()
	r := startRelay(t, redis, hub.attach("nats://"), harness.WithReceiver(rec))
	rec.Await(t, patience, 1, "nats_leaf")
	other := startRelay(t, redis, hub.attach("nats://"))
	hub.start()
	attached(t, r, other)
	redistest.Eventually(t, 2*patience, "the alert ends", func() bool {
		all := rec.Told("nats_leaf")
		return len(all) > 0 && all[len(all)-1].State == "ended" && r.Metric(`alerts_active{kind="nats_leaf"}`) == 0
	})
}
