package subscribe

// What a confirmation promises: from then on, everything is heard.

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestConfirmedIsHeard publishes, from Redis and from two relays in turn, right
// after each of 10,000 confirmations, while others subscribe and unsubscribe the
// same channels all the time: Redis is asked for them and let go of them again
// and again.
func TestConfirmedIsHeard(t *testing.T) {
	const (
		workers = 4
		rounds  = 10_000 / workers // of each
		names   = 3                // of each
	)
	redis := redistest.Start(t)
	r, neighbour := harness.Start(t, redis), harness.Start(t, redis)
	name := func(worker, i int) string { return fmt.Sprintf("round:%d:%d", worker, i%names) }

	var done atomic.Bool
	var churn, work errgroup.Group
	for range 2 {
		c := r.Dial()
		churn.Go(func() error {
			for i := 0; !done.Load(); i++ {
				if err := flap(c, name(i%workers, i/workers)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for w := range workers {
		sub := r.Dial()
		publishers := []*redistest.Client{redistest.Dial(t, "tcp", redis.Addr()), r.Dial(), neighbour.Dial()}
		work.Go(func() error {
			for i := range rounds {
				if err := confirmedRound(sub, publishers[i%len(publishers)], name(w, i), i); err != nil {
					return fmt.Errorf("worker %d, round %d: %w", w, i, err)
				}
			}
			return nil
		})
	}
	err := work.Wait()
	done.Store(true)
	if err := errors.Join(err, churn.Wait()); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "nothing is asked of Redis any more", func() bool {
		channels, patterns := harness.Interest(t, redis)
		return len(channels) == 0 && patterns == 0
	})
}

// confirmedRound hears exactly one message between the two confirmations.
func confirmedRound(sub, pub *redistest.Client, name string, i int) error {
	if err := harness.Exchange(sub, []string{"SUBSCRIBE", name}, "[subscribe "+name+" 1]"); err != nil {
		return err
	}
	text := fmt.Sprintf("m%d", i)
	v, err := pub.TryDo("PUBLISH", name, text)
	if err != nil {
		return err
	}
	if v.Int < 1 { // Redis itself knows of no listener: the confirmation came too early
		return fmt.Errorf("PUBLISH was answered %s", v)
	}
	if err := harness.Expect(sub, "[message "+name+" "+text+"]"); err != nil {
		return err
	}
	return harness.Exchange(sub, []string{"UNSUBSCRIBE", name}, "[unsubscribe "+name+" 0]")
}

// TestPublishedIsHeardBeforeTheEnd unsubscribes as soon as a publisher has its answer:
// in Redis the message is in front of the confirmation then. The message and the answer
// reach the relay by two connections, and either may be the first.
func TestPublishedIsHeardBeforeTheEnd(t *testing.T) {
	const rounds = 600 // without waiting, one in fifteen failed
	for _, tt := range []struct{ subscribe, unsubscribe, publish, kind string }{
		{"SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH", "message"},
		{"PSUBSCRIBE", "PUNSUBSCRIBE", "PUBLISH", "pmessage end:1"},
		{"SSUBSCRIBE", "SUNSUBSCRIBE", "SPUBLISH", "smessage"},
	} {
		if tt.subscribe == "SSUBSCRIBE" && !redistest.Shards(t) {
			continue
		}
		for _, others := range []string{"alone", "one of two"} {
			t.Run(tt.subscribe+" "+others, func(t *testing.T) {
				redis := redistest.Start(t)
				r := harness.Start(t, redis)
				sub := r.Dial()
				if others == "one of two" {
					r.Dial().Do(tt.subscribe, "end:1")
				}
				publishers := []*redistest.Client{r.Dial(), redistest.Dial(t, "tcp", redis.Addr())}
				for i := range rounds {
					sub.Do(tt.subscribe, "end:1")
					publishers[i%2].Do(tt.publish, "end:1", "m")
					sub.Send(tt.unsubscribe)
					sub.Expect(t, "["+tt.kind+" end:1 m]", "["+strings.ToLower(tt.unsubscribe)+" end:1 0]")
				}
			})
		}
	}
}

// TestOwnPublishIsHeardBeforeTheEnd publishes, and unsubscribes in the same write.
func TestOwnPublishIsHeardBeforeTheEnd(t *testing.T) {
	r := harness.Start(t, redistest.Start(t))
	c := r.Dial()
	c.Hello3()
	for range 200 {
		c.Do("SUBSCRIBE", "end:1")
		c.SendRaw(redistest.AppendCommand(redistest.AppendCommand(nil, "PUBLISH", "end:1", "m"), "UNSUBSCRIBE", "end:1"))
		got := []string{c.Receive().String(), c.Receive().String(), c.Receive().String()}
		if got[2] != ">[unsubscribe end:1 0]" || !slices.Contains(got, ">[message end:1 m]") {
			t.Fatalf("got %q", got)
		}
	}
}

// TestPublishedIsHeardBeforeQuit, too.
func TestPublishedIsHeardBeforeQuit(t *testing.T) {
	r := harness.Start(t, redistest.Start(t))
	pub := r.Dial()
	for range 100 {
		sub := r.Dial()
		sub.Hello3()
		sub.Do("SUBSCRIBE", "end:1")
		pub.Do("PUBLISH", "end:1", "m")
		sub.SendRaw(redistest.AppendCommand(redistest.AppendCommand(nil, "PUBLISH", "end:1", "own"), "QUIT"))
		got := fmt.Sprint(sub.Closed())
		for _, want := range []string{">[message end:1 m]", ">[message end:1 own]"} {
			if !strings.Contains(got, want) || !strings.HasSuffix(got, "+OK]") {
				t.Fatalf("got %s, want %s in it and +OK at its end", got, want)
			}
		}
	}
}

// flap subscribes a channel and unsubscribes it; messages may come in between,
// none after.
func flap(c *redistest.Client, name string) error {
	if err := harness.Exchange(c, []string{"SUBSCRIBE", name}, "[subscribe "+name+" 1]"); err != nil {
		return err
	}
	if err := c.TrySend("UNSUBSCRIBE", name); err != nil {
		return err
	}
	for {
		switch v, err := c.TryReceive(); {
		case err != nil:
			return err
		case v.String() == "[unsubscribe "+name+" 0]":
			return harness.Exchange(c, []string{"PING"}, "+PONG")
		case len(v.Elems) != 3 || v.Elems[0].Str != "message":
			return fmt.Errorf("got %s", v)
		}
	}
}

// TestConfirmationWaitsForRedis holds Redis's confirmation back.
func TestConfirmationWaitsForRedis(t *testing.T) {
	for _, tt := range []struct{ subscribe, name, want string }{
		{"SUBSCRIBE", "held:1", "[subscribe held:1 1]"},
		{"PSUBSCRIBE", "held:*", "[psubscribe held:* 1]"},
		{"SSUBSCRIBE", "held:1", "[ssubscribe held:1 1]"},
	} {
		if tt.subscribe == "SSUBSCRIBE" && !redistest.Shards(t) {
			continue
		}
		t.Run(tt.subscribe, func(t *testing.T) {
			redis := redistest.Start(t)
			proxy := redistest.NewProxy(t, redis.Addr())
			r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()))
			sub := r.Dial()
			proxy.Stall(true)
			sub.Send(tt.subscribe, tt.name)
			sub.SetTimeout(200 * time.Millisecond)
			if v, err := sub.TryReceive(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("before Redis was asked: got %s, %v", v, err)
			}
			sub.SetTimeout(redistest.DefaultTimeout)
			proxy.Stall(false)
			sub.Expect(t, tt.want)

			second := r.Dial() // also of what Redis has already: what came before must not be heard
			proxy.Stall(true)
			second.Send(tt.subscribe, tt.name)
			second.SetTimeout(200 * time.Millisecond)
			if v, err := second.TryReceive(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("before Redis has answered: got %s, %v", v, err)
			}
			second.SetTimeout(redistest.DefaultTimeout)
			proxy.Stall(false)
			second.Expect(t, tt.want)
		})
	}
}

// TestPublishWaitsForSubscribe subscribes on one connection and publishes on
// another without waiting for the confirmation, as channels_redis does. Redis is
// slow to confirm; the publish must not overtake the subscription.
func TestPublishWaitsForSubscribe(t *testing.T) {
	const rounds = 100
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()))
	proxy.Delay(time.Millisecond)
	sub, pub := r.Dial(), r.Dial()
	for i := range rounds {
		name := fmt.Sprintf("specific:%d", i)
		kind, command, listen, heard := "channel", "subscribe", name, "[message "+name+" at-once]"
		if i%2 == 1 {
			kind, command, listen = "pattern", "psubscribe", name+"*"
			heard = "[pmessage " + listen + " " + name + " at-once]"
		}
		sub.Send(command, listen)
		redistest.Eventually(t, redistest.DefaultTimeout, "the relay has read the command", func() bool {
			return r.Metric(`subscriptions{kind="`+kind+`"}`) == 1
		})
		pub.Send("PUBLISH", name, "at-once")
		pub.Expect(t, ":1")
		sub.Expect(t, "["+command+" "+listen+" 1]", heard)
		sub.Send("RESET")
		sub.Expect(t, "+RESET")
		redistest.Eventually(t, redistest.DefaultTimeout, "the subscription has ended", func() bool {
			return r.Metric(`subscriptions{kind="`+kind+`"}`) == 0
		})
	}
}

// TestPublishFollowsASubscribeThatIsUnread does not even wait until the relay has
// read the SUBSCRIBE: the order in which the commands were sent decides.
func TestPublishFollowsASubscribeThatIsUnread(t *testing.T) {
	const rounds = 1000
	r := harness.Start(t, redistest.Start(t))
	sub, pub := r.Dial(), r.Dial()
	for i := range rounds {
		name := fmt.Sprintf("unread:%d", i)
		sub.Send("SUBSCRIBE", name)
		pub.Send("PUBLISH", name, "at-once")
		pub.Expect(t, ":1")
		sub.Expect(t, "[subscribe "+name+" 1]", "[message "+name+" at-once]")
		sub.Send("UNSUBSCRIBE", name)
		sub.Expect(t, "[unsubscribe "+name+" 0]")
	}
}

// TestPublishFollowsAnUnsubscribe that is not answered yet: nobody is there any more.
// Redis is far away.
func TestPublishFollowsAnUnsubscribe(t *testing.T) {
	const rounds = 100
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()))
	proxy.Delay(time.Millisecond)
	sub, pub := r.Dial(), r.Dial()
	for _, tt := range []struct{ subscribe, unsubscribe, publish string }{
		{"SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH"},
		{"PSUBSCRIBE", "PUNSUBSCRIBE", "PUBLISH"},
		{"SSUBSCRIBE", "SUNSUBSCRIBE", "SPUBLISH"},
	} {
		if tt.subscribe == "SSUBSCRIBE" && !redistest.Shards(t) {
			continue
		}
		for range rounds {
			sub.Do(tt.subscribe, "left:1")
			sub.Send(tt.unsubscribe)
			pub.Send(tt.publish, "left:1", "too-late")
			sub.Expect(t, "["+strings.ToLower(tt.unsubscribe)+" left:1 0]")
			pub.Expect(t, ":0")
		}
	}
}

// TestPublishFollowsAReset that ends subscriptions of all kinds.
func TestPublishFollowsAReset(t *testing.T) {
	const rounds = 20
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()))
	proxy.Delay(time.Millisecond)
	sub, pub := r.Dial(), r.Dial()
	for range rounds {
		sub.Do("SUBSCRIBE", "left:1")
		sub.Do("PSUBSCRIBE", "left:*")
		if redis.Shards() {
			sub.Do("SSUBSCRIBE", "left:1")
		}
		sub.Send("RESET")
		if redis.Shards() {
			pub.Send("SPUBLISH", "left:1", "too-late")
			pub.Expect(t, ":0")
		}
		pub.Send("PUBLISH", "left:1", "too-late")
		pub.Expect(t, ":0")
		sub.Expect(t, "+RESET")
	}
}

// TestPublishFollowsTheEndOfAConnection that listened: its client has closed it.
func TestPublishFollowsTheEndOfAConnection(t *testing.T) {
	const rounds = 300 // one in four failed
	r := harness.Start(t, redistest.Start(t))
	pub := r.Dial()
	for _, subscribe := range []string{"SUBSCRIBE", "PSUBSCRIBE"} {
		for range rounds {
			sub := r.Dial()
			sub.Do(subscribe, "left:1")
			sub.Close()
			if n := pub.Do("PUBLISH", "left:1", "too-late").Int; n != 0 {
				t.Fatalf("%d receivers after %s", n, subscribe)
			}
		}
	}
}

// TestPublishFollowsASubscribeBehindAnother has a second SUBSCRIBE behind the first
// one, which waits for Redis: read together with it, or while it waits.
func TestPublishFollowsASubscribeBehindAnother(t *testing.T) {
	const rounds = 200
	r := harness.Start(t, redistest.Start(t))
	sub, pub := r.Dial(), r.Dial()
	for _, together := range []bool{true, false} {
		for i := range rounds {
			first, second := fmt.Sprintf("first:%t:%d", together, i), fmt.Sprintf("second:%t:%d", together, i)
			if together {
				sub.SendRaw([]byte("SUBSCRIBE " + first + "\r\nSUBSCRIBE " + second + "\r\n"))
			} else {
				sub.Send("SUBSCRIBE", first)
				sub.Send("SUBSCRIBE", second)
			}
			pub.Send("PUBLISH", second, "at-once")
			pub.Expect(t, ":1")
			sub.Expect(t, "[subscribe "+first+" 1]", "[subscribe "+second+" 2]", "[message "+second+" at-once]")
			sub.Send("UNSUBSCRIBE", first, second)
			sub.Expect(t, "[unsubscribe "+first+" 1]", "[unsubscribe "+second+" 0]")
		}
	}
}

// TestUnsubscribeOfASilentRedis is answered when the relay gives the connection up, which takes 7 s: until then
// messages may come.
func TestUnsubscribeOfASilentRedis(t *testing.T) {
	t.Parallel() // it waits
	calm := harness.NewRoute("calm:", func(r *config.Route) { r.Policy.OnGap = config.OnGapNotify })
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(calm))
	sub := r.Subscribe("calm:1")
	redis.Stop()
	defer redis.Cont()
	sub.Send("UNSUBSCRIBE", "calm:1")
	sub.Expect(t, "[unsubscribe calm:1 0]")
}
