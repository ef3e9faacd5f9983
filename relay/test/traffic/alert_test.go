package traffic

// Alerts about channels, as operators see them: begun by a real cause, ended by its end, once.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// alerts receives events until there is an end, and returns what was told in short.
func alerts(t *testing.T, events *redistest.Client, ends int) (told []relay.Event) {
	t.Helper()
	events.SetTimeout(2 * time.Minute)
	for ends > 0 {
		var e relay.Event
		harness.Heard(t, events, relay.EventsChannel, &e)
		told = append(told, e)
		if e.Event == "alert_end" {
			ends--
		}
	}
	return told
}

// burst publishes n messages in one write: however busy the machine is, they come at once.
func burst(t *testing.T, pub *redistest.Client, channel string, n int, reply string) {
	t.Helper()
	var all []byte
	for range n {
		all = redistest.AppendCommand(all, "PUBLISH", channel, "m")
	}
	pub.SendRaw(all)
	for range n {
		pub.Expect(t, reply)
	}
}

// watched is a route with an alert.
func watched() config.Route {
	return harness.NewRoute("r:", func(r *config.Route) { r.Policy.Rate.Alert = 20 })
}

// TestLoneBurst over rate.alert is told while it happens, in both directions, with its publisher; and once that it is
// over.
func TestLoneBurst(t *testing.T) {
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(watched()))
	events, pub := r.Subscribe("relay:events"), r.Dial()
	r.Subscribe("r:1")
	pub.Send("CLIENT", "SETNAME", "bot")
	pub.Expect(t, "+OK")
	burst(t, pub, "r:1", 60, ":1")
	if n := r.Metric(`alerts_active{kind="rate"}`); n != 2 {
		t.Errorf("%v alerts are active behind the burst, want 2", n)
	}
	told := alerts(t, events, 2)
	if len(told) != 4 {
		t.Fatalf("told %+v", told)
	}
	for _, e := range told[:2] {
		if e.Event != "alert" || e.Kind != "rate" || e.Channel != "r:1" || e.Rate != 21 {
			t.Errorf("told %+v", e)
		}
		if e.Direction == "outbound" && (e.Name != "bot" || int(e.PID) != os.Getpid() || e.UID == nil || e.Client == 0) {
			t.Errorf("the publisher is %+v", e.Who)
		}
	}
	for _, e := range told[2:] {
		if e.Event != "alert_end" || e.Kind != "rate" || e.Channel != "r:1" || e.Peak != 60 || e.Since == nil {
			t.Errorf("told %+v", e)
		}
	}
	if told[0].Direction == told[1].Direction || told[2].Direction == told[3].Direction {
		t.Errorf("told %+v", told)
	}
	begun, active := r.Metric(`alerts_total{kind="rate"}`), r.Metric(`alerts_active{kind="rate"}`)
	if begun != 2 || active != 0 {
		t.Errorf("%v begun, %v active", begun, active)
	}
	for _, text := range []string{"a channel is noisy", "a channel is not noisy any more"} {
		if n := r.Logs.FilterMessage(text).Len(); n != 2 {
			t.Errorf("%d lines say %q", n, text)
		}
	}
}

// TestAlertSurvivesReload: the noise goes on, and nothing is told twice.
func TestAlertSurvivesReload(t *testing.T) {
	const base = "routes: [{prefix: 'r:', rate: {alert: 20}}]\n"
	path := harness.WriteFile(t, t.TempDir(), "relay.yaml", base)
	r := harness.Start(t, redistest.Start(t), harness.WithFile(t, path))
	events, pub := r.Subscribe("relay:events"), r.Dial()
	burst(t, pub, "r:1", 60, ":0")
	harness.WriteFile(t, filepath.Dir(path), "relay.yaml", strings.Replace(base, "}}", ", limit: 1000}}", 1))
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	burst(t, pub, "r:1", 60, ":0")
	var names []string
	for _, e := range alerts(t, events, 1) {
		if e.Event != "reload" {
			names = append(names, e.Event+" "+string(e.Direction))
		}
	}
	if got := strings.Join(names, ", "); got != "alert outbound, alert_end outbound" {
		t.Errorf("told %s", got)
	}
}
