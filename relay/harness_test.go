package relay_test

// A relay for tests: the real thing, in this process, on a socket of its own.

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/schema"
)

// TestMain fails the run when a goroutine is left over. The test binary is also
// the other processes that some tests need: see crowd and daemon.
func TestMain(m *testing.M) {
	if socket := os.Getenv(crowdVariable); socket != "" {
		os.Exit(crowd(socket))
	}
	if where := os.Getenv(daemonVariable); where != "" {
		os.Exit(daemon(where))
	}
	goleak.VerifyTestMain(m)
}

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

// withFile runs the configuration in a file of the test's own, which can be
// changed and reloaded. Options after it would be forgotten by a reload.
func withFile(t testing.TB, path string) option {
	return func(c *config.Config) {
		loaded, err := config.Load(config.Source{Path: path, Required: true, Flags: map[string]string{
			"socket.path": c.Socket.Path, "http.listen": c.HTTP.Listen, "redis.url": c.Redis.URL,
		}})
		if err != nil {
			t.Fatal(err)
		}
		*c = *loaded
	}
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
	case <-time.After(redistest.DefaultTimeout): // a check by the schema library goes on to its end
		r.t.Errorf("relay did not end within %v", redistest.DefaultTimeout)
	}
}

func (r *testRelay) ready() bool {
	ok, _ := r.Ready()
	return ok
}

// cutOff ends the relay's connections to redis, made as user, and returns when the
// relay stands on new ones. Asked at once, it may not know yet that they ended.
func (r *testRelay) cutOff(redis *redistest.Server, user string) {
	r.t.Helper()
	connections := func() (n int) {
		for line := range strings.Lines(redis.MustDo("CLIENT", "LIST").Str) {
			if strings.Contains(line, " name=redis-relay:") && !strings.Contains(line, ":read ") {
				n++
			}
		}
		return n
	}
	before := connections()
	redis.MustDo("CLIENT", "KILL", "USER", user)
	redistest.Eventually(r.t, redistest.DefaultTimeout, "connected again", func() bool {
		return connections() >= before && r.ready()
	})
}

// dial connects a raw client.
func (r *testRelay) dial() *redistest.Client {
	r.t.Helper()
	return redistest.Dial(r.t, "unix", r.socket)
}

// subscribe connects a client that listens to channels.
func (r *testRelay) subscribe(names ...string) *redistest.Client {
	r.t.Helper()
	c := r.dial()
	c.Send(append([]string{"SUBSCRIBE"}, names...)...)
	for i, name := range names {
		c.Expect(r.t, "[subscribe "+name+" "+strconv.Itoa(i+1)+"]")
	}
	return c
}

// heard receives a message on one of the relay's own channels into v.
func heard(t testing.TB, c *redistest.Client, channel string, v any) {
	t.Helper()
	m := c.Receive()
	if len(m.Elems) != 3 || m.Elems[0].Str != "message" || m.Elems[1].Str != channel {
		t.Fatalf("got %s, want a message on %s", m, channel)
	}
	documented(t, channel, m.Elems[2].Str)
	if err := json.Unmarshal([]byte(m.Elems[2].Str), v); err != nil {
		t.Fatalf("message on %s: %v", channel, err)
	}
}

// ownSchemas are those of the relay's own channels.
var ownSchemas = sync.OnceValues(func() (*schema.Set, error) { return schema.Load("../schemas", "") })

// documented fails if a message on one of the relay's own channels is not what the
// schema for it says.
func documented(t testing.TB, channel, payload string) {
	t.Helper()
	set, err := ownSchemas()
	if err != nil {
		t.Fatal(err)
	}
	checker, err := set.Checker(strings.TrimPrefix(channel, "relay:")+".json", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := checker.Check([]byte(payload)); err != nil {
		t.Errorf("message on %s: %v\n%s", channel, err, payload)
	}
}

// event receives the next event on relay:events, which must be of the kind given.
func event(t testing.TB, c *redistest.Client, kind string) relay.Event {
	t.Helper()
	var e relay.Event
	heard(t, c, relay.EventsChannel, &e)
	if e.Event != kind {
		t.Fatalf("got event %+v, want %s", e, kind)
	}
	return e
}

// get asks the relay's HTTP address.
func (r *testRelay) get(path string) (status int, body string) {
	r.t.Helper()
	_, address := r.Addresses()
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + address + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// metric reads a series by its whole name, labels in the order of the alphabet:
// rejects_total{code="INVALID",direction="inbound",route="chat:"}.
func (r *testRelay) metric(series string) float64 {
	r.t.Helper()
	_, body := r.get("/metrics")
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
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

// story is what the log says at info and above.
func (r *testRelay) story() (lines []string) {
	for _, e := range r.logs.All() {
		if e.Level >= zap.InfoLevel {
			lines = append(lines, e.Message)
		}
	}
	return lines
}

// returnsTo waits until the process has no more goroutines than before, and about
// as much memory.
func returnsTo(t testing.TB, before footprint) {
	t.Helper()
	const slack = 8 << 20 // bytes: chunks of the taps, and what the tests themselves keep
	var now footprint
	defer func() {
		if t.Failed() {
			t.Logf("before %+v, now %+v", before, now)
		}
	}()
	redistest.Eventually(t, 10*time.Second, "goroutines and memory are back", func() bool {
		now = measured()
		return now.goroutines <= before.goroutines && now.heap <= before.heap+slack
	})
}

type footprint struct {
	goroutines int
	heap       uint64 // bytes in use after a collection
}

func measured() footprint {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), m.HeapAlloc}
}
