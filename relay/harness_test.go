package relay_test

// A relay for tests: the real thing, in this process, on a socket of its own.

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
)

// testRelay is a running relay. Fields may be read by the test's goroutine.
type testRelay struct {
	*relay.Relay
	t      testing.TB
	cfg    *config.Config
	socket string
	logs   *observer.ObservedLogs
	stop   context.CancelFunc
	done   chan error
}

// option changes a configuration before the relay starts.
type option func(*config.Config)

// withRoutes replaces the routes. Schemas are those shipped.
func withRoutes(routes ...config.Route) option {
	return func(c *config.Config) { c.Routes = routes }
}

// withRedis points the relay at an address, such as a proxy's.
func withRedis(url string) option {
	return func(c *config.Config) { c.Redis.URL = url }
}

// shipped is the configuration at the root of the repository.
func shipped(t testing.TB) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Source{Path: "../relay.yaml", Required: true})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// startRelay runs the shipped configuration against redis (nil: the embedded
// one), and waits until it is ready. It ends with the test, or by Stop.
func startRelay(t testing.TB, redis *redistest.Server, opts ...option) *testRelay {
	t.Helper()
	r := newRelay(t, redis, opts...)
	redistest.Eventually(t, 10*time.Second, "the relay is ready", r.ready)
	return r
}

// newRelay is startRelay without the waiting.
func newRelay(t testing.TB, redis *redistest.Server, opts ...option) *testRelay {
	t.Helper()
	cfg := shipped(t)
	dir, err := os.MkdirTemp("", "rr") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	cfg.Socket.Path = filepath.Join(dir, "relay.sock")
	cfg.HTTP.Listen = "127.0.0.1:0"
	if redis != nil {
		cfg.Redis.URL = redis.URL()
	}
	for _, o := range opts {
		o(cfg)
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	rel, err := relay.New(cfg, "test", zap.New(core), zap.NewAtomicLevel())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &testRelay{
		Relay: rel, t: t, cfg: cfg, socket: cfg.Socket.Path, logs: logs, stop: cancel, done: make(chan error, 1),
	}
	go func() { r.done <- rel.Run(ctx) }()
	t.Cleanup(func() {
		r.Stop()
		_ = os.RemoveAll(dir)
		if t.Failed() {
			for _, e := range logs.All() {
				t.Log(e.Level, e.Message, e.ContextMap())
			}
		}
	})
	return r
}

// Stop drains and ends the relay. It may be called again.
func (r *testRelay) Stop() {
	r.t.Helper()
	if r.stop == nil {
		return
	}
	r.stop()
	r.stop = nil
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("relay ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		r.t.Error("relay did not end within 10s")
	}
}

func (r *testRelay) ready() bool {
	ok, _ := r.Ready()
	return ok
}

// dial connects a raw client.
func (r *testRelay) dial() *redistest.Client {
	r.t.Helper()
	return redistest.Dial(r.t, "unix", r.socket)
}
