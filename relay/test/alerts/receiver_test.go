package alerts

// Receivers that refuse, hang, answer 500, and recover.

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
	"redis-relay/relay/test/process"
)

// TestReceiverRecovers: alerts that a receiver did not take arrive once it does, in order, each once; meanwhile
// messages travel as ever.
func TestReceiverRecovers(t *testing.T) {
	t.Parallel()
	hung := make(chan struct{}, 10)
	for name, answer := range map[string]http.HandlerFunc{
		"500":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"hangs": func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done(); hung <- struct{}{} },
		"cut":   func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := harness.NewReceiver(t)
			rec.Answer(answer)
			r, load := startFromFile(t, rec)
			load(broken)
			redistest.Eventually(t, patience, "a request", func() bool { return rec.Requests() > 0 })
			load(fixed)
			load(broken)
			travels(t, r)
			if name == "hangs" {
				<-hung // after five seconds
			}
			rec.Answer(nil)
			recovered(t, r, rec)
			if n := rec.Requests(); n < 4 {
				t.Errorf("%d requests, of which 3 were taken", n)
			}
		})
	}
	t.Run("refuses", func(t *testing.T) {
		t.Parallel()
		address := process.FreeAddress(t)
		r, load := startFromFile(t, &harness.Receiver{URL: "http://" + address + "/s3cret?s3cret"})
		load(broken)
		redistest.Eventually(t, patience, "a request fails", func() bool { return r.Metric("webhook_failures_total") > 0 })
		load(fixed)
		load(broken)
		travels(t, r)
		recovered(t, r, harness.NewReceiverAt(t, address))
		for _, line := range r.Logs.All() {
			if strings.Contains(fmt.Sprint(line.Message, line.ContextMap()), "s3cret") {
				t.Errorf("the log has %+v", line)
			}
		}
	})
}

// travels expects a message to get through the relay.
func travels(t *testing.T, r *harness.Relay) {
	t.Helper()
	sub, pub := r.Subscribe("plain"), r.Dial()
	pub.Send("PUBLISH", "plain", "m")
	pub.Expect(t, ":1")
	sub.Expect(t, "[message plain m]")
}

// recovered expects what three reloads raise and end: one that was tried before, and one that stands.
func recovered(t *testing.T, r *harness.Relay, rec *harness.Receiver) {
	t.Helper()
	told := rec.Await(t, patience, 3, "reload")
	if got, want := harness.Story(told), []string{"reload raised", "reload ended", "reload raised"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	raisedThenEnded(t, told[:2])
	if told[2].ID == told[0].ID || told[2].Dropped > 0 {
		t.Errorf("told %+v", told[2])
	}
	redistest.Eventually(t, patience, "the last answer is counted", func() bool { return r.Metric("webhook_sent_total") == 3 })
	for series, want := range map[string]float64{"webhook_sent_total": 3, "webhook_dropped_total": 0, "webhook_waiting": 0} {
		if got := r.Metric(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	if r.Metric("webhook_failures_total") == 0 {
		t.Error("no failure is counted")
	}
	if n := len(r.Logs.FilterMessage("the webhook takes alerts again").All()); n != 1 {
		t.Errorf("%d lines say that the webhook takes alerts again", n)
	}
}

// TestEndTellsWhatWaits: a relay that ends tells what happened a moment before, and waits for no receiver longer than
// a second.
func TestEndTellsWhatWaits(t *testing.T) {
	t.Parallel()
	rec := harness.NewReceiver(t)
	rec.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	r, load := startFromFile(t, rec)
	load(broken)
	redistest.Eventually(t, patience, "five failures", func() bool { return r.Metric("webhook_failures_total") == 5 })
	rec.Answer(nil) // the next attempt is seconds away
	r.Stop()
	if got := harness.Story(rec.Told()); !slices.Equal(got, []string{"reload raised"}) {
		t.Errorf("told %q", got)
	}

	rec = harness.NewReceiver(t)
	rec.Answer(func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	r, load = startFromFile(t, rec)
	load(broken)
	redistest.Eventually(t, patience, "a request", func() bool { return rec.Requests() > 0 })
	r.Stop()
	for _, e := range r.Logs.All() {
		if strings.Contains(fmt.Sprint(e.ContextMap()["error"]), "no answer in time") {
			t.Error("the end has waited for as long as a request may take")
		}
	}
	if r.Logs.FilterMessage("alerts are not sent: the relay ends").Len() != 1 {
		t.Error("the log does not say what was not sent")
	}
}

// TestNoWebhook: alerts are counted all the same.
func TestNoWebhook(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis, func(c *config.Config) { c.Redis.AlertAfter = 1 })
	redis.Kill()
	redistest.Eventually(t, patience, "an alert", func() bool { return r.Metric(`alerts_active{kind="upstream"}`) == 1 })
	redis.Restart()
	redistest.Eventually(t, patience, "its end", func() bool { return r.Metric(`alerts_active{kind="upstream"}`) == 0 })
	stands(r, "upstream", 0, 1)
	stands(r, "gap", 0, 1)
	for _, series := range []string{"webhook_sent_total", "webhook_failures_total", "webhook_dropped_total", "webhook_waiting"} {
		if n := r.Metric(series); n != 0 {
			t.Errorf("%s is %v", series, n)
		}
	}
}
