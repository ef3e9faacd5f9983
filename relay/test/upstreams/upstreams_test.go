package upstreams

// Which Redis a channel is on, as clients see it.

import (
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestChannelsAreWhereTheirRouteSays: names are asked for at one Redis only, and messages of the other under that name
// are not heard.
func TestChannelsAreWhereTheirRouteSays(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c := s.relay.Subscribe("m:1", "e:1")
	for redis, want := range map[*redistest.Server]string{s.main: "m:1", s.eu: "e:1"} {
		if channels, _ := harness.Interest(t, redis); !slices.Equal(channels, []string{want}) {
			t.Errorf("asked for %q, want %s", channels, want)
		}
	}
	publish(t, s.pub, "m:1", "one", 1)
	publish(t, s.pub, "e:1", "two", 1)
	publish(t, s.pub, "e:1", "three", 1)
	c.Expect(t, message("m:1", "one"), message("e:1", "two"), message("e:1", "three"))
	s.main.MustDo("PUBLISH", "e:1", "astray")
	s.eu.MustDo("PUBLISH", "m:1", "astray")
	s.eu.MustDo("PUBLISH", "e:1", "elsewhere")
	c.Expect(t, message("e:1", "elsewhere"))
	s.main.MustDo("PUBLISH", "m:1", "last")
	c.Expect(t, message("m:1", "last"))
	c.Send("UNSUBSCRIBE")
	got := []string{c.Receive().String(), c.Receive().String()}
	slices.Sort(got)
	if strings.Join(got, "") != "[unsubscribe e:1 0][unsubscribe m:1 1]" && strings.Join(got, "") != "[unsubscribe e:1 1][unsubscribe m:1 0]" {
		t.Errorf("got %q", got)
	}
	holds(t, s.main, 0)
	holds(t, s.eu, 0)
}

// TestShardChannels are where their route says, too.
func TestShardChannels(t *testing.T) {
	t.Parallel()
	if !redistest.Shards(t) {
		t.Skip("this Redis has no shard channels")
	}
	s := newScene(t)
	c := s.relay.Dial()
	c.Send("SSUBSCRIBE", "e:1")
	c.Expect(t, "[ssubscribe e:1 1]")
	s.main.MustDo("SPUBLISH", "e:1", "astray")
	if got := s.pub.Do("SPUBLISH", "e:1", "here").String(); got != ":1" {
		t.Errorf("SPUBLISH: %s", got)
	}
	c.Expect(t, "[smessage e:1 here]")
}

// TestPatternsAreSubscribedWhereTheyMayMatch, and each message comes once.
func TestPatternsAreSubscribedWhereTheyMayMatch(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c := s.relay.Dial()
	c.Send("PSUBSCRIBE", "e:*")
	c.Expect(t, "[psubscribe e:* 1]")
	if m, e := patterns(s.main), patterns(s.eu); m != 0 || e != 1 {
		t.Errorf("e:* is on main %d times, on eu %d times", m, e)
	}
	c.Send("PSUBSCRIBE", "*:1")
	c.Expect(t, "[psubscribe *:1 2]")
	// Announcements of history are patterns, too.
	if m, e := patterns(s.main), patterns(s.eu); m != 2 || e != 3 {
		t.Errorf("*:1 with e:*: main has %d, eu %d", m, e)
	}
	publish(t, s.pub, "m:1", "one", 1)
	c.Expect(t, "[pmessage *:1 m:1 one]")
	publish(t, s.pub, "e:1", "two", 2)
	got := []string{c.Receive().String(), c.Receive().String()}
	slices.Sort(got)
	if want := []string{"[pmessage *:1 e:1 two]", "[pmessage e:* e:1 two]"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	s.main.MustDo("PUBLISH", "e:1", "astray")
	s.eu.MustDo("PUBLISH", "m:1", "astray")
	s.eu.MustDo("PUBLISH", "unrouted:1", "astray")
	for _, redis := range []*redistest.Server{s.main, s.eu} { // what is astray has come before this
		redis.MustDo("PUBLISH", map[*redistest.Server]string{s.main: "m:1", s.eu: "e:1"}[redis], "last")
	}
	rest := map[string]int{}
	for range 3 {
		rest[c.Receive().String()]++
	}
	for _, want := range []string{"[pmessage *:1 m:1 last]", "[pmessage *:1 e:1 last]", "[pmessage e:* e:1 last]"} {
		if rest[want] != 1 {
			t.Errorf("got %v", rest)
		}
	}
	c.Send("PUNSUBSCRIBE", "*:1")
	c.Expect(t, "[punsubscribe *:1 1]")
	holds(t, s.main, 0)
	holds(t, s.eu, 1)
}

// TestCountsAreThoseOfOneRedis: PUBSUB over both, with listeners of another relay and of Redis itself.
func TestCountsAreThoseOfOneRedis(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	other := harness.Start(t, s.main, harness.WithRoutes(routes()...), withEU(s.eu))
	awaitReady(t, other, "eu", 1)
	_, _ = s.relay.Subscribe("m:1", "e:1"), other.Subscribe("e:1", "e:2")
	direct := redistest.Dial(t, "tcp", s.eu.Addr())
	direct.Send("SUBSCRIBE", "e:1", "m:1") // what is astray does not count
	direct.Expect(t, "[subscribe e:1 1]", "[subscribe m:1 2]")
	for _, r := range []*harness.Relay{s.relay, other} {
		c := r.Dial()
		c.Send("PSUBSCRIBE", "*")
		c.Expect(t, "[psubscribe * 1]")
	}
	c := s.relay.Dial()
	c.Send("PSUBSCRIBE", "e:*")
	c.Expect(t, "[psubscribe e:* 1]")
	for _, r := range []*harness.Relay{s.relay, other} {
		c := r.Dial()
		if got := c.Do("PUBSUB", "NUMSUB", "e:1", "m:1", "e:2", "m:2").String(); got != "[e:1 :3 m:1 :1 e:2 :1 m:2 :0]" &&
			got != "[e:1 3 m:1 1 e:2 1 m:2 0]" {
			t.Errorf("NUMSUB: %s", got)
		}
		var names []string
		for _, v := range c.Do("PUBSUB", "CHANNELS").Elems {
			names = append(names, v.Str)
		}
		slices.Sort(names)
		if !slices.Equal(names, []string{"e:1", "e:2", "m:1"}) {
			t.Errorf("CHANNELS: %q", names)
		}
		if got := c.Do("PUBSUB", "CHANNELS", "e:*"); len(got.Elems) != 2 {
			t.Errorf("CHANNELS e:*: %s", got)
		}
	}
	if got := s.pub.Do("PUBSUB", "NUMPAT").Int; got != 2 {
		t.Errorf("NUMPAT: %d, want 2", got)
	}
	publish(t, s.pub, "e:1", "x", 6) // three by the name, two by *, one by e:*
}

// TestHistoryOnEach: entries are kept, read and awaited where the route says; one read has one upstream.
func TestHistoryOnEach(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c := s.relay.Subscribe("mkept:1", "ekept:1")
	for channel, redis := range map[string]*redistest.Server{"mkept:1": s.main, "ekept:1": s.eu} {
		waiting := s.relay.Dial()
		waiting.Send("XREAD", "BLOCK", "0", "STREAMS", channel, "$")
		redistest.Eventually(t, redistest.DefaultTimeout, "somebody waits", func() bool {
			upstream := map[*redistest.Server]string{s.main: "main", s.eu: "eu"}[redis]
			return s.relay.Metric(`history_readers{upstream="`+upstream+`"}`) == 1
		})
		id := s.pub.Do("XADD", channel, "*", "payload", "kept").Str
		c.Expect(t, message(channel, "kept"))
		if got := waiting.Receive().String(); !strings.Contains(got, id) {
			t.Errorf("XREAD BLOCK: %s, want %s", got, id)
		}
		if n := redis.MustDo("XLEN", "history:{"+channel+"}").Int; n != 1 {
			t.Errorf("%s has %d entries on its Redis", channel, n)
		}
		if got := s.pub.Do("XRANGE", channel, "-", "+").String(); !strings.Contains(got, id) {
			t.Errorf("XRANGE %s: %s", channel, got)
		}
		if got := s.pub.Do("XLEN", channel).Int; got != 1 {
			t.Errorf("XLEN %s: %d", channel, got)
		}
		waiting.Close()
	}
	fails(t, s.pub.Do("XREAD", "STREAMS", "mkept:1", "ekept:1", "0", "0"), "ERR mkept:1 is on the upstream main, and ekept:1 on eu; read")
	fails(t, s.pub.Do("XREAD", "BLOCK", "10", "STREAMS", "mkept:1", "ekept:1", "0", "0"), "ERR mkept:1 is on the upstream main")
}

// TestHistoryHealsOnEach: what one Redis had while the connection was gone comes from its stream, in order, once.
func TestHistoryHealsOnEach(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	c := s.relay.Subscribe("ekept:1", "mkept:1")
	p := s.relay.Dial()
	p.Send("PSUBSCRIBE", "ekept:*")
	p.Expect(t, "[psubscribe ekept:* 1]")
	s.pub.Do("XADD", "ekept:1", "*", "payload", "first")
	c.Expect(t, message("ekept:1", "first"))
	p.Expect(t, "[pmessage ekept:* ekept:1 first]")
	other := harness.Start(t, s.main, harness.WithRoutes(routes()...), withEU(s.eu))
	awaitReady(t, other, "eu", 1)
	from := other.Dial()
	for round := range 5 {
		s.eu.KillSubscribers()
		for i := range 5 {
			redistest.Eventually(t, redistest.DefaultTimeout, "written", func() bool {
				return from.Do("XADD", "ekept:1", "*", "payload", string(rune('a'+round))+string(rune('0'+i))).Err() == nil
			})
		}
		for i := range 5 {
			text := string(rune('a'+round)) + string(rune('0'+i))
			c.Expect(t, message("ekept:1", text))
			p.Expect(t, "[pmessage ekept:* ekept:1 "+text+"]")
		}
	}
}
