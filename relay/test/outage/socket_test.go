package outage

// The socket's file is gone while the relay runs.

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

func TestALostSocketIsToldEverywhere(t *testing.T) {
	t.Parallel() // it waits
	r := harness.Start(t, redistest.Start(t))
	c := r.Subscribe("relay:events", "plain")
	dir := filepath.Dir(r.Socket)
	if err := os.Rename(dir, dir+".gone"); err != nil { // at once: the relay may look at any time
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir + ".gone") })
	if status, body := r.Get("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, r.Socket) {
		t.Errorf("readyz says %d %q", status, body)
	}
	if e := harness.Event(t, c, "socket_down"); !strings.Contains(e.Cause, r.Socket) {
		t.Errorf("the cause is %q", e.Cause)
	}
	if status, _ := r.Get("/livez"); status != http.StatusOK {
		t.Errorf("livez says %d: a relay that goes on is to be restarted", status)
	}
	for series, want := range map[string]float64{"socket_reachable": 0, "socket_remade_total": 0, "upstream_ready": 1} {
		if got := r.Metric(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	harness.Event(t, c, "socket_up")
	if status, body := r.Get("/readyz"); status != http.StatusOK {
		t.Errorf("readyz says %d %q", status, body)
	}
	for series, want := range map[string]float64{"socket_reachable": 1, "socket_remade_total": 1} {
		if got := r.Metric(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	pub := r.Dial()
	pub.Send("PUBLISH", "plain", "m") // to one who connected before
	pub.Expect(t, ":1")
	c.Expect(t, "[message plain m]")
}
