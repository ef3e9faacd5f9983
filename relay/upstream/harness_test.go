package upstream

// What the tests share: ears that write down all they are told, and a subscriber
// and a publisher that run until the test ends.

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// TestMain lets more tests run side by side than there are processors, for most of
// them wait for a deadline to pass; -parallel still has the last word.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait of a test that expects no particular time.
const patience = 20 * time.Second

// limit is a largest payload for a tap.
func limit(bytes int64) *atomic.Int64 {
	l := new(atomic.Int64)
	l.Store(bytes)
	return l
}

// testOptions reach a server as it comes from redistest.Start.
func testOptions(url string) Options {
	return Options{Mode: "single", URL: url, Name: "test host", PublishTimeout: time.Second}
}

// ears is a Sink, Registry and Observer that remembers. Fields are guarded by mu.
type ears struct {
	again func() // wants again what was wanted

	mu        sync.Mutex
	messages  []string // "kind channel payload"
	large     []string // "kind channel size"
	flushes   int
	confirmed map[name]int
	refusals  map[name]error
	released  map[name]int
	lost      []error
	since     []time.Time // of each loss
	ups       []int       // subscriptions of each Up
	downs     []error
	alerts    []string
	waits     []time.Duration // outages, each time one is told
	causes    []string        // and why
}

func newEars() *ears {
	return &ears{confirmed: map[name]int{}, refusals: map[name]error{}, released: map[name]int{}}
}

func (e *ears) Deliver(d *resp.Delivery) {
	e.with(func() {
		e.messages = append(e.messages, fmt.Sprintf("%s %s %s", d.Kind, d.Channel, d.Payload))
	})
}

func (e *ears) TooLarge(d *resp.Delivery, size int64) {
	e.with(func() { e.large = append(e.large, fmt.Sprintf("%s %s %d", d.Kind, d.Channel, size)) })
}

func (e *ears) Flush() (free bool) {
	e.with(func() { e.flushes++ })
	return true
}

func (e *ears) Confirmed(kind resp.Kind, n string) { e.with(func() { e.confirmed[name{kind, n}]++ }) }

func (e *ears) Released(kind resp.Kind, n string) { e.with(func() { e.released[name{kind, n}]++ }) }

func (e *ears) Up(n int, _ time.Duration) { e.with(func() { e.ups = append(e.ups, n) }) }
func (e *ears) Down(err error)            { e.with(func() { e.downs = append(e.downs, err) }) }

func (e *ears) Lost(since time.Time, err error) {
	e.again()
	e.with(func() { e.lost, e.since = append(e.lost, err), append(e.since, since) })
}

func (e *ears) Refused(kind resp.Kind, n string, err error) {
	e.with(func() { e.refusals[name{kind, n}] = err })
}

func (e *ears) Alert(attempts int, err error) {
	e.with(func() { e.alerts = append(e.alerts, fmt.Sprintf("%d: %v", attempts, err)) })
}

func (e *ears) Waiting(outage time.Duration, err error) {
	e.with(func() { e.waits, e.causes = append(e.waits, outage), append(e.causes, err.Error()) })
}

func (e *ears) with(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
}

// count reads one figure.
func (e *ears) count(f func(e *ears) int) (n int) {
	e.with(func() { n = f(e) })
	return n
}

func (e *ears) heard(message string) bool {
	return e.count(func(e *ears) int { return slices.Index(e.messages, message) }) >= 0
}

// subscription is a Subscriber that runs.
type subscription struct {
	*Subscriber
	*ears
	t testing.TB

	mu     sync.Mutex // Guards wanted, and that it is true.
	wanted map[name]bool
}

// Want tells the Subscriber what is news.
func (s *subscription) Want(kind resp.Kind, n string, want bool) (isHeld bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := name{kind, n}
	if s.wanted[key] == want {
		return false
	}
	if s.wanted[key] = want; !want {
		delete(s.wanted, key)
	}
	return s.Subscriber.Want(kind, n, want)
}

func (s *subscription) wantAgain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.wanted {
		s.Subscriber.Want(n.kind, n.name, true)
	}
}

// subscribe runs a Subscriber, with the names wanted from the start.
func subscribe(t testing.TB, opts Options, names ...string) *subscription {
	t.Helper()
	return subscribeWithProbe(t, opts, "", nil, names...)
}

func subscribeWithProbe(
	t testing.TB, opts Options, probe string, publish func(string, string, func(error)), names ...string,
) *subscription {
	t.Helper()
	e := newEars()
	s := &subscription{
		Subscriber: NewSubscriber(opts, e, e, e, limit(1<<20), probe, publish, zap.NewNop()),
		ears:       e, t: t, wanted: map[name]bool{},
	}
	e.again = s.wantAgain
	for _, n := range names {
		s.Want(resp.Message, n, true)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return s
}

// awaitUp waits until all subscriptions stand for the n-th time.
func (s *subscription) awaitUp(n int) {
	s.t.Helper()
	redistest.Eventually(s.t, patience, fmt.Sprintf("up for the %d. time", n), func() bool {
		return s.count(func(e *ears) int { return len(e.ups) }) >= n
	})
}

// awaitMessage publishes until a message comes back: the way is open.
func (s *subscription) awaitMessage(srv *redistest.Server, channel, payload string) {
	s.t.Helper()
	srv.MustDo("PUBLISH", channel, payload)
	redistest.Eventually(s.t, patience, "message on "+channel, func() bool {
		return s.heard("message " + channel + " " + payload)
	})
}

// awaitClients waits until Redis has n subscriber connections.
func awaitClients(t testing.TB, srv *redistest.Server, n int) []string {
	t.Helper()
	var list []string
	redistest.Eventually(t, patience, fmt.Sprintf("%d subscriber connections", n), func() bool {
		list = srv.PubSubClients()
		return len(list) == n
	})
	return list
}

// field is one of the fields of a line of CLIENT LIST.
func field(line, key string) string {
	for f := range strings.FieldsSeq(line) {
		if v, ok := strings.CutPrefix(f, key+"="); ok {
			return v
		}
	}
	return ""
}

// publish runs a Publisher until the test ends.
func publish(t testing.TB, opts Options) *Publisher {
	t.Helper()
	p := NewPublisher(opts, limit(maxQueued), nil, zap.NewNop())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
		if n := p.queued.Load(); n != 0 {
			t.Errorf("%d bytes are accounted for, and nothing waits", n)
		}
	})
	return p
}

// receiptFunc makes a function a Receipt.
type receiptFunc func(value any, err error)

func (f receiptFunc) Answer(value any, err error) { f(value, err) }
func (f receiptFunc) Flush()                      {}

// send publishes one message and returns what became of it.
func send(t testing.TB, p *Publisher, lane uint64, channel, payload string) <-chan answer {
	t.Helper()
	r := make(reply, 1)
	if err := p.Publish(lane, false, []byte(channel), []byte(payload), r); err != nil {
		t.Fatalf("publish: %v", err)
	}
	p.Flush(lane)
	return r
}

// outcome waits for the answer to a publish.
func outcome(t testing.TB, answers <-chan answer) answer {
	t.Helper()
	select {
	case a := <-answers:
		return a
	case <-time.After(patience):
		t.Fatal("no answer")
		return answer{}
	}
}

// awaitPublished publishes until Redis takes it.
func awaitPublished(t testing.TB, p *Publisher) {
	t.Helper()
	redistest.Eventually(t, patience, "publishing works", func() bool {
		return outcome(t, send(t, p, 0, "warm", "up")).err == nil &&
			outcome(t, send(t, p, 1, "warm", "up")).err == nil
	})
}
