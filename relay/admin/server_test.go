package admin

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"redis-relay/relay/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a server for the length of a test, and returns its address.
func start(t *testing.T, checks Checks) (url string) {
	t.Helper()
	return "http://" + serve(t, checks, nil).Addr().String()
}

// seconds is an Overview of a relay that has run for long.
func seconds(n int) *status.Status {
	s := &status.Status{Version: "v", Started: time.Unix(1, 0), Seconds: []status.Second{}}
	for i := range n {
		s.Seconds = append(s.Seconds, status.Second{At: time.Now().Unix() - int64(n-1-i)})
	}
	return s
}

// serve runs a server with options that edit may change, for the length of a test. prepare may change the server.
func serve(t *testing.T, checks Checks, edit func(*Options), prepare ...func(*Server)) *Server {
	t.Helper()
	figures := func(w io.Writer) error { _, err := io.WriteString(w, "clients 3\n"); return err }
	o := Options{
		Address: "127.0.0.1:0", Checks: checks, Figures: figures, Overview: seconds, Metrics: http.NotFoundHandler(),
	}
	if edit != nil {
		edit(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range prepare {
		f(s)
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
	return s
}

func fine() []Check { return nil }

// unhurried ends no connection for taking its time, so that only its number does.
func unhurried(s *Server) {
	s.http.ReadTimeout, s.http.WriteTimeout = time.Hour, time.Hour
}

// probe is Probe, again and again while there is no answer in time: on a busy machine that may take longer than a
// probe's second.
func probe(t *testing.T, address string, live bool) (err error) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 3*time.Minute; {
		if err = Probe(t.Context(), address, live); !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
	return err
}

// redis makes one check, which fails with a text unless ready.
func redis(ready *bool, missing string) Checks {
	return func() []Check { return []Check{{Name: "redis", OK: *ready, Vital: true, Text: missing}} }
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
	ready := true
	url := start(t, redis(&ready, "3 subscriptions"))
	if status, body := get(t, url+"/readyz"); status != 200 || body != "ok\n" {
		t.Errorf("ready: %d %q", status, body)
	}
	ready = false
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
	for _, want := range []string{"redis-relay: not ready\n", "[-] redis: 3 subscriptions\n", "clients 3", "/metrics"} {
		if status != 200 || !strings.Contains(body, want) {
			t.Errorf("status page: %d %q, want %s", status, body, want)
		}
	}
}

func TestVerboseReadinessShowsWhatIsNotVital(t *testing.T) {
	ready := true
	url := start(t, func() []Check {
		return []Check{{Name: "redis", OK: ready, Vital: true, Text: "a"}, {Name: "config", Text: "b"}, {Name: "socket", OK: ready, Vital: true, Text: "c"}}
	})
	for _, tt := range []struct {
		path   string
		ready  bool
		status int
		body   string
	}{
		{"/readyz", true, 200, "ok\n"},
		{"/readyz?verbose", true, 200, "[+] redis: a\n[-] config: b\n[+] socket: c\nok\n"},
		{"/readyz", false, 503, "not ready: a; c\n"},
		{"/readyz?verbose", false, 503, "[-] redis: a\n[-] config: b\n[-] socket: c\nnot ready: a; c\n"},
	} {
		ready = tt.ready
		if status, body := get(t, url+tt.path); status != tt.status || body != tt.body {
			t.Errorf("%s, ready %v: %d %q", tt.path, tt.ready, status, body)
		}
	}
}

func TestNewNamesTheKeyWhenTheAddressIsTaken(t *testing.T) {
	url := start(t, fine)
	_, err := New(Options{Address: strings.TrimPrefix(url, "http://")})
	if err == nil || !strings.Contains(err.Error(), "http.listen") {
		t.Errorf("got %v", err)
	}
}

func TestProbeAsksForReadinessOrForLife(t *testing.T) {
	ready := false
	address := strings.TrimPrefix(start(t, redis(&ready, "Redis")), "http://")
	if err := probe(t, address, false); err == nil || !strings.Contains(err.Error(), "not ready: Redis") {
		t.Errorf("not ready: %v", err)
	}
	if err := probe(t, address, true); err != nil {
		t.Errorf("live: %v", err)
	}
	ready = true
	if err := probe(t, address, false); err != nil {
		t.Errorf("ready: %v", err)
	}
	_, port, _ := net.SplitHostPort(address)
	if err := probe(t, "0.0.0.0:"+port, false); err != nil {
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

// Whatever others do with connections that they hold open: there are not many, and
// who asks is answered.
func TestConnectionsThatAreHeldOpenShutNobodyOut(t *testing.T) {
	for name, said := range map[string]string{
		"silent":         "",
		"half a request": "GET /livez HTTP/1.1\r\nHost: localhost\r\n",
		"idle":           "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"do not read":    strings.Repeat("GET /page/style.css HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, fine, nil, unhurried)
			address := s.Addr().String()
			var held []net.Conn
			defer func() {
				for _, conn := range held {
					_ = conn.Close()
				}
			}()
			for len(held) < 10*MaxConnections {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				held = append(held, conn)
				_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
				_, _ = io.WriteString(conn, said) // it may be closed by now, or full
				if len(held)%MaxConnections != 0 {
					continue
				}
				if err := probe(t, address, false); err != nil {
					t.Fatalf("beside %d: %v", len(held), err)
				}
			}
			now, displaced := s.Connections()
			if now > MaxConnections || displaced < uint64(len(held)-MaxConnections) {
				t.Errorf("%d connections, %d displaced", now, displaced)
			}
			_ = held[0].SetReadDeadline(time.Now().Add(time.Minute))
			if _, err := io.Copy(io.Discard, held[0]); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the oldest is still open")
			}
		})
	}
}

// One that is used stays, whoever else comes: those that are not used make room.
func TestAConnectionInUseIsNotDisplaced(t *testing.T) {
	s := serve(t, fine, nil, unhurried)
	address := s.Addr().String()
	used, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = used.Close() }()
	answers := bufio.NewReader(used)
	for n := range 3 * MaxConnections {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		for accepted := 0; accepted < n+2; { // with the one in use; else many more come in at one moment
			now, displaced := s.Connections()
			accepted = now + int(displaced)
		}
		if _, err := io.WriteString(used, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
}

func TestALongHeaderIsRefused(t *testing.T) {
	url := start(t, fine)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/livez", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X", strings.Repeat("x", 3*maxHeader))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("answered %d", res.StatusCode)
	}
}
