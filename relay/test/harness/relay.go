package harness

// A relay for tests: the real thing, in this process, on a socket of its own.

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
)

// program is what a test may ask of the relay from outside.
type program interface {
	Addresses() (socket, http string)
	NATSAddress() string
	TCPAddress() string
	Embedded() (url, file string)
	Ready() (ready bool, missing string)
	Reload() error
}

// Relay is a running relay. Its fields and methods are for the test's own goroutine.
type Relay struct {
	program
	T      testing.TB
	Config *config.Config
	Socket string
	Logs   *observer.ObservedLogs
	stop   context.CancelFunc
	done   chan error
}

// Start runs the shipped configuration against redis (nil: the embedded
// one), and waits until it is ready. It ends with the test, or by Stop.
func Start(t testing.TB, redis *redistest.Server, opts ...Option) *Relay {
	t.Helper()
	r := New(t, redis, opts...)
	redistest.Eventually(t, redistest.DefaultTimeout, "the relay is ready", r.IsReady)
	return r
}

// New is Start without the waiting.
func New(t testing.TB, redis *redistest.Server, opts ...Option) *Relay {
	t.Helper()
	cfg := Shipped(t)
	dir, err := os.MkdirTemp("", "rr") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	cfg.Socket.Path = filepath.Join(dir, "relay.sock")
	cfg.HTTP.Listen = "127.0.0.1:0"
	cfg.Redis.AlertAfter = 1000 // its event would come between those that a test waits for
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
	r := &Relay{
		program: rel, T: t, Config: cfg, Socket: cfg.Socket.Path, Logs: logs, stop: cancel, done: make(chan error, 1),
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
func (r *Relay) Stop() {
	r.T.Helper()
	if r.stop == nil {
		return
	}
	r.stop()
	r.stop = nil
	select {
	case err := <-r.done:
		if err != nil {
			r.T.Errorf("relay ended with %v", err)
		}
	case <-time.After(redistest.DefaultTimeout): // a check by the schema library goes on to its end
		r.T.Errorf("relay did not end within %v", redistest.DefaultTimeout)
	}
}

// Stopped tells whether Stop has been called.
func (r *Relay) Stopped() bool { return r.stop == nil }

// IsReady is Ready without the reason.
func (r *Relay) IsReady() bool {
	ok, _ := r.Ready()
	return ok
}

// CutOff ends the relay's connections to redis, made as user, and returns when the
// relay stands on new ones. Asked at once, it may not know yet that they ended.
func (r *Relay) CutOff(redis *redistest.Server, user string) {
	r.T.Helper()
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
	redistest.Eventually(r.T, redistest.DefaultTimeout, "connected again", func() bool {
		return connections() >= before && r.IsReady()
	})
}

// Dial connects a raw client.
func (r *Relay) Dial() *redistest.Client {
	r.T.Helper()
	return redistest.Dial(r.T, "unix", r.Socket)
}

// Subscribe connects a client that listens to channels.
func (r *Relay) Subscribe(names ...string) *redistest.Client {
	r.T.Helper()
	c := r.Dial()
	c.Send(append([]string{"SUBSCRIBE"}, names...)...)
	for i, name := range names {
		c.Expect(r.T, "[subscribe "+name+" "+strconv.Itoa(i+1)+"]")
	}
	return c
}

// Readable waits until the relay knows where every channel stands that somebody
// reads: it asks in turn, and this asks for one more.
func (r *Relay) Readable(pub *redistest.Client, channel string) {
	r.T.Helper()
	pub.Do("XADD", channel, "*", "payload", "m")
	c := r.Dial()
	defer c.Close()
	if v := c.Do("XREAD", "BLOCK", "0", "STREAMS", channel, "0"); v.Err() != nil {
		r.T.Fatal(v)
	}
}

// Stuck subscribes a client that has a name and will not read.
func (r *Relay) Stuck(name, channel string) *redistest.Client {
	r.T.Helper()
	c := r.Dial()
	c.Send("CLIENT", "SETNAME", name)
	c.Expect(r.T, "+OK")
	c.Send("SUBSCRIBE", channel)
	c.Expect(r.T, "[subscribe "+channel+" 1]")
	return c
}
