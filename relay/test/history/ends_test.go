package history

// What is known of a channel with history ends with its listeners, and who leaves a channel
// while what it missed is read hears that first.

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestPatternLeavesNothingBehind: who comes later hears what is published later.
func TestPatternLeavesNothingBehind(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
	pub := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000))).Dial()
	for i, end := range []string{"PUNSUBSCRIBE", "RESET", "QUIT"} {
		channel := fmt.Sprintf("d:%d", i)
		past := r.Dial()
		past.Do("PSUBSCRIBE", "d:*")
		pub.Do("PUBLISH", channel, "one")
		past.Expect(t, fmt.Sprintf("[pmessage d:* %s one]", channel))
		past.Do(end)
		for n := range 5 {
			pub.Do("PUBLISH", channel, fmt.Sprint("old", n))
		}
		redistest.Eventually(t, redistest.DefaultTimeout, "nothing is known of the channel", func() bool {
			return r.Metric("history_channels") == 0
		})
		listener := r.Subscribe(channel)
		pub.Do("PUBLISH", channel, "new")
		listener.Expect(t, fmt.Sprintf("[message %s new]", channel))
		listener.Close()
	}
}

// TestNoGapsWhileListenersComeAndGo by name and by patterns that overlap: nothing is lost, so
// nothing may be told.
func TestNoGapsWhileListenersComeAndGo(t *testing.T) {
	const (
		channels = 6
		lasts    = 3 * time.Second
	)
	redis := redistest.Start(t)
	routes := harness.WithRoutes(harness.Diary("d:", 10_000))
	r, other := harness.Start(t, redis, routes), harness.Start(t, redis, routes)
	var over atomic.Bool
	var all sync.WaitGroup
	for seed := range uint64(2) {
		pub, random := other.Dial(), rand.New(rand.NewPCG(seed, 1))
		all.Go(func() {
			for !over.Load() {
				if _, err := pub.TryDo("PUBLISH", fmt.Sprintf("d:%d", random.IntN(channels)), "m"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for seed := range uint64(6) {
		c, random := r.Dial(), rand.New(rand.NewPCG(seed, 2))
		all.Go(func() {
			for !over.Load() {
				verb, name := "SUBSCRIBE", fmt.Sprintf("d:%d", random.IntN(channels))
				if random.IntN(2) == 0 {
					verb, name = "PSUBSCRIBE", fmt.Sprintf("d:[%d-%d]", random.IntN(channels/2), channels/2+random.IntN(channels/2))
				}
				for _, word := range []string{verb, strings.Replace(verb, "SUB", "UNSUB", 1)} {
					if err := confirmedAmongMessages(c, word, name); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	time.Sleep(lasts) // the length of the test, not a wait for anything
	over.Store(true)
	all.Wait()
	if n := r.Metric("history_gaps_total"); n != 0 {
		t.Errorf("%v gaps are told, and nothing was lost", n)
	}
}

// confirmedAmongMessages sends a command and reads up to its confirmation.
func confirmedAmongMessages(c *redistest.Client, word, name string) error {
	if err := c.TrySend(word, name); err != nil {
		return err
	}
	for {
		v, err := c.TryReceive()
		if err != nil {
			return err
		}
		if len(v.Elems) == 3 && v.Elems[0].Str == strings.ToLower(word) {
			return nil
		}
	}
}

// TestLeavingWhileHealing: what was acknowledged before a client leaves is heard before the
// answer, also when the channel's missing entries are still being read.
func TestLeavingWhileHealing(t *testing.T) {
	const rounds = 10
	for _, tt := range []struct{ subscribe, name, leave, answer, message string }{
		{"SUBSCRIBE", "d:%d", "UNSUBSCRIBE", "[unsubscribe d:%d 0]", "[message d:%d after]"},
		{"PSUBSCRIBE", "d:%d*", "PUNSUBSCRIBE", "[punsubscribe d:%d* 0]", "[pmessage d:%[1]d* d:%[1]d after]"},
		{"SUBSCRIBE", "d:%d", "RESET", "+RESET", "[message d:%d after]"},
		{"SUBSCRIBE", "d:%d", "QUIT", "+OK", "[message d:%d after]"},
	} {
		t.Run(tt.leave+" of "+tt.subscribe, func(t *testing.T) {
			redis := redistest.Start(t)
			r := harness.Start(t, redis, harness.WithRoutes(harness.Diary("d:", 1000)))
			pub, events := r.Dial(), r.Subscribe(relay.EventsChannel)
			for i := range rounds {
				c := r.Dial()
				c.Do(tt.subscribe, fmt.Sprintf(tt.name, i))
				pub.Do("PUBLISH", fmt.Sprintf("d:%d", i), "before")
				c.Expect(t, strings.Replace(fmt.Sprintf(tt.message, i), "after", "before", 1)) // the relay knows where it stands
				redis.KillSubscribers()
				for _, name := range []string{"upstream_down", "gap", "upstream_up"} {
					harness.Event(t, events, name)
				}
				pub.Do("PUBLISH", fmt.Sprintf("d:%d", i), "after")
				c.Send(tt.leave)
				c.Expect(t, fmt.Sprintf(tt.message, i), strings.Replace(tt.answer, "%d", fmt.Sprint(i), 1))
				c.Close()
			}
		})
	}
}

// TestWhatHasNoHistoryWaitsForDiscovery: a pattern listener's channel that was never heard before
// has entries that were lost; a message that is not kept does not overtake them.
func TestWhatHasNoHistoryWaitsForDiscovery(t *testing.T) {
	const rounds = 10
	s := newDiaryScene(t, harness.Diary("d:", 1000))
	all := s.relay.Dial()
	all.Do("PSUBSCRIBE", "d:new:*")
	for i := range rounds {
		channel := fmt.Sprintf("d:new:%d", i)
		s.deaf(func() { s.pub.Do("XADD", channel, "*", "payload", "kept") })
		s.redis.MustDo("PUBLISH", channel, "not kept") // by a plain client
		for _, message := range []string{"kept", `"not kept"`} {
			all.Expect(t, fmt.Sprintf("[pmessage d:new:* %s %s]", channel, message))
		}
	}
	if n := s.relay.Metric("history_gaps_total"); n != 0 {
		t.Errorf("%v gaps are told, and nothing was lost", n)
	}
}

// TestPlainChannelAfterALoss: a channel that a pattern hears, and that never had a stream, misses nothing.
func TestPlainChannelAfterALoss(t *testing.T) {
	s := newDiaryScene(t, harness.Diary("d:", 1000))
	all := s.relay.Dial()
	all.Do("PSUBSCRIBE", "d:plain:*")
	for i := range 10 {
		s.deaf(func() {})
		s.redis.MustDo("PUBLISH", "d:plain:1", fmt.Sprint("m", i))
		all.Expect(t, fmt.Sprintf("[pmessage d:plain:* d:plain:1 m%d]", i))
	}
	s.noGap()
}

// TestReloadWhileTheLastListenerLeaves: Redis is not asked for announcements of a channel that is being let go.
func TestReloadWhileTheLastListenerLeaves(t *testing.T) {
	t.Parallel()
	path := harness.WriteFile(t, t.TempDir(), "relay.yaml", "routes: [{prefix: 'd:', history: {length: 10}}]\n")
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithFile(t, path))
	pub, listener := r.Dial(), r.Subscribe("d:1")
	pub.Do("PUBLISH", "other", "m") // it is known

	redis.Stop()
	listener.Close()
	redistest.Eventually(t, redistest.DefaultTimeout, "the relay has noticed", func() bool { return r.Metric("clients") == 1 })
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	redis.Cont()

	pub.Do("PUBLISH", "other", "m") // behind what Redis was asked for
	if left := redis.MustDo("PUBSUB", "CHANNELS", "relay:seq:*"); len(left.Elems) > 0 {
		t.Errorf("nobody listens, and Redis has %s", left)
	}
}
