package natsbridge_test

// A relay with both doors open, in this process, and clients for them.

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
)

var (
	nop   = zap.NewNop()
	level = zap.NewAtomicLevel()
)

const patience = 10 * time.Second

// testRelay is a running relay. Its methods belong to the test's own goroutine.
type testRelay struct {
	*relay.Relay
	t      testing.TB
	cfg    *config.Config
	logs   *observer.ObservedLogs
	cancel context.CancelFunc
	done   chan error
}

// newRoute is a route for both doors, changed by edit.
func newRoute(prefix string, edit ...func(*config.Route)) config.Route {
	r := config.NewRoute(prefix)
	r.NATS = true
	for _, e := range edit {
		e(&r)
	}
	return r
}

// startRelay runs a relay with routes chat: (with the shipped schema), plain:, and
// kept: (with history), and waits until it is ready. It ends with the test.
func startRelay(t testing.TB, redis *redistest.Server, edit ...func(*config.Config)) *testRelay {
	t.Helper()
	dir, err := os.MkdirTemp("", "rr") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Default()
	cfg.Redis.URL, cfg.Schemas.Dir = redis.URL(), "../../schemas"
	cfg.Socket.Path, cfg.HTTP.Listen, cfg.NATS.Listen = filepath.Join(dir, "relay.sock"), "127.0.0.1:0", "127.0.0.1:0"
	cfg.Routes = []config.Route{
		newRoute("chat:", func(r *config.Route) { r.Schema = "chat.json" }),
		newRoute("plain:"),
		newRoute("barrier:"),
		newRoute("kept:", func(r *config.Route) {
			r.Policy.History, r.Policy.OnGap = &config.History{Length: 1000}, config.OnGapNotify
		}),
	}
	for _, e := range edit {
		e(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	rel, err := relay.New(&cfg, "test", zap.New(core), zap.NewAtomicLevel())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &testRelay{Relay: rel, t: t, cfg: &cfg, logs: logs, cancel: cancel, done: make(chan error, 1)}
	go func() { r.done <- rel.Run(ctx) }()
	t.Cleanup(func() {
		r.stop()
		_ = os.RemoveAll(dir)
		if t.Failed() {
			for _, e := range logs.All() {
				t.Log(e.Level, e.LoggerName, e.Message, e.ContextMap())
			}
		}
	})
	redistest.Eventually(t, patience, "the relay is ready", func() bool {
		ready, _ := rel.Ready()
		return ready
	})
	return r
}

// stop drains and ends the relay. It may be called again.
func (r *testRelay) stop() {
	r.t.Helper()
	if r.cancel == nil {
		return
	}
	r.cancel()
	r.cancel = nil
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("relay ended with %v", err)
		}
	case <-time.After(patience):
		r.t.Error("relay did not end in time")
	}
}

// socket connects a raw Redis client.
func (r *testRelay) socket() *redistest.Client {
	r.t.Helper()
	return redistest.Dial(r.t, "unix", r.cfg.Socket.Path)
}

// nats connects a NATS client.
func (r *testRelay) nats(opts ...nats.Option) *nats.Conn {
	r.t.Helper()
	nc, err := nats.Connect("nats://"+r.NATSAddress(), append([]nats.Option{
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), nats.ReconnectWait(10 * time.Millisecond),
		nats.Timeout(patience), nats.ReconnectJitter(0, 0),
	}, opts...)...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	return nc
}

// listen subscribes and returns when the subscription is in force.
func (r *testRelay) listen(nc *nats.Conn, subject string) *nats.Subscription {
	r.t.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		r.t.Fatal(err)
	}
	r.inForce(nc)
	return sub
}

// inForce returns when Redis has confirmed what a client has subscribed to.
func (r *testRelay) inForce(nc *nats.Conn) {
	r.t.Helper()
	if err := nc.FlushTimeout(patience); err != nil {
		r.t.Fatal(err)
	}
	r.answer(nc, "publish.barrier.x", "") // comes behind the subscriptions
	redistest.Eventually(r.t, patience, "Redis has confirmed", func() bool {
		ready, _ := r.Ready()
		return ready
	})
}

// answer sends a request and returns the body of the answer, and the error code.
func (r *testRelay) answer(nc *nats.Conn, subject, payload string) (body, code string) {
	r.t.Helper()
	m, err := nc.Request(subject, []byte(payload), patience)
	if err != nil {
		r.t.Fatalf("request on %s: %v", subject, err)
	}
	return string(m.Data), m.Header.Get("Nats-Service-Error-Code")
}

// hear returns the payload of the next message, which must be on a subject.
func hear(t testing.TB, sub *nats.Subscription, subject string) string {
	t.Helper()
	m, err := sub.NextMsg(patience)
	if err != nil {
		t.Fatalf("next message on %s: %v", sub.Subject, err)
	}
	if m.Subject != subject {
		t.Fatalf("got a message on %s, want one on %s", m.Subject, subject)
	}
	return string(m.Data)
}

// metric reads a series by its whole name, labels in the order of the alphabet.
func (r *testRelay) metric(series string) float64 {
	r.t.Helper()
	_, address := r.Addresses()
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + address + "/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	for lines := bufio.NewScanner(strings.NewReader(string(body))); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "redis_relay_"+series+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			if err != nil {
				r.t.Fatal(err)
			}
			return v
		}
	}
	r.t.Fatalf("no series %s in\n%s", series, body)
	return 0
}
