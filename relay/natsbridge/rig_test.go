package natsbridge

// A bridge without a relay: with an event loop, a Redis that answers in the next turn, and a backend that
// does as it is told.

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const soon = 30 * time.Second // bounds every wait that is expected to be short

// fakeRedis answers in order. It belongs to the loop.
type fakeRedis struct {
	loop    *loop.Loop
	refused map[string]error
	held    map[string]int
	asked   int // SUBSCRIBE commands
}

func (f *fakeRedis) Subscribe(_ resp.Kind, names []string, done func(lost bool, refused error)) {
	f.asked++
	f.loop.Post(func() {
		for _, n := range names {
			if err := f.refused[n]; err != nil {
				done(false, err)
				return
			}
		}
		for _, n := range names {
			f.held[n]++
		}
		done(false, nil)
	})
}

func (f *fakeRedis) Unsubscribe(_ resp.Kind, names []string, done func(lost bool, refused error)) {
	f.loop.Post(func() {
		for _, n := range names {
			f.held[n]--
		}
		done(false, nil)
	})
}

func (f *fakeRedis) Fence(_ resp.Kind, _ []string, done func(lost bool)) {
	f.loop.Post(func() { done(false) })
}

// Learn finds out nothing.
func (*fakeRedis) Learn([]string, func()) bool { return false }

func (*fakeRedis) IsFull() bool { return false }

func (*fakeRedis) AwaitRoom(func()) {}

func (f *fakeRedis) AwaitDelivered(_ resp.Kind, _ []string, done func()) { done() }

func (f *fakeRedis) Released(resp.Kind, string)       {}
func (f *fakeRedis) Interrupted(resp.Kind, string)    {}
func (f *fakeRedis) Refused(resp.Kind, string, error) {}

// fakeBackend answers a publish with the length of its payload, unless it keeps the receipt. What has no
// other owner belongs to the loop.
type fakeBackend struct {
	keeps     bool // receipts
	checks    bool // says that messages are being checked
	kept      []Responder
	published []string
	barred    map[string]bool
	refused   []string
	missed    []int

	mu      sync.Mutex // guards what follows
	reading int
	most    int           // were reading at the same time
	release chan struct{} // nil: History returns at once
}

func (b *fakeBackend) Publish(channel, payload []byte, r Responder) (checking bool, err error) {
	if string(channel) == "a:denied" {
		return false, errors.New("DENIED a:denied: no")
	}
	b.published = append(b.published, string(payload))
	if b.keeps || b.checks {
		b.kept = append(b.kept, r)
		return b.checks, nil
	}
	r.Published(int64(len(payload)), "", nil)
	return false, nil
}

func (b *fakeBackend) MayListen(_ resp.Kind, name []byte) error {
	if b.barred[string(name)] {
		return errors.New("DENIED it is barred")
	}
	return nil
}

func (b *fakeBackend) Refused(_ resp.Kind, name string, _ error) { b.refused = append(b.refused, name) }

func (b *fakeBackend) Missed(_, _ time.Time, messages int) { b.missed = append(b.missed, messages) }

func (b *fakeBackend) History(ctx context.Context, channel, _ string, count, _ int) ([]Entry, bool, error) {
	b.mu.Lock()
	b.reading++
	b.most = max(b.most, b.reading)
	release := b.release
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.reading--
		b.mu.Unlock()
	}()
	if release != nil {
		select {
		case <-release:
		case <-ctx.Done():
			return nil, false, errors.New("TIMEOUT " + ctx.Err().Error())
		}
	}
	if channel == "a:denied" {
		return nil, false, errors.New("DENIED no history here")
	}
	return []Entry{{ID: "1-1", Payload: []byte("m")}}, count == 1, nil
}

// rig is what a bridge needs. What a test reads of it, it reads in do or eventually.
type rig struct {
	t       testing.TB
	loop    *loop.Loop
	redis   *fakeRedis
	backend *fakeBackend
	parts   Parts
	bridge  *Bridge
	stop    func() error // has the bridge end, and returns what Run does
}

// newRig makes one that does not run yet.
func newRig(t testing.TB) *rig {
	t.Helper()
	l, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		t: t, loop: l, redis: &fakeRedis{loop: l, refused: map[string]error{}, held: map[string]int{}},
		backend: &fakeBackend{barred: map[string]bool{}},
	}
	h := hub.New(r.redis, func(string) bool { return false })
	h.Restore(func() {})
	r.parts = Parts{Loop: l, Hub: hub.NewGroup(nil, nil, h), Flusher: new(hub.Flusher), Backend: r.backend, Log: zap.NewNop()}
	l.AtTurnEnd(func() {
		if r.bridge != nil {
			r.bridge.HandOver()
		}
		r.parts.Flusher.Flush()
	})
	return r
}

// run runs the loop until the test ends.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.loop.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
	})
}

// runBridge runs the bridge until stop, or the end of the test.
func (r *rig) runBridge() {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.bridge.Run(ctx) }()
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	r.t.Cleanup(func() {
		if err := r.stop(); err != nil {
			r.t.Error(err)
		}
	})
}

// newServed runs a bridge with a server of its own.
func newServed(t testing.TB) *rig {
	t.Helper()
	r := newRig(t)
	r.serve()
	r.run()
	r.runBridge()
	return r
}

// serve builds the bridge, with a server of its own.
func (r *rig) serve() {
	r.t.Helper()
	b, err := New(r.parts, Options{Listen: "127.0.0.1:0", PublishTimeout: soon, Memory: new(hub.Bounds)}, testLimits(),
		[]PrefixAccess{{"a:", true}})
	if err != nil {
		r.t.Fatal(errors.Join(err, r.loop.Close()))
	}
	r.bridge = b
}

func testLimits() Limits {
	return Limits{Clients: 100, Subscriptions: 1000, Payload: 1 << 20, Queue: 64 << 20, Behind: maxBehind}
}

// do has the loop call f, and returns at the end of that turn.
func (r *rig) do(f func()) {
	r.t.Helper()
	if !r.loop.Call(f) || !r.loop.Call(func() {}) {
		r.t.Fatal("the loop has ended")
	}
}

// eventually waits for what the loop knows.
func (r *rig) eventually(what string, is func() bool) {
	r.t.Helper()
	redistest.Eventually(r.t, soon, what, func() (yes bool) {
		r.do(func() { yes = is() })
		return yes
	})
}

func (r *rig) client(opts ...nats.Option) *nats.Conn {
	r.t.Helper()
	nc, err := nats.Connect("nats://"+r.bridge.Addr().String(), append([]nats.Option{
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), nats.ReconnectWait(10 * time.Millisecond),
		nats.ReconnectJitter(0, 0), nats.Timeout(soon),
	}, opts...)...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	return nc
}

// listen subscribes and returns when Redis has answered.
func (r *rig) listen(nc *nats.Conn, subject string) *nats.Subscription {
	r.t.Helper()
	sub, err := nc.SubscribeSync(subject)
	if err == nil {
		err = errors.Join(sub.SetPendingLimits(-1, -1), nc.FlushTimeout(soon))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.eventually("the subscription to "+subject+" is settled", func() bool {
		_, known := r.bridge.subs.byKey[subject]
		return known && r.bridge.Confirmed()
	})
	return sub
}

// send publishes, and wants the answer in the inbox.
func (r *rig) send(nc *nats.Conn, subject, inbox, payload string) {
	r.t.Helper()
	if err := nc.PublishRequest(subject, inbox, []byte(payload)); err != nil {
		r.t.Fatal(err)
	}
}

// inbox subscribes to answers.
func (r *rig) inbox(nc *nats.Conn) (subject string, sub *nats.Subscription) {
	r.t.Helper()
	subject = nats.NewInbox()
	sub, err := nc.SubscribeSync(subject)
	if err == nil {
		err = errors.Join(sub.SetPendingLimits(-1, -1), nc.FlushTimeout(soon))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return subject, sub
}

func next(t testing.TB, sub *nats.Subscription) *nats.Msg {
	t.Helper()
	m, err := sub.NextMsg(soon)
	if err != nil {
		t.Fatalf("next message on %s: %v", sub.Subject, err)
	}
	return m
}

// code is the code word of an answer; empty: it is no error.
func code(m *nats.Msg) string { return m.Header.Get("Nats-Service-Error-Code") }

// allKept takes the receipts that the backend has kept.
func (r *rig) allKept() (list []Responder) {
	r.do(func() { list, r.backend.kept = slices.Clone(r.backend.kept), nil })
	return list
}
