package respserver_test

// A server for tests: real sockets and a real hub, with a Redis side that does
// what the test says.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"redis-relay/relay/hub"
	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// upstream is the hub's Redis. It holds what is wanted at once, unless it is mute:
// then nothing before the test calls Hub.Confirmed.
type upstream struct {
	mute      atomic.Bool
	confirmed atomic.Bool // what Held answers when mute
}

func (u *upstream) Want(_ resp.Kind, _ string, want bool) bool { return want && !u.mute.Load() }
func (u *upstream) Held(resp.Kind, string) bool                { return !u.mute.Load() || u.confirmed.Load() }

// backend is the relay behind the door. It answers publications at once, unless
// they are to be kept.
type backend struct {
	respserver.History // is tested with a whole relay
	keep               atomic.Bool

	mu   sync.Mutex // Guards what follows.
	kept []respserver.Receipt
	seen []string // payloads
}

var errClosed = errors.New("DENIED this channel is closed")

func (b *backend) Publish(p respserver.Publication, r respserver.Receipt) error {
	if string(p.Channel) == "closed" {
		return errClosed
	}
	if p.Oversize > 0 {
		return fmt.Errorf("TOOLARGE %d", p.Oversize)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, string(p.Payload))
	if b.keep.Load() {
		b.kept = append(b.kept, r)
		return nil
	}
	r.Published(1, "", nil)
	r.Flush()
	return nil
}

func (b *backend) Send(uint64)          {}
func (b *backend) Standing(uint64) bool { return true }
func (b *backend) TakeBack(uint64)      {}

func (b *backend) Barrier(_ [resp.Kinds][]string, done func()) { done() }

func (b *backend) Behind(respserver.SlowClient) {}

// published are the payloads so far.
func (b *backend) published() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.seen)
}

// answer lets the kept publications go, each with its number.
func (b *backend) answer() {
	b.mu.Lock()
	kept := b.kept
	b.kept = nil
	b.mu.Unlock()
	for i, r := range kept {
		r.Published(int64(i), "", nil)
		r.Flush()
	}
}

func (b *backend) MaySubscribe(_ respserver.User, _ resp.Kind, name []byte) error {
	if string(name) == "closed" {
		return errClosed
	}
	return nil
}

func (b *backend) Channels(context.Context, respserver.User, resp.Kind, []byte) ([]string, error) {
	return nil, errClosed
}

func (b *backend) Subscribers(_ context.Context, _ respserver.User, _ resp.Kind, names [][]byte) ([]int64, error) {
	return nil, errClosed
}
func (b *backend) Patterns(context.Context) (int64, error) { return 0, errClosed }
func (b *backend) RedisVersion() string                    { return "7.9.9" }

// server is a running Server and what is around it.
type server struct {
	*respserver.Server
	t        *testing.T
	hub      *hub.Hub
	upstream *upstream
	backend  *backend
	limits   *respserver.Limits
	logs     *observer.ObservedLogs
	path     string
	stop     context.CancelFunc
	done     chan error
}

const publishTimeout = 300 * time.Millisecond

// serve starts a server with generous limits. It ends with the test, or by end.
func serve(t *testing.T, change ...func(*respserver.Options, *respserver.Limits)) *server {
	t.Helper()
	s := &server{
		t: t, upstream: &upstream{}, backend: &backend{}, limits: &respserver.Limits{}, path: socketPath(t),
		done: make(chan error, 1),
	}
	opts := respserver.Options{Version: "test", Path: s.path, PublishTimeout: publishTimeout}
	for limit, n := range map[*atomic.Int64]int64{
		&s.limits.Clients: 100, &s.limits.Subscriptions: 100, &s.limits.Payload: 1 << 20, &s.limits.Queue: 8 << 20,
		&s.limits.Window: 100, &s.limits.Patterns: 100, &s.limits.PatternLength: 1000, &s.limits.Name: 4096,
	} {
		limit.Store(n)
	}
	for _, f := range change {
		f(&opts, s.limits)
	}
	ln, err := respserver.Listen(s.path, 0o600, "")
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	s.logs = logs
	s.hub = hub.New(s.upstream, func(string) bool { return false })
	s.Server = respserver.New(opts, s.hub, s.backend, s.limits, zap.New(core))
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go func() { s.done <- s.Serve(ctx, ln) }()
	t.Cleanup(s.end)
	return s
}

// end stops the server. It may be called again.
func (s *server) end() {
	s.t.Helper()
	if s.stop == nil {
		return
	}
	s.stop()
	s.stop = nil
	select {
	case err := <-s.done:
		if err != nil {
			s.t.Errorf("Serve: %v", err)
		}
	case <-time.After(10 * time.Second):
		s.t.Error("Serve did not return within 10s")
	}
}

func (s *server) dial() *redistest.Client {
	s.t.Helper()
	return redistest.Dial(s.t, "unix", s.path)
}

// deliver sends a message to the listeners of a channel, as Redis would.
func (s *server) deliver(channel, payload string) {
	frame := redistest.AppendCommand(nil, "message", channel, payload)
	s.hub.Deliver(resp.Message, []byte(channel), frame, 0)
	s.hub.Flush()
}

// settled waits until the server has n connections.
func (s *server) settled(n int) {
	s.t.Helper()
	redistest.Eventually(s.t, redistest.DefaultTimeout, "the connections that remain", func() bool {
		return s.Stats().Clients == n
	})
}

// line is that of CLIENT LIST with the given name.
func line(t *testing.T, c *redistest.Client, name string) string {
	t.Helper()
	for l := range strings.Lines(c.Do("CLIENT", "LIST").Str) {
		if strings.Contains(l, " name="+name+" ") {
			return strings.TrimSuffix(l, "\n")
		}
	}
	t.Fatalf("CLIENT LIST has nobody named %s", name)
	return ""
}

// socketPath is in a directory of its own; that of t.TempDir may be too long.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}
