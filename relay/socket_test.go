package relay_test

// The socket's file is gone while the relay runs.

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
)

func TestALostSocketIsToldEverywhere(t *testing.T) {
	r := startRelay(t, redistest.Start(t))
	c := r.subscribe("relay:events", "plain")
	dir := filepath.Dir(r.socket)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if status, body := r.get("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, r.socket) {
		t.Errorf("readyz says %d %q", status, body)
	}
	if e := event(t, c, "socket_down"); !strings.Contains(e.Cause, r.socket) {
		t.Errorf("the cause is %q", e.Cause)
	}
	if status, _ := r.get("/livez"); status != http.StatusOK {
		t.Errorf("livez says %d: a relay that goes on is to be restarted", status)
	}
	for series, want := range map[string]float64{"socket_reachable": 0, "socket_remade_total": 0, "upstream_ready": 1} {
		if got := r.metric(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	event(t, c, "socket_up")
	if status, body := r.get("/readyz"); status != http.StatusOK {
		t.Errorf("readyz says %d %q", status, body)
	}
	for series, want := range map[string]float64{"socket_reachable": 1, "socket_remade_total": 1} {
		if got := r.metric(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	pub := r.dial()
	pub.Send("PUBLISH", "plain", "m") // to one who connected before
	pub.Expect(t, ":1")
	c.Expect(t, "[message plain m]")
}
