package admin

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a server for the length of a test.
func start(t *testing.T, ready Ready) string {
	t.Helper()
	figures := func(w io.Writer) error { _, err := io.WriteString(w, "clients 3\n"); return err }
	s, err := New("127.0.0.1:0", ready, figures, http.NotFoundHandler())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return "http://" + s.Addr().String()
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestReadinessSaysWhatIsMissingAndLivenessDoesNotCare(t *testing.T) {
	ready, missing := true, ""
	url := start(t, func() (bool, string) { return ready, missing })
	if status, body := get(t, url+"/readyz"); status != 200 || body != "ok\n" {
		t.Errorf("ready: %d %q", status, body)
	}
	ready, missing = false, "3 subscriptions"
	if status, body := get(t, url+"/readyz"); status != 503 || !strings.Contains(body, "3 subscriptions") {
		t.Errorf("not ready: %d %q", status, body)
	}
	if status, _ := get(t, url+"/livez"); status != 200 {
		t.Errorf("livez: %d", status)
	}
	if status, _ := get(t, url+"/nowhere"); status != 404 {
		t.Errorf("nowhere: %d", status)
	}
	status, body := get(t, url+"/")
	for _, want := range []string{"not ready: 3 subscriptions", "clients 3", "/metrics"} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("status page: %d %q, want %s", status, body, want)
		}
	}
}

func TestNewNamesTheKeyWhenTheAddressIsTaken(t *testing.T) {
	url := start(t, func() (bool, string) { return true, "" })
	_, err := New(strings.TrimPrefix(url, "http://"), nil, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "http.listen") {
		t.Errorf("got %v", err)
	}
}

func TestProbeAsksForReadinessOrForLife(t *testing.T) {
	ready := false
	address := strings.TrimPrefix(start(t, func() (bool, string) { return ready, "Redis" }), "http://")
	if err := Probe(t.Context(), address, false); err == nil || !strings.Contains(err.Error(), "not ready: Redis") {
		t.Errorf("not ready: %v", err)
	}
	if err := Probe(t.Context(), address, true); err != nil {
		t.Errorf("live: %v", err)
	}
	ready = true
	if err := Probe(t.Context(), address, false); err != nil {
		t.Errorf("ready: %v", err)
	}
	_, port, _ := net.SplitHostPort(address)
	if err := Probe(t.Context(), "0.0.0.0:"+port, false); err != nil {
		t.Errorf("all addresses: %v", err)
	}
}

func TestProbeFailsWhereNobodyListens(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Probe(t.Context(), address, true); err == nil {
		t.Error("no error")
	}
}
