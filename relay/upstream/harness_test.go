package upstream

// What the tests share: a Connection in a loop of its own, and an owner that writes down all it is told.

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

	"go.uber.org/zap"

	"redis-relay/relay/loop"
	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// TestMain lets more tests run side by side than there are processors, for most of
// them wait for a deadline to pass; -parallel still has the last word.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	stepTimeout, readTimeout = patience/2, patience
	redistest.RunTests(m)
}

// patience bounds every wait of a test that expects no particular time.
const patience = time.Minute

// limit is a largest payload, or a room.
func limit(bytes int64) *atomic.Int64 {
	l := new(atomic.Int64)
	l.Store(bytes)
	return l
}

// testOptions reach a server as it comes from redistest.Start.
func testOptions(url string) Options {
	return Options{Mode: "single", URL: url, Name: "test host", PublishTimeout: 5 * patience}
}

// client is a Connection that runs until the test ends, with its Sink and Owner.
type client struct {
	*Connection
	t       testing.TB
	loop    *loop.Loop
	room    *atomic.Int64
	payload *atomic.Int64
	settles func() (settled, free bool) // at the end of each turn; nil: true, true
	stop    func()                      // ends Run, and waits for that

	mu       sync.Mutex // Guards what follows.
	wants    []string   // channels, subscribed with each connection
	refusals map[string]error
	messages []string // "kind channel payload"
	large    []string // "kind channel size"
	lost     []error
	since    []time.Time // of each loss
	ups      []int       // subscriptions of each Up
	outages  []Outage
	gaps     []BusGap
	downs    []error
	alerts   []string
	waits    []time.Duration // outages, each time one is told
	causes   []string        // and why
}

// prepare makes a client that does not run yet.
func prepare(t testing.TB, opts Options, probe string, wants ...string) *client {
	t.Helper()
	l, err := loop.New(loop.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{
		t: t, loop: l, wants: wants, room: limit(maxQueued), payload: limit(1 << 20), refusals: map[string]error{},
	}
	c.Connection = NewConnection(l, opts, c, c, c.payload, c.room, probe, zap.NewNop())
	l.AtTurnEnd(c.turnEnd)
	return c
}

func (c *client) turnEnd() {
	c.Flush()
	if c.settles == nil {
		c.Resume(true)
	} else if settled, free := c.settles(); settled {
		c.Resume(free)
	}
}

// run runs a client until the test ends; then nothing may be accounted for.
func (c *client) run() *client {
	c.t.Helper()
	looping, connecting := make(chan error, 1), make(chan error, 1)
	loopEnds, endLoop := context.WithCancel(context.Background())
	ends, end := context.WithCancel(context.Background())
	go func() { looping <- c.loop.Run(loopEnds) }()
	go func() { connecting <- c.Run(ends) }()
	c.stop = sync.OnceFunc(func() {
		end()
		if err := <-connecting; err != nil {
			c.t.Errorf("Run returned %v", err)
		}
		c.loop.Call(func() {
			if n := c.backlog.bytes; n != 0 {
				c.t.Errorf("%d bytes are accounted for, and nothing waits", n)
			}
		})
		endLoop()
		if err := <-looping; err != nil {
			c.t.Errorf("the loop returned %v", err)
		}
	})
	c.t.Cleanup(c.stop)
	return c
}

// connect runs a Connection with the channels subscribed.
func connect(t testing.TB, opts Options, wants ...string) *client {
	t.Helper()
	return prepare(t, opts, "", wants...).run()
}

// do runs f in the loop. When it returns, what f asks has left, as far as the socket takes it: else a peer that answers now
// might answer what was not asked.
func (c *client) do(f func()) {
	c.t.Helper()
	if !c.loop.Call(func() { f(); c.Flush() }) {
		c.t.Error("the loop has ended")
	}
}

func (c *client) with(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// count reads one figure.
func (c *client) count(f func() int) (n int) {
	c.with(func() { n = f() })
	return n
}

func (c *client) heard(message string) bool {
	return c.count(func() int { return slices.Index(c.messages, message) }) >= 0
}

func (c *client) Deliver(d *resp.Delivery) {
	c.with(func() { c.messages = append(c.messages, fmt.Sprintf("%s %s %s", d.Kind, d.Channel, d.Payload)) })
}

func (c *client) TooLarge(d *resp.Delivery, size int64) {
	c.with(func() { c.large = append(c.large, fmt.Sprintf("%s %s %d", d.Kind, d.Channel, size)) })
}

// Connected subscribes to what is wanted, and says so when Redis has confirmed it.
func (c *client) Connected() {
	if len(c.wants) == 0 {
		c.Restored()
		return
	}
	c.Subscribe(resp.Message, c.wants, func(lost bool, refused error) {
		if refused != nil {
			c.with(func() { c.refusals[strings.Join(c.wants, " ")] = refused })
		}
		if !lost {
			c.Restored()
		}
	})
}

func (c *client) Lost(err error) {
	since := c.outage.since
	c.with(func() { c.lost, c.since = append(c.lost, err), append(c.since, since) })
}

func (c *client) Up(n int, outage Outage) {
	c.with(func() { c.ups, c.outages = append(c.ups, n), append(c.outages, outage) })
}

func (c *client) Down(err error) { c.with(func() { c.downs = append(c.downs, err) }) }

func (c *client) Alert(attempts int, err error) {
	c.with(func() { c.alerts = append(c.alerts, fmt.Sprintf("%d: %v", attempts, err)) })
}

func (c *client) BusLoss(gap BusGap) { c.with(func() { c.gaps = append(c.gaps, gap) }) }

func (c *client) Waiting(outage time.Duration, err error) {
	c.with(func() { c.waits, c.causes = append(c.waits, outage), append(c.causes, err.Error()) })
}

func (c *client) losses() int { return c.count(func() int { return len(c.lost) }) }

// firstLoss is what was told first of a loss.
func (c *client) firstLoss() (since time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.since[0], c.lost[0]
}

// status is Status, asked in the loop.
func (c *client) status() (ready, connected bool, why string) {
	c.t.Helper()
	c.do(func() { ready, connected, why = c.Status() })
	return ready, connected, why
}

// awaitUp waits until all subscriptions stand for the n-th time.
func (c *client) awaitUp(n int) {
	c.t.Helper()
	redistest.Eventually(c.t, patience, fmt.Sprintf("up for the %d. time", n), func() bool {
		return c.count(func() int { return len(c.ups) }) >= n
	})
}

// calm has the session ask nothing by itself, such as whether Redis is still there: a test counts what is asked, or has
// Redis work for long.
func (c *client) calm() {
	c.t.Helper()
	passed := make(chan bool, 1)
	c.do(func() {
		c.backlog.session.heartbeat.stop()
		c.Fence(func(lost bool) { passed <- lost }) // behind what it has asked so far
	})
	if <-passed {
		c.t.Fatal("the connection is lost")
	}
}

func (c *client) awaitLosses(n int) {
	c.t.Helper()
	redistest.Eventually(c.t, patience, fmt.Sprintf("%d losses", n), func() bool { return c.losses() >= n })
}

// awaitHeard waits for a message.
func (c *client) awaitHeard(message string) {
	c.t.Helper()
	redistest.Eventually(c.t, patience, message, func() bool { return c.heard(message) })
}
