package natsbridge

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// TestCopies spells what Redis sends, a letter and a digit for a copy: e for the
// channel's own, p, q and r for patterns, and which message it is. | is a
// confirmation. What is delivered is written large.
func TestCopies(t *testing.T) {
	for _, want := range []string{
		"E1 E1 E2",
		"E1 p1 q1 E1 p1 q1",
		"P1 q1 P1 q1 P2 q2",
		"P1 q1 r1 E1 p1 q1 r1",
		"P1 P1 P1",
		"P1 Q2 p2 Q2 p2",     // in another order from now on
		"E1 p1 | P1 | Q1 p1", // the channel is let go of, then a pattern comes in front
		"P1 | Q1 p1",
		"P1 q1 P1 r1 q1 P1",
	} {
		target, seed, epoch := &target{}, maphash.MakeSeed(), uint64(0)
		var got []string
		for _, copy := range strings.Fields(want) {
			if copy == "|" {
				epoch++
				got = append(got, copy)
				continue
			}
			copy = strings.ToLower(copy)
			d := &resp.Delivery{Payload: []byte(copy[1:]), Epoch: epoch}
			if copy[0] != 'e' {
				d.Kind, d.Pattern = resp.PMessage, []byte(copy[:1])
			}
			if target.first(seed, d) {
				copy = strings.ToUpper(copy)
			}
			got = append(got, copy)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("got  %s\nwant %s", text, want)
		}
	}
}

// TestCopyOfAnEntry: when the connection ends between the copies of an entry, those that
// lack are made when it is read again.
func TestCopyOfAnEntry(t *testing.T) {
	target, seed := &target{}, maphash.MakeSeed()
	for n, want := range []bool{true, false, false, true} {
		d := &resp.Delivery{Payload: []byte("m"), ID: resp.EntryID{Ms: 5}, Epoch: uint64(n)}
		switch n {
		case 1:
			d.Kind, d.Pattern = resp.PMessage, []byte("p")
		case 3:
			d.ID.Ms = 6
		}
		if got := target.first(seed, d); got != want {
			t.Errorf("copy %d is the first: %v, want %v", n, got, want)
		}
	}
}

// willing is a Redis that has everything subscribed at once.
type willing struct{}

func (willing) Want(resp.Kind, string, bool) bool { return true }
func (willing) Held(resp.Kind, string) bool       { return true }

// echo is a relay that answers a publish with its length, and delivers nothing.
type echo struct {
	mu     sync.Mutex
	missed []int
}

func (*echo) Publish(_, payload []byte, _ bool, r Receipt) error {
	r.Published(int64(len(payload)), "", nil)
	r.Flush()
	return nil
}
func (*echo) Send()                             {}
func (*echo) MayListen(resp.Kind, []byte) error { return nil }
func (*echo) Refused(resp.Kind, string, error)  {}
func (*echo) History(context.Context, string, string, int, int) ([]Entry, bool, error) {
	return nil, false, errors.New("DENIED no history here")
}

func (e *echo) Missed(_, _ time.Time, messages int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.missed = append(e.missed, messages)
}

// newBridge runs a bridge without a relay, with a client that listens to a.>.
func newBridge(t testing.TB) (*Bridge, *echo, *nats.Subscription) {
	t.Helper()
	e := &echo{}
	b, err := New(Options{Listen: "127.0.0.1:0", PublishTimeout: time.Second, Memory: new(hub.Bounds)},
		Limits{Clients: 100, Subscriptions: 1000, Payload: 1 << 20, Queue: 64 << 20, Behind: maxBehind},
		[]Scope{{"a:", true}}, hub.New(willing{}, func(string) bool { return false }), e, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	nc, err := nats.Connect("nats://" + b.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	sub, err := nc.SubscribeSync("a.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sub.SetPendingLimits(-1, -1), nc.Flush()); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, 10*time.Second, "the subscription has come", func() bool { return b.Hears([]byte("a:1")) })
	return b, e, sub
}

func message1(payload string) *resp.Delivery {
	return &resp.Delivery{Channel: []byte("a:1"), Payload: []byte(payload)}
}

// TestBehind has the server take nothing for a while: what it misses is counted and
// told when it takes something again.
func TestBehind(t *testing.T) {
	b, e, _ := newBridge(t)
	b.link.out.Hold() // nothing gets past this place, as if the server did not read
	b.behind.Queue.Store(1)
	for i := range 10 {
		b.Deliver(message1(fmt.Sprint(i)))
		if i%2 == 1 {
			b.Deliver(message1(strings.Repeat("x", 100)))
		}
		b.Flush()
	}
	if got := b.Stats(); got.Delivered != 1 || got.Dropped != 14 {
		t.Errorf("%d delivered, %d dropped; want 1 and 14", got.Delivered, got.Dropped)
	}
	b.behind.Queue.Store(maxBehind)
	b.Deliver(message1("last"))
	b.Flush()
	redistest.Eventually(t, 10*time.Second, "it is told", func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.missed) == 1 && e.missed[0] == 14
	})
}

// TestDeliverAllocates nothing once a channel is known.
func TestDeliverAllocates(t *testing.T) {
	b, _, _ := newBridge(t)
	d, quiet := message1(strings.Repeat("x", 100)), &resp.Delivery{Channel: []byte("b:1"), Payload: []byte("x")}
	if n := testing.AllocsPerRun(1000, func() { b.Deliver(quiet) }); n > 0 {
		t.Errorf("%v allocations for a message that nobody hears", n)
	}
	if n := testing.AllocsPerRun(1000, func() {
		b.Deliver(d)
	}); n > 0 {
		t.Errorf("%v allocations for a message", n)
	}
}

func BenchmarkDeliver(b *testing.B) {
	bridge, _, _ := newBridge(b)
	d := message1(strings.Repeat("x", 100))
	b.Run("heard", func(b *testing.B) {
		for n := 0; b.Loop(); n++ {
			bridge.Deliver(d)
			if n%100 == 99 {
				bridge.Flush()
			}
		}
	})
	b.Run("not heard", func(b *testing.B) {
		quiet := &resp.Delivery{Channel: []byte("b:1"), Payload: d.Payload}
		for b.Loop() {
			bridge.Deliver(quiet)
		}
	})
}
