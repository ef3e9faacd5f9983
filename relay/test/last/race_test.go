package last

// Clients that come and go while others publish, nothing awaited.

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// counter is what one publisher publishes on a channel: n1, n2 and so on.
type counter struct {
	channel   string
	published atomic.Int64 // the last number that Redis has acknowledged
	failed    sync.Map     // numbers that it has not: nobody may have them
	ended     atomic.Bool
}

func newCounters(n int) (list []*counter) {
	for i := range n {
		list = append(list, &counter{channel: "x:" + strconv.Itoa(i)})
	}
	return list
}

// publish publishes numbers until ended is set.
func (p *counter) publish(c *redistest.Client) error {
	for n := int64(1); !p.ended.Load(); n++ {
		v, err := c.TryDo("PUBLISH", p.channel, "n"+strconv.FormatInt(n, 10))
		switch {
		case err != nil:
			return err
		case v.Err() == nil:
			p.published.Store(n)
		case strings.HasPrefix(v.Str, "UPSTREAMDOWN"):
			p.failed.Store(n, true)
		default:
			return v.Err()
		}
	}
	return nil
}

// follows reports whether a listener that has one number may get another one next. Any number may be the first.
func (p *counter) follows(last, next int64) bool {
	for n := last + 1; last > 0 && n < next; n++ {
		if _, failed := p.failed.Load(n); !failed {
			return false
		}
	}
	return next > last
}

// stay subscribes, takes some messages, and unsubscribes without waiting for anything else. least is the smallest number
// that may come.
func (p *counter) stay(c *redistest.Client, least int64, messages int) error {
	if err := harness.Exchange(c, []string{"SUBSCRIBE", p.channel}, "[subscribe "+p.channel+" 1]"); err != nil {
		return err
	}
	last := int64(0)
	for got := 0; ; got++ {
		if got == messages {
			if err := c.TrySend("UNSUBSCRIBE", p.channel); err != nil {
				return err
			}
		}
		v, err := c.TryReceive()
		switch {
		case err != nil:
			return err
		case v.String() == "[unsubscribe "+p.channel+" 0]":
			return nil
		case len(v.Elems) != 3:
			return fmt.Errorf("%s: got %s", p.channel, v)
		}
		n, err := strconv.ParseInt(v.Elems[2].Str[1:], 10, 64)
		if err != nil || !p.follows(last, n) || n < least {
			return fmt.Errorf("%s: got %s behind %d; %d was published before", p.channel, v, last, least)
		}
		last = n
	}
}

// TestComingAndGoing has publishers that count, one for each channel. Whoever subscribes gets a number first, and from
// there on each number once. With history the first one is there always, and not older than what was published before.
func TestComingAndGoing(t *testing.T) {
	both(t, func(t *testing.T, r *harness.Relay, _ *redistest.Server) {
		history := r.Config.Routes[0].Policy.History != nil
		counters := newCounters(2)
		comeAndGo(t, r, counters, func(c *redistest.Client, round int) (more bool, err error) {
			p, least := counters[round%2], int64(0)
			if history {
				least = p.published.Load()
			}
			return round < 150, p.stay(c, least, 1+round%7)
		}, func() {})
	})
}

// TestComingAndGoingThroughLosses is the same with history, while the connection to Redis is lost again and again: what
// was lost is healed, and nothing comes twice or in another order.
func TestComingAndGoingThroughLosses(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(kept("x:")))
	counters := newCounters(2)
	var over atomic.Bool
	comeAndGo(t, r, counters, func(c *redistest.Client, round int) (more bool, err error) {
		p := counters[round%2]
		return !over.Load(), p.stay(c, p.published.Load(), 1+round%50)
	}, func() {
		for range 8 {
			r.CutOff(redis, "default")
		}
		over.Store(true)
	})
}

// comeAndGo has four clients stay again and again, and publishers count, while something happens.
func comeAndGo(
	t *testing.T, r *harness.Relay, counters []*counter, stay func(c *redistest.Client, round int) (more bool, err error),
	happens func(),
) {
	var publishers, listeners errgroup.Group
	for _, p := range counters {
		c := r.Dial()
		publishers.Go(func() error { return p.publish(c) })
	}
	for range 4 {
		c := r.Dial()
		listeners.Go(func() error {
			for round := 0; ; round++ {
				if more, err := stay(c, round); err != nil || !more {
					return err
				}
			}
		})
	}
	happens()
	if err := listeners.Wait(); err != nil {
		t.Error(err)
	}
	for _, p := range counters {
		p.ended.Store(true)
	}
	if err := publishers.Wait(); err != nil {
		t.Error(err)
	}
}
