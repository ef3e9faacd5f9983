package last

// What a client gets that subscribes.

import (
	"fmt"
	"strings"
	"testing"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

func TestTheNewestMessageComesFirst(t *testing.T) {
	both(t, func(t *testing.T, r *harness.Relay, _ *redistest.Server) {
		early, pub := r.Subscribe("x:1"), r.Dial()
		for i := range 3 {
			harness.PublishReplies(t, pub, "x:1", fmt.Sprint("m", i), ":1")
			early.Expect(t, fmt.Sprintf("[message x:1 m%d]", i))
		}
		late, resp3 := r.Dial(), r.Dial()
		late.Send("SUBSCRIBE", "x:2", "x:1")
		late.Expect(t, "[subscribe x:2 1]", "[subscribe x:1 2]", "[message x:1 m2]")
		resp3.Hello3()
		resp3.Send("SUBSCRIBE", "x:1")
		resp3.Expect(t, ">[subscribe x:1 1]", ">[message x:1 m2]")
		harness.PublishReplies(t, pub, "x:1", "m3", ":3")
		for _, c := range []*redistest.Client{early, late} {
			c.Expect(t, "[message x:1 m3]")
			nothing(t, c)
		}
		resp3.Expect(t, ">[message x:1 m3]")
		nothing(t, resp3)
	})
}

func TestASubscriptionThatIsThereGetsNothingAgain(t *testing.T) {
	both(t, func(t *testing.T, r *harness.Relay, _ *redistest.Server) {
		_, pub, c := r.Subscribe("x:1"), r.Dial(), r.Dial()
		pub.Do("PUBLISH", "x:1", "a")
		c.Send("SUBSCRIBE", "x:1")
		c.Expect(t, "[subscribe x:1 1]", "[message x:1 a]")
		c.Send("SUBSCRIBE", "x:1")
		c.Expect(t, "[subscribe x:1 1]")
		nothing(t, c)
		c.Send("UNSUBSCRIBE", "x:1")
		c.Send("SUBSCRIBE", "x:1", "x:1")
		c.Expect(t, "[unsubscribe x:1 0]", "[subscribe x:1 1]", "[subscribe x:1 1]", "[message x:1 a]")
		c.Send("RESET")
		c.Expect(t, "+RESET")
		c.Send("SUBSCRIBE", "x:1")
		c.Expect(t, "[subscribe x:1 1]", "[message x:1 a]")
		nothing(t, c)
	})
}

func TestPatternsAndShardChannelsGetNothingFirst(t *testing.T) {
	both(t, func(t *testing.T, r *harness.Relay, redis *redistest.Server) {
		_, pub, c := r.Subscribe("x:1"), r.Dial(), r.Dial()
		pub.Do("PUBLISH", "x:1", "a")
		c.Send("PSUBSCRIBE", "x:*")
		c.Expect(t, "[psubscribe x:* 1]")
		if redis.Shards() {
			c.Send("SSUBSCRIBE", "x:1")
			c.Expect(t, "[ssubscribe x:1 1]")
		}
		nothing(t, c)
		c.Send("SUBSCRIBE", "x:1")
		c.Expect(t, "[subscribe x:1 2]", "[message x:1 a]")
		nothing(t, c)
	})
}

// TestRefusedMessagesAreNeverLast publishes what a relay refuses, and the Redis behind it takes.
func TestRefusedMessagesAreNeverLast(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	chat := harness.NewRoute("chat:", func(r *config.Route) { r.Last, r.Schema = true, "chat.json" })
	r := harness.Start(t, redis, harness.WithRoutes(chat))
	early, pub := r.Subscribe("chat:1"), r.Dial()
	harness.PublishReplies(t, pub, "chat:1", harness.ValidChat, ":1")
	harness.PublishReplies(t, pub, "chat:1", harness.InvalidChat, "-INVALID")
	redis.MustDo("PUBLISH", "chat:1", harness.InvalidChat)
	redis.MustDo("PUBLISH", "chat:1", strings.Repeat("x", int(r.Config.Limits.Payload)+1))
	other := strings.ReplaceAll(harness.ValidChat, "ann", "bob")
	redis.MustDo("PUBLISH", "chat:2", other)
	early.Receive()
	late := r.Dial()
	late.Send("SUBSCRIBE", "chat:1")
	late.Expect(t, "[subscribe chat:1 1]")
	if got := late.Receive(); got.Elems[2].Str != harness.ValidChat {
		t.Errorf("first comes %s", got)
	}
	nothing(t, late)
}

// TestRefusedEntriesAreNeverLast adds entries that a relay would not have written.
func TestRefusedEntriesAreNeverLast(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	chat := kept("chat:")
	chat.Schema = "chat.json"
	r := harness.Start(t, redis, harness.WithRoutes(chat))
	for channel, payload := range map[string]string{
		"chat:1": harness.InvalidChat, "chat:2": strings.Repeat("x", int(r.Config.Limits.Payload)+1),
		"chat:3": strings.Repeat("x", int(r.Config.Limits.Payload)+200<<10),
	} {
		redis.MustDo("XADD", "history:{"+channel+"}", "*", "payload", harness.ValidChat)
		redis.MustDo("XADD", "history:{"+channel+"}", "*", "payload", payload)
	}
	redis.MustDo("XADD", "history:{chat:4}", "*", "another", "field")
	redis.MustDo("SET", "history:{chat:5}", "no stream")
	c := r.Dial()
	for i := range 6 {
		c.Send("SUBSCRIBE", fmt.Sprintf("chat:%d", i+1))
		c.Expect(t, fmt.Sprintf("[subscribe chat:%d %d]", i+1, i+1))
	}
	nothing(t, c)
	if n := r.Metric("last_values_failed_total"); n != 5 {
		t.Errorf("%v have failed", n)
	}
}

// TestHistoryKnowsWhatNobodyHeard has a client that comes when nobody else is there, and after a restart of the relay.
func TestHistoryKnowsWhatNobodyHeard(t *testing.T) {
	t.Parallel()
	harness.OnBothRedis(t, func(t *testing.T, redis *redistest.Server) {
		r := harness.Start(t, redis, harness.WithRoutes(kept("x:")))
		pub := r.Dial()
		pub.Do("PUBLISH", "x:1", "a")
		pub.Do("XADD", "x:1", "*", "payload", "b")
		for range 2 {
			c := r.Dial()
			c.Send("SUBSCRIBE", "x:1", "x:2")
			c.Expect(t, "[subscribe x:1 1]", "[subscribe x:2 2]", "[message x:1 b]")
			nothing(t, c)
			c.Send("QUIT")
			c.Closed()
		}
		if redis == nil {
			return
		}
		r.Stop()
		redis.MustDo("XADD", "history:{x:1}", "*", "payload", "by hand")
		again := harness.Start(t, redis, harness.WithRoutes(kept("x:")))
		c := again.Dial()
		c.Send("SUBSCRIBE", "x:1")
		c.Expect(t, "[subscribe x:1 1]", `[message x:1 "by hand"]`)
	})
}

// TestEntriesAddedByHandComeOnce adds one behind a listener's back: who comes later has it first, and not again when the
// relay finds it.
func TestEntriesAddedByHandComeOnce(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(kept("x:")))
	early, pub := r.Subscribe("x:1"), r.Dial()
	pub.Do("PUBLISH", "x:1", "a")
	early.Expect(t, "[message x:1 a]")
	early.Send("UNSUBSCRIBE", "x:1")
	early.Expect(t, "[unsubscribe x:1 0]")
	by := r.Dial()
	by.Send("PSUBSCRIBE", "x:*") // the channel stays known
	by.Expect(t, "[psubscribe x:* 1]")
	pub.Do("PUBLISH", "x:1", "b")
	by.Expect(t, "[pmessage x:* x:1 b]")
	r.Readable(pub, "x:1")
	by.Expect(t, "[pmessage x:* x:1 m]")
	redis.MustDo("XADD", "history:{x:1}", "*", "payload", "by hand")
	late := r.Dial()
	late.Send("SUBSCRIBE", "x:1")
	late.Expect(t, "[subscribe x:1 1]", `[message x:1 "by hand"]`)
	by.Expect(t, `[pmessage x:* x:1 "by hand"]`)
	pub.Do("PUBLISH", "x:1", "c")
	late.Expect(t, "[message x:1 c]")
	nothing(t, late)
}

// TestOnlyEntriesCountWithHistory: what is not kept is no last value.
func TestOnlyEntriesCountWithHistory(t *testing.T) {
	t.Parallel()
	chat := harness.NewRoute("chat:", func(r *config.Route) { r.Last = true })
	chat.Policy.OnGap = config.OnGapNotify
	typing := chat.Policy
	chat.Policy.History = &config.History{Length: 10}
	chat.Kinds = map[string]config.Policy{"typing": typing}
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(chat))
	early, pub := r.Subscribe("chat:1"), r.Dial()
	for _, payload := range []string{`{"type":"message"}`, `{"type":"typing"}`} {
		pub.Do("PUBLISH", "chat:1", payload)
		early.Receive()
	}
	for range 2 {
		c := r.Dial()
		c.Send("SUBSCRIBE", "chat:1")
		c.Expect(t, "[subscribe chat:1 1]", `[message chat:1 {"type":"message"}]`)
		nothing(t, c)
	}
}

// TestLiveIsForgotten when the relay hears a channel no longer: by an UNSUBSCRIBE, or by an outage.
func TestLiveIsForgotten(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(live("x:")))
	first, pub := r.Subscribe("x:1"), r.Dial()
	pub.Do("PUBLISH", "x:1", "a")
	first.Expect(t, "[message x:1 a]")
	first.Send("UNSUBSCRIBE", "x:1")
	first.Expect(t, "[unsubscribe x:1 0]")
	redis.MustDo("PUBLISH", "x:1", "b")
	second := r.Subscribe("x:1")
	nothing(t, second)
	pub.Do("PUBLISH", "x:1", "c")
	second.Expect(t, "[message x:1 c]")
	r.CutOff(redis, "default")
	third := r.Subscribe("x:1")
	nothing(t, third)
	pub.Do("PUBLISH", "x:1", "d")
	fourth := r.Dial()
	fourth.Send("SUBSCRIBE", "x:1")
	fourth.Expect(t, "[subscribe x:1 1]", "[message x:1 d]")
}

// TestWhatIsPublishedBehindSubscribeIsHeard sends both at once, over two connections.
func TestWhatIsPublishedBehindSubscribeIsHeard(t *testing.T) {
	both(t, func(t *testing.T, r *harness.Relay, _ *redistest.Server) {
		pub := r.Dial()
		for i := range 50 {
			channel, sub := fmt.Sprint("x:", i), r.Dial()
			nothing(t, sub) // it is accepted
			sub.Send("SUBSCRIBE", channel)
			for n := range 3 {
				pub.Send("PUBLISH", channel, fmt.Sprint(n))
			}
			sub.Expect(t, "[subscribe "+channel+" 1]")
			last := -1
			for last < 2 {
				var n int
				v := sub.Receive()
				if _, err := fmt.Sscan(v.Elems[2].Str, &n); err != nil || n <= last {
					t.Fatalf("behind %d: %s", last, v)
				}
				if last >= 0 && n != last+1 {
					t.Fatalf("behind %d: %s", last, v)
				}
				last = n
			}
			nothing(t, sub)
			sub.Close()
			for range 3 {
				pub.Receive()
			}
		}
	})
}

// TestRoomIsBounded keeps the newest messages that were used last.
func TestRoomIsBounded(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(live("x:")), func(c *config.Config) {
		c.Limits.Memory, c.Limits.Payload, c.Limits.Queue = 4<<20, 256<<10, 2<<20
	})
	payload := strings.Repeat("x", 200<<10)
	pub := r.Dial()
	for i := range 10 {
		channel := fmt.Sprint("x:", i)
		sub := r.Subscribe(channel)
		pub.Do("PUBLISH", channel, payload)
		sub.Expect(t, "[message "+channel+" "+payload+"]") // Redis may answer before it sends the message
	}
	if n := r.Metric("last_values"); n != 5 {
		t.Errorf("%v are kept", n)
	}
	if n := r.Metric("last_values_evicted_total"); n != 5 {
		t.Errorf("%v were let go", n)
	}
	if n := r.Metric("last_values_bytes"); n > 1<<20 {
		t.Errorf("%v bytes are kept", n)
	}
	nothing(t, r.Subscribe("x:4"))
	c := r.Dial()
	c.Send("SUBSCRIBE", "x:5")
	c.Expect(t, "[subscribe x:5 1]", "[message x:5 "+payload+"]")
	if n := r.Metric("last_values_given_total"); n != 1 {
		t.Errorf("%v were given", n)
	}
}

// TestManyLargeOnesFromHistory asks for more than goes into one answer.
func TestManyLargeOnesFromHistory(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(kept("x:")), func(c *config.Config) {
		c.Limits.Queue, c.Limits.Payload = 64<<20, 1<<20
	})
	pub := r.Dial()
	command := []string{"SUBSCRIBE"}
	payload := strings.Repeat("x", 100<<10)
	const n = 70
	for i := range n {
		channel := fmt.Sprint("x:", i)
		pub.Do("PUBLISH", channel, payload)
		command = append(command, channel)
	}
	c := r.Dial()
	c.Send(command...)
	for i := range n {
		c.Expect(t, fmt.Sprintf("[subscribe x:%d %d]", i, i+1))
	}
	for i := range n {
		if got := c.Receive(); got.Elems[1].Str != fmt.Sprint("x:", i) || got.Elems[2].Str != payload {
			t.Fatalf("value %d is of %s", i, got.Elems[1])
		}
	}
	nothing(t, c)
}
