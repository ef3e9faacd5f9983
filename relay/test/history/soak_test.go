package history

// History under everything at once: whoever stays connected hears each entry of each
// stream exactly once and in its order.

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

const (
	soakChannels   = 100
	soakPublishers = 4
	soakWindow     = 64 // publishes of one publisher that wait
	soakEnd        = "end"
)

// soakMessages is the number published. RELAY_LONG=1 is the long form.
func soakMessages() int {
	if os.Getenv("RELAY_LONG") != "" {
		return 200_000
	}
	return 40_000
}

func soakChannel(i int) string { return "d:" + strconv.Itoa(i) }

// soak is two relays and a Redis that keeps what it has acknowledged.
type soak struct {
	t      *testing.T
	redis  *redistest.Server
	proxy  *redistest.Proxy
	relays []*harness.Relay
	random *rand.Rand

	acknowledged [soakPublishers][]string // owned by each publisher, then by the test
	refused      atomic.Int64
	done         atomic.Int64 // publishes answered
}

func TestHistorySoak(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &soak{t: t, random: rand.New(rand.NewPCG(seed, 0)), redis: redistest.Start(t, redistest.WithAppendOnly())}
	s.proxy = redistest.NewProxy(t, s.redis.Addr())
	roomy := func(c *config.Config) {
		c.Limits.Queue, c.Limits.Memory = 1<<30, 1<<34
		c.Redis.PublishTimeout = 3 * time.Second
	}
	routes := harness.WithRoutes(harness.Diary("d:", 1_000_000))
	s.relays = []*harness.Relay{
		harness.Start(t, s.redis, routes, roomy),
		harness.Start(t, nil, harness.WithRedis("redis://"+s.proxy.Addr()), routes, roomy),
	}

	var listeners errgroup.Group
	var heard []map[string][]string
	follow := func(r *harness.Relay, channels int, command string, names ...string) {
		c := r.Dial()
		c.SetTimeout(time.Minute)
		c.Send(append([]string{command}, names...)...)
		for range names {
			c.Receive()
		}
		into := map[string][]string{}
		heard = append(heard, into)
		listeners.Go(func() error { return s.listen(c, channels, into) })
	}
	var all []string
	for i := range soakChannels {
		all = append(all, soakChannel(i))
	}
	for _, r := range s.relays {
		follow(r, soakChannels/2, "SUBSCRIBE", all[:soakChannels/2]...)
		follow(r, soakChannels, "SUBSCRIBE", all...)
		follow(r, soakChannels, "PSUBSCRIBE", "d:*")
	}

	var publishers errgroup.Group
	for p := range soakPublishers {
		publishers.Go(func() error { return s.publish(p) })
	}
	stop := make(chan struct{})
	var troubles sync.WaitGroup
	troubles.Go(func() { s.trouble(stop) })
	err := publishers.Wait()
	close(stop)
	troubles.Wait()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.relays {
		redistest.Eventually(t, redistest.DefaultTimeout, "ready at the end", r.IsReady)
	}
	pub := s.relays[0].Dial()
	for _, channel := range all {
		redistest.Eventually(t, redistest.DefaultTimeout, "the end is published", func() bool {
			return pub.Do("PUBLISH", channel, soakEnd).Type == ':'
		})
	}
	if err := listeners.Wait(); err != nil {
		t.Fatal(err)
	}
	s.compare(all, heard)
	for i, r := range s.relays {
		// Redis 6.2 does not count entries: a stream that begins in an outage may be told as a gap.
		if n := r.Metric("history_gaps_total"); n != 0 && s.redis.Shards() {
			t.Errorf("relay %d told of %v gaps, and there were none", i, n)
		}
	}
	t.Logf("%d acknowledged, %d refused or unknown; healed %v and %v entries", s.total(), s.refused.Load(),
		s.relays[0].Metric("history_healed_total"), s.relays[1].Metric("history_healed_total"))
}

// listen collects messages by channel until the end of so many has come.
func (s *soak) listen(c *redistest.Client, open int, into map[string][]string) error {
	for open > 0 {
		if err := c.ReadMessages(1, func(channel, payload []byte) {
			into[string(channel)] = append(into[string(channel)], string(payload))
			if string(payload) == soakEnd {
				open--
			}
		}); err != nil {
			return fmt.Errorf("listener: %w", err)
		}
	}
	return nil
}

// publish sends its share, some at a time, and notes what is acknowledged.
func (s *soak) publish(p int) error {
	c := s.relays[p%len(s.relays)].Dial()
	c.SetTimeout(30 * time.Second)
	each := soakMessages() / soakPublishers
	random := rand.New(rand.NewPCG(uint64(p), 1))
	for sent := 0; sent < each; {
		n := min(1+random.IntN(soakWindow), each-sent)
		var b []byte
		var messages []string
		for i := range n {
			channel := soakChannel(random.IntN(soakChannels))
			payload := fmt.Sprintf("%d-%d", p, sent+i)
			messages = append(messages, channel+" "+payload)
			b = redistest.AppendCommand(b, "PUBLISH", channel, payload)
		}
		c.SendRaw(b)
		for _, m := range messages {
			switch v, err := c.TryReceive(); {
			case err != nil:
				return fmt.Errorf("publisher %d: %w", p, err)
			case v.Type == ':':
				s.acknowledged[p] = append(s.acknowledged[p], m)
			default:
				s.refused.Add(1)
			}
		}
		s.done.Add(int64(n))
		sent += n
	}
	return nil
}

// trouble kills, cuts and restarts until it is told to stop, and restarts Redis
// twice in any case.
func (s *soak) trouble(stop <-chan struct{}) {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	restarts := 0
	for ticks := 0; ; ticks++ {
		select {
		case <-stop:
			if restarts < 2 {
				s.t.Errorf("over when Redis had been restarted %d times: publish more", restarts)
			}
			return
		case <-ticker.C:
		}
		switch share := s.done.Load() * 3 / int64(soakMessages()); {
		case int(share) > restarts && restarts < 2:
			restarts++
			s.redis.Restart()
		case ticks%3 == 2:
			s.proxy.CutAfter(s.random.Int64N(5000))
		default:
			_, _ = s.redis.Do("CLIENT", "KILL", "TYPE", "pubsub")
		}
	}
}

func (s *soak) total() (n int) {
	for _, list := range s.acknowledged {
		n += len(list)
	}
	return n
}

// compare holds what each listener heard against the streams, and the streams
// against what was acknowledged.
func (s *soak) compare(channels []string, heard []map[string][]string) {
	s.t.Helper()
	kept := map[string]bool{}
	for _, channel := range channels {
		var want []string
		for _, e := range s.redis.MustDo("XRANGE", "history:{"+channel+"}", "-", "+").Elems {
			payload := e.Elems[1].Elems[1].Str
			want = append(want, payload)
			kept[channel+" "+payload] = true
		}
		for i, h := range heard {
			if got := h[channel]; len(got) > 0 && !slices.Equal(got, want) {
				s.t.Errorf("listener %d, %s: %s", i, channel, firstOther(got, want))
			}
		}
	}
	for i, h := range heard {
		if want := []int{soakChannels / 2, soakChannels, soakChannels}[i%3]; len(h) != want {
			s.t.Errorf("listener %d heard %d channels, want %d", i, len(h), want)
		}
	}
	for p, list := range s.acknowledged {
		for _, m := range list {
			if !kept[m] {
				s.t.Errorf("publisher %d: %q was acknowledged and is not in its stream", p, m)
			}
		}
	}
}

func firstOther(got, want []string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("message %d of %d is %s, want %s", i, len(want), got[i], want[i])
		}
	}
	return fmt.Sprintf("%d messages, want %d", len(got), len(want))
}
