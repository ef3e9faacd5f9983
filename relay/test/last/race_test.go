package last

// Clients that come and go while others publish, nothing awaited.

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestComingAndGoing has publishers that count, one for each channel. Whoever subscribes gets a number first, and from
// there on each number once. With history the first one is there always, and not older than what was published before.
func TestComingAndGoing(t *testing.T) {
	both(t, func(t *testing.T, r *harness.Relay, _ *redistest.Server) {
		history := r.Config.Routes[0].Policy.History != nil
		var published [2]atomic.Int64 // that Redis has acknowledged
		var publishers, listeners errgroup.Group
		var ended atomic.Bool
		for i := range published {
			pub := r.Dial()
			publishers.Go(func() error { return count(pub, channelOf(i), &published[i], &ended) })
		}
		for range 4 {
			c := r.Dial()
			listeners.Go(func() error {
				for round := range 150 {
					at := round % len(published)
					least := int64(0)
					if history {
						least = published[at].Load()
					}
					if err := stay(c, channelOf(at), least, 1+round%7); err != nil {
						return fmt.Errorf("round %d: %w", round, err)
					}
				}
				return nil
			})
		}
		err := listeners.Wait()
		ended.Store(true)
		if err := publishers.Wait(); err != nil {
			t.Error(err)
		}
		if err != nil {
			t.Error(err)
		}
	})
}

func channelOf(i int) string { return "x:" + strconv.Itoa(i) }

// count publishes numbers until ended is set.
func count(c *redistest.Client, channel string, published *atomic.Int64, ended *atomic.Bool) error {
	for n := int64(1); !ended.Load(); n++ {
		v, err := c.TryDo("PUBLISH", channel, "n"+strconv.FormatInt(n, 10))
		if err != nil {
			return err
		}
		if v.Err() != nil {
			return v.Err()
		}
		published.Store(n)
	}
	return nil
}

// stay subscribes, takes some messages, and unsubscribes without waiting for anything else.
func stay(c *redistest.Client, channel string, least int64, messages int) error {
	if err := c.TrySend("SUBSCRIBE", channel); err != nil {
		return err
	}
	if err := harness.Expect(c, "[subscribe "+channel+" 1]"); err != nil {
		return err
	}
	last, sent := int64(0), false
	for got := 0; ; got++ {
		if got >= messages && !sent {
			if sent = true; c.TrySend("UNSUBSCRIBE", channel) != nil {
				return fmt.Errorf("%s: the connection is lost", channel)
			}
		}
		v, err := c.TryReceive()
		switch {
		case err != nil:
			return err
		case v.String() == "[unsubscribe "+channel+" 0]":
			return nil
		case len(v.Elems) != 3:
			return fmt.Errorf("%s: got %s", channel, v)
		}
		n, err := strconv.ParseInt(v.Elems[2].Str[1:], 10, 64)
		if err != nil || last > 0 && n != last+1 || n < least {
			return fmt.Errorf("%s: got %s behind %d; %d was published before", channel, v, last, least)
		}
		last = n
	}
}
