package subscribe

// A process with very many subscriptions costs the others nothing.

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// pulse publishes on Redis without a pause and notes how late messages are heard.
type pulse struct {
	work  errgroup.Group
	stop  atomic.Bool
	heard atomic.Int64 // messages
	worst atomic.Int64 // nanoseconds from PUBLISH to the listener
}

// startPulse returns when the first message has been heard.
func startPulse(t *testing.T, redis *redistest.Server, r *harness.Relay) *pulse {
	t.Helper()
	p := &pulse{}
	listener, publisher := r.Dial(), redistest.Dial(t, "tcp", redis.Addr())
	listener.Send("SUBSCRIBE", "pulse")
	listener.Expect(t, "[subscribe pulse 1]")
	p.work.Go(func() error {
		for !p.stop.Load() {
			if _, err := publisher.TryDo("PUBLISH", "pulse", strconv.FormatInt(time.Now().UnixNano(), 10)); err != nil {
				return err
			}
			time.Sleep(time.Millisecond)
		}
		_, err := publisher.TryDo("PUBLISH", "pulse", "0")
		return err
	})
	p.work.Go(func() error {
		for {
			v, err := listener.TryReceive()
			if err != nil {
				return err
			}
			sent, err := strconv.ParseInt(v.Elems[2].Str, 10, 64)
			if err != nil || sent == 0 {
				return err
			}
			p.heard.Add(1)
			p.worst.Store(max(p.worst.Load(), time.Now().UnixNano()-sent))
		}
	})
	redistest.Eventually(t, redistest.DefaultTimeout, "the pulse is heard", func() bool { return p.heard.Load() > 0 })
	return p
}

// end stops it.
func (p *pulse) end(t *testing.T) {
	t.Helper()
	p.stop.Store(true)
	if err := p.work.Wait(); err != nil {
		t.Error(err)
	}
}

// TestManySubscriptionsDoNotStall: while a process subscribes 100,000 channels
// with one command, unsubscribes them with another, subscribes them again and
// dies, and while the next one dies before its subscription is confirmed, the
// messages of another channel go on coming.
func TestManySubscriptionsDoNotStall(t *testing.T) {
	const names = 100_000
	// A relay that stands still meanwhile is late by all of it. A busy machine may be late by itself.
	const late = 500 * time.Millisecond // or, where it takes longer than a second, half of it
	redis := redistest.Start(t)
	r := harness.Start(t, redis)
	p := startPulse(t, redis, r)
	defer p.end(t)
	phase := func(name string, f func()) {
		p.worst.Store(0)
		before, start := p.heard.Load(), time.Now()
		f()
		worst, took := time.Duration(p.worst.Load()), time.Since(start)
		t.Logf("%s: %v, %d messages meanwhile, the latest by %v", name, took, p.heard.Load()-before, worst)
		if worst > max(late, took/2) {
			t.Errorf("%s: a message came after %v of %v", name, worst, took)
		}
	}
	command := []string{"SUBSCRIBE"}
	for i := range names {
		command = append(command, fmt.Sprint("many:", i))
	}
	subscribe, unsubscribe := redistest.AppendCommand(nil, command...), redistest.AppendCommand(nil, "UNSUBSCRIBE")
	subscribed := func() int { return int(r.Metric(`subscriptions{kind="channel"}`)) }
	own := 2 // with the probe
	if !redis.Shards() {
		own += 2 // the fleet's
	}
	alone := func() bool { // cheaper to ask than PUBSUB CHANNELS
		clients := redis.PubSubClients()
		return subscribed() == 1 && len(clients) == 1 && strings.Contains(clients[0], fmt.Sprintf(" sub=%d ", own))
	}

	many := r.Dial().NetConn()
	phase("subscribe", func() { exchangeLines(t, many, subscribe, names) })
	phase("unsubscribe", func() { exchangeLines(t, many, unsubscribe, names) })
	phase("subscribe again", func() { exchangeLines(t, many, subscribe, names) })
	phase("die", func() {
		_ = many.Close()
		redistest.Eventually(t, 30*time.Second, "nothing is left of it", alone)
	})
	phase("die early", func() {
		many := r.Dial().NetConn()
		if _, err := many.Write(subscribe); err != nil {
			t.Fatal(err)
		}
		redistest.Eventually(t, 30*time.Second, "the relay is at it", func() bool { return subscribed() > 1 })
		_ = many.Close()
		redistest.Eventually(t, 30*time.Second, "nothing is left of it", alone)
	})
}

// exchangeLines sends a command and reads the confirmations of n names.
func exchangeLines(t *testing.T, conn net.Conn, command []byte, n int) {
	t.Helper()
	if _, err := conn.Write(command); err != nil {
		t.Fatal(err)
	}
	const linesEach = 6
	lines := bufio.NewScanner(conn)
	for i := range linesEach * n {
		if !lines.Scan() {
			t.Fatalf("line %d of the confirmations: %v", i, lines.Err())
		}
	}
}
