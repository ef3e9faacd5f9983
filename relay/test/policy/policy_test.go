package policy

// What relay.yaml decides about a message, as clients see it.

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

func TestRoutesOpenAndCloseChannels(t *testing.T) {
	r := harness.Start(t, redistest.Start(t), harness.WithRoutes(
		config.NewRoute("a:"),
		harness.NewRoute("a:read:", func(r *config.Route) { r.Publish = false }),
		harness.NewRoute("a:read:not:", func(r *config.Route) { r.Publish = true }),
		harness.NewRoute("a:write:", func(r *config.Route) { r.Subscribe = false }),
	), func(c *config.Config) { c.Unrouted = config.UnroutedDeny })

	const unrouted = "no route covers this channel, and unrouted is deny; add a route to relay.yaml"
	const reserved = "channels that begin with relay: are the relay's own"
	const ownNames = "of the relay's own channels only relay:events and relay:rejects can be listened to, by their full names"
	for _, tt := range []struct{ command, want string }{
		{"PUBLISH a:1 m", ":0"},
		{"PUBLISH a: m", ":0"},
		{"SUBSCRIBE a:1", "[subscribe a:1 1]"},
		{"PUBLISH a:read:1 m", `-DENIED a:read:1: route "a:read:" says publish: false`},
		{"SPUBLISH a:read:1 m", `-DENIED a:read:1: route "a:read:" says publish: false`},
		{"SUBSCRIBE a:read:1", "[subscribe a:read:1 1]"},
		{"PUBLISH a:read:not:1 m", ":0"},
		{"PUBLISH a:write:1 m", ":0"},
		{"SUBSCRIBE a:write:1", `-DENIED a:write:1: route "a:write:" says subscribe: false`},
		{"SUBSCRIBE a:1 a:write:1", `-DENIED a:write:1: route "a:write:" says subscribe: false`},
		{"SSUBSCRIBE a:write:1", `-DENIED a:write:1: route "a:write:" says subscribe: false`},
		{"PSUBSCRIBE a:write:*", `-DENIED a:write:*: route "a:write:" says subscribe: false`},
		{"PSUBSCRIBE a:*", "[psubscribe a:* 1]"},
		{"PUBLISH b:1 m", "-DENIED b:1: " + unrouted},
		{"SUBSCRIBE b:1", "-DENIED b:1: " + unrouted},
		{"PSUBSCRIBE *", "-DENIED *: " + strings.Replace(unrouted, "channel", "pattern", 1)},
		{"PUBLISH relay:events m", "-DENIED relay:events: " + reserved},
		{"PUBLISH relay:x m", "-DENIED relay:x: " + reserved},
		{"SPUBLISH relay:events m", "-DENIED relay:events: " + reserved},
		{"SUBSCRIBE relay:events", "[subscribe relay:events 1]"},
		{"SUBSCRIBE relay:rejects", "[subscribe relay:rejects 1]"},
		{"SUBSCRIBE relay:probe:x", "-DENIED relay:probe:x: " + ownNames},
		{"SSUBSCRIBE relay:events", "-DENIED relay:events: " + ownNames},
		{"PSUBSCRIBE relay:*", "-DENIED relay:*: " + ownNames},
	} {
		c := r.Dial()
		c.Send(strings.Fields(tt.command)...)
		if got := c.Receive().String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.command, got, tt.want)
		}
		c.Close()
	}
}

// TestPatternsDoNotReachClosedChannels has a pattern that catches more than the
// routes let through: the relay's own channels, and one closed for listening.
func TestPatternsDoNotReachClosedChannels(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.NewRoute("shut:", func(r *config.Route) { r.Subscribe = false })))
	sub := r.Dial()
	sub.Send("PSUBSCRIBE", "*")
	sub.Expect(t, "[psubscribe * 1]")
	redis.MustDo("PUBLISH", "relay:events", "forged")
	redis.MustDo("PUBLISH", "relay:probe:another", "1")
	redis.MustDo("PUBLISH", "shut:1", "m")
	rejects, pub := r.Subscribe("relay:rejects"), r.Dial()
	pub.Send("PUBLISH", "relay:rejects", "forged")
	if reply := pub.Receive().String(); !strings.HasPrefix(reply, "-DENIED") {
		t.Errorf("got %s, want DENIED", reply)
	}
	var reject relay.Reject
	if harness.Heard(t, rejects, relay.RejectsChannel, &reject); reject.Code != relay.Denied {
		t.Errorf("got reject %+v", reject)
	}
	redis.MustDo("PUBLISH", "open", "m")
	sub.Expect(t, "[pmessage * open m]")

	events := r.Subscribe("relay:events")
	redis.MustDo("PUBLISH", "relay:events", "forged")
	if err := r.Reload(); err != nil {
		t.Fatal(err)
	}
	harness.Event(t, events, "reload")
}

// TestInvalidMessages publishes a message that its schema refuses behind the relay
// and directly at Redis.
func TestInvalidMessages(t *testing.T) {
	const reason = "/userId: expected string, but got number"
	for _, invalid := range []config.Invalid{config.InvalidReject, config.InvalidLog} {
		t.Run(string(invalid), func(t *testing.T) {
			redis := redistest.Start(t)
			r := harness.Start(t, redis, harness.WithRoutes(harness.NewRoute("chat:", func(r *config.Route) {
				r.Schema, r.Invalid = "chat.json", invalid
			})))
			plain := redistest.Dial(t, "tcp", redis.Addr())
			plain.Send("SUBSCRIBE", "chat:42")
			plain.Expect(t, "[subscribe chat:42 1]")
			sub, rejects, pub := r.Subscribe("chat:42"), r.Subscribe("relay:rejects"), r.Dial()
			passes := invalid == config.InvalidLog

			pub.Send("PUBLISH", "chat:42", harness.InvalidChat)
			expectReject(t, rejects, "outbound", reason, passes)
			if passes {
				pub.Expect(t, ":2")
				expectReject(t, rejects, "inbound", reason, passes) // it comes back
				sub.Expect(t, "[message chat:42 "+harness.InvalidChat+"]")
				plain.Expect(t, "[message chat:42 "+harness.InvalidChat+"]")
			} else {
				pub.Expect(t, "-INVALID chat:42 "+reason)
			}
			redis.MustDo("PUBLISH", "chat:42", harness.InvalidChat)
			expectReject(t, rejects, "inbound", reason, passes)
			if passes {
				sub.Expect(t, "[message chat:42 "+harness.InvalidChat+"]")
			}
			plain.Expect(t, "[message chat:42 "+harness.InvalidChat+"]")

			pub.Send("PUBLISH", "chat:42", harness.ValidChat) // what is refused leaves no trace
			pub.Expect(t, ":2")
			sub.Expect(t, "[message chat:42 "+harness.ValidChat+"]")
			plain.Expect(t, "[message chat:42 "+harness.ValidChat+"]")

			inbound := 1.0
			if passes {
				inbound = 2
			}
			for direction, want := range map[string]float64{"outbound": 1, "inbound": inbound} {
				series := `rejects_total{code="INVALID",direction="` + direction + `",route="chat:"}`
				if got := r.Metric(series); got != want {
					t.Errorf("%s is %v, want %v", series, got, want)
				}
			}
		})
	}
}

// TestLoggedMessagesObeyTheirCommand: that a message is let through, though it is invalid, gives no channel a history.
func TestLoggedMessagesObeyTheirCommand(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.NewRoute("chat:", func(r *config.Route) {
		r.Schema, r.Invalid = "chat.json", config.InvalidLog
	})))
	sub, pub := r.Subscribe("chat:42"), r.Dial()
	for _, payload := range []string{harness.ValidChat, harness.InvalidChat} {
		pub.Send("XADD", "chat:42", "*", "payload", payload)
		pub.Expect(t, `-DENIED chat:42: nothing is kept of this channel; give route "chat:" a history in relay.yaml, or PUBLISH the message`)
	}
	pub.Send("PUBLISH", "chat:42", harness.InvalidChat)
	pub.Expect(t, ":1")
	sub.Expect(t, "[message chat:42 "+harness.InvalidChat+"]")
}

// TestEachMessageIsJudged by a pattern's route, though one after the other lies in
// the same memory.
func TestEachMessageIsJudged(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.NewRoute("chat:", func(r *config.Route) { r.Schema = "chat.json" })))
	sub := r.Dial()
	sub.Send("PSUBSCRIBE", "chat:*")
	sub.Expect(t, "[psubscribe chat:* 1]")
	rejects := r.Subscribe("relay:rejects")
	invalid := strings.Replace(harness.ValidChat, `"ann"`, "12345", 1) // as long
	for range 3 {
		redis.MustDo("PUBLISH", "chat:42", harness.ValidChat)
		sub.Expect(t, "[pmessage chat:* chat:42 "+harness.ValidChat+"]")
		redis.MustDo("PUBLISH", "chat:42", invalid)
		var got relay.Reject
		harness.Heard(t, rejects, relay.RejectsChannel, &got)
	}
}

func expectReject(t *testing.T, c *redistest.Client, direction, reason string, passes bool) {
	t.Helper()
	var got relay.Reject
	harness.Heard(t, c, relay.RejectsChannel, &got)
	if age := time.Since(got.Time); age < 0 || age > time.Minute {
		t.Errorf("the time is %v", got.Time)
	}
	if (got.Client == 0) != (direction == "inbound") {
		t.Errorf("%s: the client is %+v", direction, got.Who)
	}
	got.Time, got.Who = time.Time{}, relay.Who{}
	want := relay.Reject{
		Channel: "chat:42", Route: "chat:", Code: relay.Invalid, Reason: reason, Size: len(harness.InvalidChat),
		LetThrough: passes,
	}
	want.Direction = got.Direction
	if got != want || string(got.Direction) != direction {
		t.Errorf("got %+v, want %s %+v", got, direction, want)
	}
}

// TestSlowListeners floods a listener that does not read: messages of a kind that
// says slow: drop it misses, counted; another one costs it its connection. Who
// reads hears everything.
func TestSlowListeners(t *testing.T) {
	const flooded = 3000 // messages of a kilobyte: more than socket and queue hold
	redis := redistest.Start(t)
	r := harness.Start(t, redis, func(c *config.Config) { c.Limits.Queue, c.Limits.QueueAge = 256*config.KiB, 0 }, harness.WithRoutes(
		harness.NewRoute("k:", func(r *config.Route) {
			drop := r.Policy
			drop.Slow = config.SlowDrop
			r.Kinds = map[string]config.Policy{"typing": drop}
		})))
	slow, quick := r.Subscribe("k:1"), r.Subscribe("k:1")
	var ears errgroup.Group
	var read atomic.Int64
	ears.Go(func() error { return quick.ReadMessages(flooded, func(_, _ []byte) { read.Add(1) }) })

	payload := `{"type":"typing","text":"` + strings.Repeat("x", 1000) + `"}`
	pub := redistest.Dial(t, "tcp", redis.Addr())
	for i := range flooded {
		pub.Send("PUBLISH", "k:1", payload)
		pub.Expect(t, ":1")
		if i%100 == 99 { // the queue holds twice as many: who reads is never slow
			redistest.Eventually(t, redistest.DefaultTimeout, "who reads has kept up", func() bool { return read.Load() > int64(i) })
		}
	}
	if err := ears.Wait(); err != nil {
		t.Fatalf("who reads: %v", err)
	}
	var got atomic.Int64
	ears.Go(func() error {
		for {
			if err := slow.ReadMessages(1, func(_, _ []byte) { got.Add(1) }); err != nil {
				return nil // closed below
			}
		}
	})
	redistest.Eventually(t, redistest.DefaultTimeout, "every message was heard or counted", func() bool {
		return got.Load()+int64(r.Metric(`drops_total{reason="dropped"}`)) == flooded
	})
	if dropped := r.Metric(`drops_total{reason="dropped"}`); dropped == 0 {
		t.Error("nothing was dropped: flood more")
	}
	redis.MustDo("PUBLISH", "k:1", payload)
	redistest.Eventually(t, redistest.DefaultTimeout, "who was slow hears again", func() bool {
		return got.Load()+int64(r.Metric(`drops_total{reason="dropped"}`)) == flooded+1
	})
	slow.Close()
	_ = ears.Wait()

	stuck := r.Subscribe("k:2")
	for r.Metric(`disconnects_total{reason="slow"}`) == 0 {
		pub.Send("PUBLISH", "k:2", strings.Repeat("y", 64<<10))
		if pub.Receive().Int == 0 {
			break
		}
	}
	stuck.Closed()
	if n := r.Metric(`disconnects_total{reason="slow"}`); n != 1 {
		t.Errorf("%v listeners disconnected for slowness, want 1", n)
	}
}

func TestDeliverToOneInTurn(t *testing.T) {
	const listeners, rounds = 3, 20
	redis := redistest.Start(t)
	r := harness.Start(t, redis, harness.WithRoutes(harness.NewRoute("job:", func(r *config.Route) {
		r.Policy.Deliver = config.DeliverOne
	})))
	var got [listeners]atomic.Int64
	seen := make(chan int, listeners*rounds)
	var ears errgroup.Group
	var subs []*redistest.Client
	for i := range listeners {
		sub := r.Subscribe("job:1")
		subs = append(subs, sub)
		ears.Go(func() error {
			for {
				err := sub.ReadMessages(1, func(_, payload []byte) {
					n, _ := strconv.Atoi(string(payload))
					got[i].Add(1)
					seen <- n
				})
				if err != nil {
					return nil // closed below
				}
			}
		})
	}
	pub := r.Dial()
	for n := range listeners * rounds {
		pub.Send("PUBLISH", "job:1", strconv.Itoa(n))
	}
	var times [listeners * rounds]int
	for range times {
		times[<-seen]++
	}
	for n, count := range times {
		if count != 1 {
			t.Errorf("message %d was heard %d times", n, count)
		}
	}
	for i := range got {
		if n := got[i].Load(); n != rounds {
			t.Errorf("listener %d heard %d messages, want %d", i, n, rounds)
		}
	}
	for _, c := range subs {
		c.Close()
	}
	_ = ears.Wait()
}

// TestRefusedByRedis has a Redis user who may use some channels only.
func TestRefusedByRedis(t *testing.T) {
	redis := redistest.Start(t, redistest.WithACL("app on >secret ~* &open:* &relay:* +@all", "default off"))
	r := harness.Start(t, nil, harness.WithRedis("redis://app:secret@"+redis.Addr()))
	noPerm := redis.NoChannel()

	good := r.Subscribe("open:1")
	bad := r.Dial()
	for range 2 { // and again, after a refusal
		bad.Send("SUBSCRIBE", "closed:1")
		bad.Expect(t, noPerm)
		bad.Send("SUBSCRIBE", "open:1", "closed:1") // as a whole
		bad.Expect(t, noPerm)
		bad.Send("PSUBSCRIBE", "*")
		bad.Expect(t, noPerm)
		if redis.Shards() {
			bad.Send("SSUBSCRIBE", "closed:1")
			bad.Expect(t, noPerm)
		}
	}
	bad.Send("PUBLISH", "closed:1", "m")
	bad.Expect(t, noPerm)
	bad.Send("SUBSCRIBE", "open:2")
	bad.Expect(t, "[subscribe open:2 1]")
	redis.MustDo("PUBLISH", "open:1", "m")
	good.Expect(t, "[message open:1 m]")
	if status, body := r.Get("/readyz"); status != 200 {
		t.Errorf("not ready after refusals: %s", body)
	}

	// What was allowed and is not any more ends its listeners, who learn why.
	redis.MustDo("ACL", "SETUSER", "app", "resetchannels", "&relay:*")
	good.Closed()
	late := r.Dial()
	late.Send("SUBSCRIBE", "open:1")
	late.Expect(t, noPerm)
}

// TestCounts has listeners behind two relays and on Redis. PUBSUB counts them one by
// one; in PUBLISH's reply each subscription of another relay is one.
func TestCounts(t *testing.T) {
	redis := redistest.Start(t)
	a, b := harness.Start(t, redis), harness.Start(t, redis)
	plain := redistest.Dial(t, "tcp", redis.Addr())
	plain.Send("SUBSCRIBE", "c")
	plain.Expect(t, "[subscribe c 1]")
	for _, r := range []*harness.Relay{a, a, b, b, b} {
		r.Subscribe("c")
	}
	for range 2 {
		sub := a.Dial()
		sub.Send("PSUBSCRIBE", "c*")
		sub.Expect(t, "[psubscribe c* 1]")
		if redis.Shards() {
			sub.Send("SSUBSCRIBE", "s")
			sub.Expect(t, "[ssubscribe s 1]")
		}
	}
	for _, tt := range []struct {
		relay         *harness.Relay
		command, want string
	}{
		{a, "PUBLISH c m", ":6"}, // 2 + 2 by pattern, b, plain
		{b, "PUBLISH c m", ":6"}, // 3, a and a's pattern, plain
		{a, "PUBLISH nobody m", ":0"},
		{a, "PUBLISH cc m", ":2"},
		{b, "PUBLISH cc m", ":1"},
		{a, "SPUBLISH s m", ":2"},
		{b, "SPUBLISH s m", ":1"},
		{a, "PUBSUB NUMSUB c nobody cc", "[c 6 nobody 0 cc 0]"},
		{b, "PUBSUB NUMSUB c nobody cc", "[c 6 nobody 0 cc 0]"},
		{a, "PUBSUB SHARDNUMSUB s c", "[s 2 c 0]"},
		{b, "PUBSUB SHARDNUMSUB s c", "[s 2 c 0]"},
		{a, "PUBSUB NUMPAT", ":1"},
		{b, "PUBSUB NUMPAT", ":1"},
		{a, "PUBSUB CHANNELS", "[c]"},
		{b, "PUBSUB CHANNELS c*", "[c]"},
		{b, "PUBSUB CHANNELS x*", "[]"},
		{b, "PUBSUB SHARDCHANNELS", "[s]"},
	} {
		c := tt.relay.Dial()
		if words := strings.Fields(tt.command); !redis.Shards() && (words[0] == "SPUBLISH" || strings.HasPrefix(words[1], "SHARD")) {
			continue
		}
		got := ""
		redistest.Eventually(t, redistest.DefaultTimeout, tt.command+": the other relay answers in time", func() bool {
			missing := tt.relay.Metric("fleet_answers_missing_total")
			got = c.Do(strings.Fields(tt.command)...).String()
			return tt.relay.Metric("fleet_answers_missing_total") == missing
		})
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.command, got, tt.want)
		}
	}
}

// TestEmbeddedRedis runs the shipped configuration as it is.
func TestEmbeddedRedis(t *testing.T) {
	r := harness.Start(t, nil)
	if url, _ := r.Embedded(); url == "" {
		t.Fatal("the shipped configuration has a Redis")
	}
	sub, pattern, shard, pub := r.Subscribe("chat:42"), r.Dial(), r.Dial(), r.Dial()
	pattern.Send("PSUBSCRIBE", "chat:*")
	pattern.Expect(t, "[psubscribe chat:* 1]")
	shard.Send("SSUBSCRIBE", "plain")
	shard.Expect(t, "[ssubscribe plain 1]")
	for i := range 3 {
		payload := fmt.Sprintf(`{"type":"typing","userId":"ann","roomId":"%d"}`, i)
		pub.Send("PUBLISH", "chat:42", payload)
		pub.Expect(t, ":2")
		sub.Expect(t, "[message chat:42 "+payload+"]")
		pattern.Expect(t, "[pmessage chat:* chat:42 "+payload+"]")
	}
	pub.Send("PUBLISH", "chat:42", harness.InvalidChat)
	pub.Expect(t, "-INVALID chat:42 /userId: expected string, but got number")
	pub.Send("SPUBLISH", "plain", "text")
	pub.Expect(t, ":1")
	shard.Expect(t, "[smessage plain text]")
	pub.Send("PUBSUB", "NUMSUB", "chat:42")
	pub.Expect(t, "[chat:42 1]")
	pub.Send("PUBSUB", "NUMPAT")
	pub.Expect(t, ":1")
	pub.Send("PUBSUB", "CHANNELS")
	pub.Expect(t, "[chat:42]")
	sub.Send("UNSUBSCRIBE")
	sub.Expect(t, "[unsubscribe chat:42 0]")
	pub.Send("PUBSUB", "CHANNELS")
	pub.Expect(t, "[]")
}

// TestGapIsToldOrDisconnects: a listener that may miss messages while its queue is
// full may not miss that there was a gap.
func TestGapIsToldOrDisconnects(t *testing.T) {
	redis := redistest.Start(t)
	route := config.NewRoute("s:")
	route.Policy.Slow, route.Policy.OnGap = config.SlowDrop, config.OnGapNotify
	r := harness.Start(t, redis, harness.WithRoutes(route), func(c *config.Config) { c.Limits.Queue, c.Limits.QueueAge = 64<<10, 0 })
	listener := r.Subscribe("relay:events", "s:1")
	pub := r.Dial()
	// One by one: what comes together is dropped together, and leaves room.
	redistest.Eventually(t, redistest.DefaultTimeout, "the queue is full", func() bool {
		for range 500 {
			harness.PublishReplies(t, pub, "s:1", strings.Repeat("x", 500), ":1")
		}
		return r.Metric(`drops_total{reason="dropped"}`) > 0
	})
	for range 500 {
		harness.PublishReplies(t, pub, "s:1", "x", ":1")
	}
	redis.KillSubscribers()
	redistest.Eventually(t, redistest.DefaultTimeout, "the relay is back", func() bool {
		return r.IsReady() && r.Metric("upstream_connections_total") == 2
	})
	for _, v := range listener.Closed() {
		if len(v.Elems) == 3 && v.Elems[1].Str == "relay:events" && strings.Contains(v.Elems[2].Str, `"gap"`) {
			t.Fatal("the gap was told, so nothing is tested")
		}
	}
}
