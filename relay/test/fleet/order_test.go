package fleet

// Redis's order, kept by every relay over a long run.

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const (
	orderChannels   = 100
	orderPublishers = 8
	orderBatch      = 250 // publishes in one pipeline
	endOfChannel    = "end"
)

// orderMessages is the number published over all. RELAY_LONG=1 is the long form.
func orderMessages() int {
	if os.Getenv("RELAY_LONG") != "" {
		return 1_000_000
	}
	return 200_000
}

// heardOf is what one listener heard of each channel, in order.
type heardOf map[string][]uint32

func orderChannel(i int) string { return fmt.Sprintf("order:%d", i) }

func subscribeToAll(t *testing.T, c *redistest.Client) {
	t.Helper()
	names := make([]string, orderChannels)
	for i := range names {
		names[i] = orderChannel(i)
	}
	c.Send(append([]string{"SUBSCRIBE"}, names...)...)
	for i, name := range names {
		c.Expect(t, fmt.Sprintf("[subscribe %s %d]", name, i+1))
	}
}

// listen reads until every channel has ended.
func listen(c *redistest.Client, into heardOf) error {
	for ended := 0; ended < orderChannels; {
		var bad error
		err := c.ReadMessages(1, func(channel, payload []byte) {
			if string(payload) == endOfChannel {
				ended++
				return
			}
			n, err := strconv.ParseUint(string(payload), 10, 32)
			bad = err
			list := into[string(channel)]
			into[string(channel)] = append(list, uint32(n))
		})
		if err != nil {
			return err
		}
		if bad != nil {
			return bad
		}
	}
	return nil
}

// flood publishes n numbers over all channels in turn, pipelined; those of
// publisher p begin at p*n. published counts what was acknowledged, over all. The last tenth waits until joined is
// closed.
func flood(c *redistest.Client, p, n int, published *atomic.Int64, joined <-chan struct{}) error {
	for i := 0; i < n; i += orderBatch {
		if i >= n*9/10 {
			<-joined
		}
		var b []byte
		size := min(orderBatch, n-i)
		for k := range size {
			b = redistest.AppendCommand(b, "PUBLISH", orderChannel((i+k)%orderChannels), strconv.Itoa(p*n+i+k))
		}
		if _, err := c.NetConn().Write(b); err != nil {
			return err
		}
		for range size {
			switch v, err := c.TryReceive(); {
			case err != nil:
				return err
			case v.Type != ':' || v.Int == 0:
				return fmt.Errorf("publisher %d was answered %s", p, v)
			}
		}
		published.Add(int64(size))
	}
	return nil
}

// TestFleetKeepsTheOrderOfRedis compares what is heard behind relays with what a
// plain subscriber of Redis hears. One relay joins in the middle.
func TestFleetKeepsTheOrderOfRedis(t *testing.T) {
	// Nobody is told to slow down here: what waits must fit.
	redis := redistest.Start(t, redistest.WithArgs("--client-output-buffer-limit", "pubsub", "0", "0", "0"))
	roomy := func(c *config.Config) {
		c.Limits.Queue, c.Limits.Memory = 1<<30, 1<<34
		c.Redis.PublishTimeout = redistest.DefaultTimeout // all are at it at once
	}
	relays := []*harness.Relay{harness.Start(t, redis, roomy), harness.Start(t, redis, roomy)}
	late := harness.Start(t, redis, roomy)

	each := orderMessages() / orderPublishers
	var listeners, publishers errgroup.Group
	follow := func(c *redistest.Client) heardOf {
		heard := heardOf{}
		subscribeToAll(t, c)
		listeners.Go(func() error { return listen(c, heard) })
		return heard
	}
	reference := follow(redistest.Dial(t, "tcp", redis.Addr()))
	var others []heardOf
	for _, r := range relays {
		others = append(others, follow(r.Dial()))
	}
	var published atomic.Int64
	joined := make(chan struct{})
	join := sync.OnceFunc(func() { close(joined) })
	defer join()
	for p := range orderPublishers {
		c := redistest.Dial(t, "tcp", redis.Addr())
		if p%2 == 0 {
			c = relays[p/2%len(relays)].Dial()
		}
		publishers.Go(func() error { return flood(c, p, each, &published, joined) })
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "a tenth is published", func() bool {
		return published.Load() > int64(orderMessages()/10)
	})
	lateHeard := follow(late.Dial())
	join()
	if err := publishers.Wait(); err != nil {
		t.Fatal(err)
	}
	for i := range orderChannels {
		redis.MustDo("PUBLISH", orderChannel(i), endOfChannel)
	}
	if err := listeners.Wait(); err != nil {
		t.Fatal(err)
	}
	checkComplete(t, reference, each)
	for i, heard := range others {
		for channel, want := range reference {
			if !slices.Equal(heard[channel], want) {
				t.Errorf("relay %d, %s: %s", i, channel, firstDifference(heard[channel], want))
			}
		}
	}
	for channel, want := range reference {
		got := lateHeard[channel]
		if len(got) == 0 || len(got) > len(want) || !slices.Equal(got, want[len(want)-len(got):]) {
			t.Errorf("late relay, %s: not the end of what Redis sent: %d of %d", channel, len(got), len(want))
		}
	}
}

// checkComplete finds each number exactly once, those of one publisher in order.
func checkComplete(t *testing.T, heard heardOf, each int) {
	t.Helper()
	total := 0
	for channel, list := range heard {
		total += len(list)
		var last [orderPublishers]uint32
		for _, n := range list {
			p := int(n) / each
			if n < last[p] {
				t.Fatalf("%s: %d after %d of the same publisher", channel, n, last[p])
			}
			last[p] = n + 1
		}
	}
	if want := each * orderPublishers; total != want {
		t.Fatalf("Redis sent %d messages, want %d", total, want)
	}
}

func firstDifference(got, want []uint32) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("message %d of %d is %d, want %d", i, len(want), got[i], want[i])
		}
	}
	return fmt.Sprintf("%d messages, want %d", len(got), len(want))
}
