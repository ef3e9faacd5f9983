package respserver_test

// A server for tests: real sockets, a real loop and a real hub, with a Redis side that
// does what the test says.

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/respserver/listen"
	"redis-relay/relay/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server is a running Server and what is around it.
type server struct {
	*respserver.Server
	t        *testing.T
	loop     *loop.Loop
	hub      *hub.Hub
	upstream *upstream
	backend  *backend
	limits   *respserver.Limits
	logs     *observer.ObservedLogs
	path     string
	stop     context.CancelFunc
	done     chan error
}

// publishTimeout is how long answers are waited for at an end: longer than a busy machine takes to give them.
const publishTimeout = time.Minute

// impatient is for tests that wait until the answers had their time.
func impatient(o *respserver.Options, _ *respserver.Limits) {
	o.PublishTimeout = 300 * time.Millisecond
}

// serve starts a server with generous limits. It ends with the test, or by end.
func serve(t *testing.T, change ...func(*respserver.Options, *respserver.Limits)) *server {
	t.Helper()
	return serveOver(t, nil, change...)
}

// serveOver has connections accepted by what wrap makes of accept(2).
func serveOver(
	t *testing.T, wrap func(accept func(int) (int, error)) func(int) (int, error),
	change ...func(*respserver.Options, *respserver.Limits),
) *server {
	t.Helper()
	s := &server{
		t: t, limits: &respserver.Limits{}, path: redistest.SocketPath(t), done: make(chan error, 1),
		backend: &backend{awaiting: map[int]func([]stream.Result, error){}},
	}
	opts := respserver.Options{Version: "test", Path: s.path, PublishTimeout: publishTimeout}
	for limit, n := range map[*atomic.Int64]int64{
		&s.limits.Clients: 100, &s.limits.Subscriptions: 100, &s.limits.Payload: 1 << 20, &s.limits.Queue: 8 << 20,
		&s.limits.Window: 100, &s.limits.Patterns: 100, &s.limits.PatternLength: 1000, &s.limits.Name: 4096,
		&s.limits.Answer: 32 << 20,
	} {
		limit.Store(n)
	}
	for _, f := range change {
		f(&opts, s.limits)
	}
	socket, err := listen.OnSocket(s.path, 0o600, "")
	if err != nil {
		t.Fatal(err)
	}
	core, logs := observer.New(zap.DebugLevel)
	s.logs = logs
	stopLoop := s.build(opts, zap.New(core))
	if wrap != nil {
		s.WrapAccept(wrap)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	go func() {
		err := s.Serve(ctx, socket)
		stopLoop()
		s.done <- err
	}()
	t.Cleanup(s.end)
	return s
}

// build makes the server and what is around it, and runs the loop.
func (s *server) build(opts respserver.Options, log *zap.Logger) (stopLoop func()) {
	var err error
	if s.loop, err = loop.New(loop.Options{}); err != nil {
		s.t.Fatal(err)
	}
	s.upstream = &upstream{loop: s.loop, refuses: map[string]error{}}
	s.hub = hub.New(s.upstream, func(string) bool { return false })
	s.hub.Restore(func() {})
	flusher := &hub.Flusher{}
	s.loop.AtTurnEnd(func() {
		s.hub.Report()
		s.hub.FanOut()
		if !flusher.Flush() {
			s.loop.Post(func() {})
		}
	})
	s.Server = respserver.New(opts, s.loop, hub.NewGroup(nil, nil, s.hub), flusher, s.backend, s.limits, log)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.loop.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("the loop: %v", err)
		}
	}
}

// end stops the server, and sees that nothing is left behind. It may be called again.
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
	case <-time.After(30 * time.Second):
		s.t.Error("Serve did not return within 30s")
	}
	if n := s.Stats().Clients; n != 0 {
		s.t.Errorf("%d clients are left", n)
	}
	if used, kept := s.limits.Used(), s.limits.Kept(); used != 0 || kept != 0 {
		s.t.Errorf("%d bytes are still counted, of which %d are kept", used, kept)
	}
}

// in has the loop run f, and waits.
func (s *server) in(f func()) {
	s.t.Helper()
	if !s.loop.Call(f) {
		s.t.Fatal("the loop has ended")
	}
}

// ask is what f returns in the loop.
func ask[T any](s *server, f func() T) (v T) {
	s.t.Helper()
	s.in(func() { v = f() })
	return v
}

func (s *server) stats() hub.Stats { return ask(s, s.hub.Stats) }
func (s *server) published() []string {
	return ask(s, func() []string { return append([]string(nil), s.backend.seen...) })
}

// mute has Redis answer nothing before answer is called.
func (s *server) mute()   { s.in(func() { s.upstream.mute = true }) }
func (s *server) answer() { s.in(func() { s.upstream.mute = false; s.upstream.answer() }) }

// holdPublications leaves publications unanswered until answerAll is called.
func (s *server) holdPublications() { s.in(func() { s.backend.hold = true }) }
func (s *server) answerAll()        { s.in(func() { s.backend.hold = false; s.backend.answer() }) }

// waitPublished waits until n publications were taken.
func (s *server) waitPublished(n int) {
	s.t.Helper()
	until(s.t, fmt.Sprint(n, " publications"), func() bool { return len(s.published()) == n })
}

// waitAsked waits until Redis was asked at least n things that it has not answered.
func (s *server) waitAsked(n int) {
	s.t.Helper()
	until(s.t, fmt.Sprint(n, " things asked of Redis"), func() bool {
		return ask(s, func() int { return len(s.upstream.asked) }) >= n
	})
}

func (s *server) dial() *redistest.Client {
	s.t.Helper()
	return redistest.Dial(s.t, "unix", s.path)
}

// deliver sends a message to the listeners of a channel, as Redis would.
func (s *server) deliver(channel, payload string) {
	frame := redistest.AppendCommand(nil, "message", channel, payload)
	s.in(func() { s.hub.Deliver(resp.Message, []byte(channel), frame, 0) })
}

// waitClients waits until the server has n connections.
func (s *server) waitClients(n int) {
	s.t.Helper()
	until(s.t, "the connections that remain", func() bool { return s.Stats().Clients == n })
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	redistest.Eventually(t, redistest.DefaultTimeout, what, cond)
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
