package outage

// Redis goes away in every way it can, and comes back: nobody is deaf without
// knowing.

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay/notice"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// scene is a relay behind a proxy in front of a Redis, and who depends on it.
type scene struct {
	redis  *redistest.Server
	proxy  *redistest.Proxy
	relay  *harness.Relay
	closed *redistest.Client // listens to loud:1, which says on_gap: disconnect
	stays  *redistest.Client // listens to calm:1, which says on_gap: notify
	events *redistest.Client // listens to relay:events
	pub    *redistest.Client
	lost   time.Time // when Redis was lost, or a moment later
}

// publishTimeout is long enough for an answer on a busy machine.
const publishTimeout = 3 * time.Second

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{redis: redistest.Start(t)}
	s.proxy = redistest.NewProxy(t, s.redis.Addr())
	s.proxy.Spare("hello\r\n$1\r\n2\r\n") // the relay's second connection speaks RESP2: faults are for the first
	calm := config.NewRoute("calm:")
	calm.Policy.OnGap = config.OnGapNotify
	s.relay = harness.Start(t, nil, harness.WithRedis("redis://"+s.proxy.Addr()), harness.WithRoutes(config.NewRoute("loud:"), calm),
		func(c *config.Config) {
			c.Redis.PublishTimeout = publishTimeout
			c.Redis.ProbeInterval = 10 * time.Second // an unanswered probe would end the connection earlier, and change the story
			c.Redis.AlertAfter = 1000                // its event would come between the others
		})
	s.closed, s.stays = s.relay.Subscribe("loud:1"), s.relay.Subscribe("calm:1")
	s.events, s.pub = s.relay.Subscribe("relay:events"), s.relay.Dial()
	s.works(t)
	return s
}

// works publishes through the relay and expects everybody to hear it.
func (s *scene) works(t *testing.T) {
	t.Helper()
	for channel, listener := range map[string]*redistest.Client{"loud:1": s.closed, "calm:1": s.stays} {
		s.pub.Send("PUBLISH", channel, "hello")
		s.pub.Expect(t, ":1")
		listener.Expect(t, "[message "+channel+" hello]")
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "Redis has one subscriber connection", func() bool {
		return len(s.redis.PubSubClients()) == 1 // one that was lost may take a while to end
	})
}

// publishFails expects a PUBLISH to wait for the time configured and to fail.
func (s *scene) publishFails(t *testing.T) {
	t.Helper()
	began := time.Now()
	s.pub.Send("PUBLISH", "calm:1", "lost")
	reply := s.pub.Receive().String()
	if !strings.HasPrefix(reply, "-UPSTREAMDOWN calm:1: ") {
		t.Errorf("got %s, want UPSTREAMDOWN", reply)
	}
	if took := time.Since(began); took < publishTimeout/2 || took > 4*publishTimeout { // the outage would last for ever
		t.Errorf("PUBLISH waited %v, want about %v", took, publishTimeout)
	}
}

// away checks what is to be seen while Redis is lost.
func (s *scene) away(t *testing.T) {
	t.Helper()
	if before := s.closed.Closed(); len(before) != 0 {
		t.Errorf("before its end the connection got %v", before)
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "not ready", func() bool {
		status, body := s.relay.Get("/readyz")
		return status == http.StatusServiceUnavailable && strings.HasPrefix(body, "not ready: ")
	})
	if status, _ := s.relay.Get("/livez"); status != http.StatusOK {
		t.Errorf("/livez is %d while Redis is lost, want 200", status)
	}
	s.publishFails(t)
}

// back checks that the relay has recovered by itself.
func (s *scene) back(t *testing.T) {
	t.Helper()
	again := s.relay.Subscribe("loud:1") // as a library would, whenever that succeeds
	redistest.Eventually(t, redistest.DefaultTimeout, "ready again", func() bool {
		status, _ := s.relay.Get("/readyz")
		return status == http.StatusOK
	})
	s.closed = again
	s.works(t)
}

// told checks the events of one outage, and that the log needs three lines for it.
func (s *scene) told(t *testing.T) {
	t.Helper()
	lostBefore := s.lost.Add(time.Millisecond) // the event is as exact as that
	if down := harness.Event(t, s.events, "upstream_down"); down.Cause == "" {
		t.Error("upstream_down has no cause")
	}
	gap := harness.Event(t, s.events, "gap")
	if gap.Since == nil || gap.Until == nil || !gap.Since.Before(*gap.Until) {
		t.Errorf("gap from %v until %v", gap.Since, gap.Until)
	}
	if gap.Since != nil && gap.Since.After(lostBefore) {
		t.Errorf("the gap begins %v after messages could be lost", gap.Since.Sub(lostBefore))
	}
	if !slices.Contains(gap.Prefixes, "calm:") {
		t.Errorf("the gap is of %q, want calm: among them", gap.Prefixes)
	}
	if up := harness.Event(t, s.events, "upstream_up"); up.Subscriptions == 0 {
		t.Error("upstream_up has no subscriptions")
	}
	want := []string{"connected to Redis", "connection to Redis lost; reconnecting", "connected to Redis"}
	got := slices.DeleteFunc(s.relay.Story(), func(line string) bool { return line == notice.LongTurn.Text }) // a busy machine
	if !slices.Equal(got, want) {
		t.Errorf("the log says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// stopFor is how long Redis stands still. RELAY_LONG=1 makes it longer than any
// deadline that could hide behind it.
func stopFor() time.Duration {
	if os.Getenv("RELAY_LONG") != "" {
		return 30 * time.Second
	}
	return 12 * time.Second
}

func TestOutages(t *testing.T) {
	tests := map[string]struct {
		begin func(t *testing.T, s *scene)
		end   func(t *testing.T, s *scene) // nil: nothing to end, the relay reconnects at once
	}{
		"killed, back with empty memory": {
			begin: func(_ *testing.T, s *scene) { s.redis.Kill() },
			end:   func(_ *testing.T, s *scene) { s.redis.Restart() },
		},
		"stopped": {
			begin: func(_ *testing.T, s *scene) { s.redis.Stop() },
			end: func(_ *testing.T, s *scene) {
				s.redis.Cont()
			},
		},
		"half-open": {
			begin: func(_ *testing.T, s *scene) { s.proxy.Stall(true) },
			end: func(_ *testing.T, s *scene) {
				s.proxy.Stall(false)
			},
		},
		"refused": {
			begin: func(_ *testing.T, s *scene) { s.proxy.Refuse(true); s.proxy.Cut() },
			end:   func(_ *testing.T, s *scene) { s.proxy.Refuse(false) },
		},
		"restarted": {begin: func(_ *testing.T, s *scene) {
			s.redis.Kill()
			s.lost = time.Now()
			s.redis.Restart()
		}},
		"cut": {begin: func(_ *testing.T, s *scene) { s.proxy.Cut() }},
		"clients killed": {begin: func(_ *testing.T, s *scene) {
			s.redis.KillSubscribers()
		}},
	}
	scenes := map[string]*scene{}
	for name := range tests {
		scenes[name] = newScene(t)
	}
	before := harness.Measured()
	t.Run("all", func(t *testing.T) { // returns when all are over
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel() // it waits
				s := scenes[name]
				tt.begin(t, s)
				if s.lost.IsZero() {
					s.lost = time.Now()
				}
				if tt.end != nil {
					s.away(t)
					if name == "stopped" {
						time.Sleep(time.Until(s.lost.Add(stopFor()))) // the length of the outage, not a wait for anything
					}
					tt.end(t, s)
				} else if got := s.closed.Closed(); len(got) != 0 {
					t.Errorf("before its end the connection got %v", got)
				}
				s.back(t)
				s.told(t)
			})
		}
	})
	harness.ReturnsTo(t, before)
}

// TestPublishFailsInTime: while Redis is away a publish waits for listeners that are not
// subscribed again, but for that and for Redis together no longer than it may.
func TestPublishFailsInTime(t *testing.T) {
	t.Parallel()
	const patience = 8 * time.Second // what is allowed below is enough for a busy machine, and less than twice the time
	redis := redistest.Start(t)
	r := harness.Start(t, redis, func(c *config.Config) { c.Redis.PublishTimeout = patience })
	pub := r.Dial()
	redis.Kill()
	redistest.Eventually(t, redistest.DefaultTimeout, "not ready", func() bool {
		ready, _ := r.Ready()
		return !ready
	})
	r.Dial().Send("SUBSCRIBE", "a")
	redistest.Eventually(t, redistest.DefaultTimeout, "somebody waits for Redis", func() bool {
		return r.Metric(`subscriptions{kind="channel"}`) > 0
	})
	began := time.Now()
	harness.PublishReplies(t, pub, "a", "m", "-UPSTREAMDOWN a: Redis cannot be reached; nothing was published")
	if took := time.Since(began); took < patience*9/10 || took > patience*17/10 {
		t.Errorf("it took %v, want about %v", took, patience)
	}
}

// TestCutInMidFrame cuts the connection that follows a loss, after ever more
// bytes: in the handshake, in a confirmation, between two. It is one outage all
// the same.
func TestCutInMidFrame(t *testing.T) {
	const maxCut = 1200 // bytes, fewer than all confirmations have
	s := newScene(t)
	for i := range 100 {
		s.stays.Send("SUBSCRIBE", fmt.Sprintf("calm:many:%d", i))
		s.stays.Expect(t, fmt.Sprintf("[subscribe calm:many:%d %d]", i, i+2))
	}
	for n := int64(0); n <= maxCut; n += 75 {
		s.proxy.CutAfter(n)
		s.redis.KillSubscribers()
		lost := time.Now()
		s.closed.Closed()
		harness.Event(t, s.events, "upstream_down")
		gap := harness.Event(t, s.events, "gap")
		if gap.Since.After(lost.Add(time.Millisecond)) {
			t.Errorf("cut after %d bytes: the gap begins %v after the first loss", n, gap.Since.Sub(lost))
		}
		harness.Event(t, s.events, "upstream_up")
		s.closed = s.relay.Subscribe("loud:1")
		s.works(t)
	}
}

// TestCutInMidMessage cuts a message in two: nobody hears half of it.
func TestCutInMidMessage(t *testing.T) {
	const cut = 20_000 // bytes, well inside the message
	s := newScene(t)
	s.proxy.CutAfter(cut)
	s.redis.KillSubscribers()
	s.closed.Closed()
	s.closed = s.relay.Subscribe("loud:1")
	s.redis.MustDo("PUBLISH", "loud:1", strings.Repeat("x", 5*cut))
	rest, err := io.ReadAll(s.closed.NetConn())
	if err != nil || len(rest) > 0 {
		t.Errorf("the listener got %d bytes of a message that never came whole, %v", len(rest), err)
	}
	s.back(t)
}

// TestGapIsToldByRoute has listeners of every kind of name, of whom those that
// would not notice a gap otherwise are disconnected.
func TestGapIsToldByRoute(t *testing.T) {
	redis := redistest.Start(t)
	calm := harness.NewRoute("calm:", func(r *config.Route) { r.Policy.OnGap = config.OnGapNotify })
	mixed := harness.NewRoute("mixed:", func(r *config.Route) {
		r.Policy.OnGap = config.OnGapNotify
		loud := r.Policy
		loud.OnGap = config.OnGapDisconnect
		r.Kinds = map[string]config.Policy{"edit": loud}
	})
	r := harness.Start(t, redis, harness.WithRoutes(calm, mixed))
	events := r.Subscribe("relay:events")
	listeners := map[string]*redistest.Client{}
	for _, command := range []string{
		"SUBSCRIBE calm:1", "PSUBSCRIBE calm:*", "SSUBSCRIBE calm:1", "SUBSCRIBE mixed:1",
		"SUBSCRIBE other:1", "PSUBSCRIBE calm*", "PSUBSCRIBE *", "SSUBSCRIBE other:1",
	} {
		word, name, _ := strings.Cut(command, " ")
		if word == "SSUBSCRIBE" && !redis.Shards() {
			continue
		}
		c := r.Dial()
		c.Send(word, name)
		c.Expect(t, fmt.Sprintf("[%s %s 1]", strings.ToLower(word), name))
		listeners[command] = c
	}
	redis.KillSubscribers()
	harness.Event(t, events, "upstream_down")
	harness.Event(t, events, "gap")
	harness.Event(t, events, "upstream_up")
	for command, c := range listeners {
		if _, name, _ := strings.Cut(command, " "); !strings.HasPrefix(name, "calm:") {
			if got := c.Closed(); len(got) > 0 {
				t.Errorf("%s: got %v before the end", command, got)
			}
			continue
		}
		c.Send("PING")
		if got := c.Receive().String(); got != `[pong ""]` {
			t.Errorf("%s: got %s, want to stay subscribed", command, got)
		}
	}
}

// TestAlert keeps Redis away for longer than redis.alert_after attempts.
func TestAlert(t *testing.T) {
	t.Parallel() // it waits
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, harness.WithRedis("redis://"+proxy.Addr()), func(c *config.Config) { c.Redis.AlertAfter = 3 })
	events := r.Subscribe("relay:events")
	proxy.Refuse(true)
	proxy.Cut()
	harness.Event(t, events, "upstream_down")
	if e := harness.Event(t, events, "alert"); e.Attempts != 3 || e.Cause == "" {
		t.Errorf("got %+v, want 3 attempts and a cause", e)
	}
	proxy.Refuse(false)
	harness.Event(t, events, "gap")
	harness.Event(t, events, "upstream_up")
	if n := r.Metric("upstream_alerts_total"); n != 1 {
		t.Errorf("%v alerts, want 1", n)
	}
}

// TestNoRoomForTheRelay: Redis has no room for the relay's connection, which an operator
// is told as it is.
func TestNoRoomForTheRelay(t *testing.T) {
	t.Parallel() // it waits
	redis := redistest.Start(t)
	r := harness.Start(t, redis, func(c *config.Config) { c.Redis.AlertAfter = 3 })
	admin := redistest.Dial(t, "tcp", redis.Addr())
	admin.Do("AUTH", "redistest", "any")
	room := admin.Do("CONFIG", "GET", "maxclients").Elems[1].Str
	admin.Do("CONFIG", "SET", "maxclients", "1")
	admin.Do("CLIENT", "KILL", "TYPE", "pubsub")
	admin.Do("CLIENT", "KILL", "TYPE", "normal")
	redistest.Eventually(t, redistest.DefaultTimeout, "/readyz says why", func() bool {
		status, body := r.Get("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "not connected to Redis: ")
	})
	redistest.Eventually(t, redistest.DefaultTimeout, "the log says so", func() bool {
		return r.Logs.FilterMessage("no connection to Redis; still trying").FilterLevelExact(zap.WarnLevel).Len() > 0
	})
	admin.Do("CONFIG", "SET", "maxclients", room)
	redistest.Eventually(t, redistest.DefaultTimeout, "the relay is ready again", r.IsReady)
}

// TestReconnectLoopHearsAgain has a client that reconnects as libraries do, and a
// Redis that is restarted again and again.
func TestReconnectLoopHearsAgain(t *testing.T) {
	redis := redistest.Start(t)
	r := harness.Start(t, redis)
	const outages = 5
	var heard, connected atomic.Int64
	done := make(chan error, 1)
	go func() { done <- reconnectLoop(t, r, &heard, &connected) }()
	for i := range int64(outages) {
		redistest.Eventually(t, redistest.DefaultTimeout, "the client is subscribed again", func() bool {
			return connected.Load() == i+1
		})
		before := heard.Load()
		redis.MustDo("PUBLISH", "loop", "again")
		redistest.Eventually(t, redistest.DefaultTimeout, "the client hears", func() bool { return heard.Load() == before+1 })
		redis.Restart()
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "the client is subscribed after the last outage", func() bool {
		return connected.Load() == outages+1
	})
	redis.MustDo("PUBLISH", "loop", "end")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := r.Metric(`upstream_connections_total`); n != outages+1 {
		t.Errorf("%v connections to Redis, want %d", n, outages+1)
	}
	if n := r.Metric(`disconnects_total{reason="gap"}`); n != outages {
		t.Errorf("%v clients disconnected for a gap, want %d", n, outages)
	}
}

// reconnectLoop subscribes to loop, again after every end of the connection, until
// it hears "end".
func reconnectLoop(t *testing.T, r *harness.Relay, heard, connected *atomic.Int64) error {
	for {
		conn, err := net.Dial("unix", r.Socket)
		if err != nil {
			return err
		}
		c := redistest.NewClient(t, conn)
		if err := harness.Exchange(c, []string{"SUBSCRIBE", "loop"}, "[subscribe loop 1]"); err != nil {
			return err
		}
		connected.Add(1)
		for ended := false; !ended; {
			v, err := c.TryReceive()
			switch {
			case errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET):
				ended = true
			case err != nil:
				return err
			case v.String() == "[message loop end]":
				return nil
			default:
				heard.Add(1)
			}
		}
	}
}
