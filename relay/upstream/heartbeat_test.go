package upstream

// Connections that are no use any more: silent, deaf, demoted, or without rights.

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// noticed is how long a silent Redis may go unnoticed: a ping interval until it
// is asked, the deadline, and the granularity of the check; and some for a busy
// machine: who never asks does not notice it at all.
const noticed = pingTimeout + 2*pingInterval + 20*time.Second

// TestNoticesSilence of a Redis that is stopped, or behind a dead link.
func TestNoticesSilence(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		halt func(srv *redistest.Server, proxy *redistest.Proxy)
		heal func(srv *redistest.Server, proxy *redistest.Proxy)
	}{
		{
			"stopped process",
			func(srv *redistest.Server, _ *redistest.Proxy) { srv.Stop() },
			func(srv *redistest.Server, _ *redistest.Proxy) { srv.Cont() },
		},
		{
			"half-open connection",
			func(_ *redistest.Server, proxy *redistest.Proxy) { proxy.Stall(true) },
			func(_ *redistest.Server, proxy *redistest.Proxy) { proxy.Stall(false) },
		},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			proxy := redistest.NewProxy(t, srv.Addr())
			c := connect(t, testOptions("redis://"+proxy.Addr()), "a")
			c.awaitUp(1)
			tt.halt(srv, proxy)
			redistest.Eventually(t, noticed, "the silence is noticed", func() bool { return c.losses() > 0 })
			c.with(func() {
				if !errors.Is(c.lost[0], errSilent) {
					t.Errorf("lost: %v, want errSilent", c.lost[0])
				}
				if d := time.Since(c.since[0]); d < pingTimeout || d > noticed {
					t.Errorf("messages may be missing for %v, want from %v to %v", d, pingTimeout, noticed)
				}
			})
			if ready, connected, why := c.status(); ready || connected || !strings.Contains(why, "not connected to Redis: ") {
				t.Errorf("Status: got %v, %v, %q", ready, connected, why)
			}
			tt.heal(srv, proxy)
			c.awaitUp(2)
			srv.MustDo("PUBLISH", "a", "again")
			c.awaitHeard("message a again")
			awaitClients(t, srv, 1)
		})
	}
}

// TestQuietIsNotSilent: without a single message, and while the owner has nothing read, the connection stays.
func TestQuietIsNotSilent(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	quiet, paused := connect(t, testOptions(srv.URL()), "a"), connect(t, testOptions(srv.URL()), "a")
	quiet.awaitUp(1)
	paused.awaitUp(1)
	paused.do(func() {
		paused.settles = func() (bool, bool) { return false, false }
		paused.Pause()
	})
	time.Sleep(2*pingInterval + pingTimeout) // what must not happen, would by then
	if quiet.losses() != 0 || paused.losses() != 0 {
		t.Errorf("lost %d and %d times", quiet.losses(), paused.losses())
	}
	srv.MustDo("PUBLISH", "a", "m")
	paused.do(func() { paused.settles = nil })
	paused.awaitHeard("message a m")
}

// TestProbes of a Redis that delivers: they come back and go no further.
func TestProbes(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	opts := testOptions(srv.URL())
	opts.ProbeInterval = time.Millisecond
	c := prepare(t, opts, "relay:probe:1", "a").run()
	c.awaitUp(1)
	echoed := func() (n uint64) {
		c.do(func() { n = c.prober.echoed })
		return n
	}
	redistest.Eventually(t, patience, "probes", func() bool { return echoed() >= 2 })
	time.Sleep(probeTimeout + pingInterval) // what must not happen, would by then
	c.with(func() {
		if len(c.messages) != 0 || len(c.lost) != 0 {
			t.Errorf("messages %v, lost %v", c.messages, c.lost)
		}
		if c.ups[0] != 1 {
			t.Errorf("Up told of %d subscriptions, want those asked for", c.ups[0])
		}
	})
}

// TestWithoutProbe: a user who may not hear or not publish the probe can work.
func TestWithoutProbe(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]string{"not heard": "&a +@all", "not published": "&* +@all -publish"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t, redistest.WithACL("app on >secret "+rules))
			opts := testOptions(strings.Replace(srv.URL(), "//", "//app:secret@", 1))
			opts.ProbeInterval = time.Millisecond
			c := prepare(t, opts, "relay:probe:1", "a").run()
			c.awaitUp(1)
			srv.MustDo("PUBLISH", "a", "m")
			c.awaitHeard("message a m")
			time.Sleep(2 * pingInterval) // probes go out with the check of silence
			if n := c.losses(); n != 0 {
				t.Errorf("lost %d times", n)
			}
			if ready, _, why := c.status(); !ready {
				t.Errorf("not ready: %s", why)
			}
			c.do(func() {
				if c.prober.sent > 1 || c.prober.subscribed {
					t.Errorf("%d probes", c.prober.sent)
				}
			})
		})
	}
}

// TestNoticesDeafness: Redis answers everything and delivers nothing. The next connection has to prove itself.
func TestNoticesDeafness(t *testing.T) {
	t.Parallel()
	var delivers atomic.Bool
	url := fakeRedis(t, func(args []string) (string, bool) {
		if args[0] != "PUBLISH" || !delivers.Load() {
			return "", false
		}
		return ":1\r\n" + string(resp.AppendMessage(nil, resp.RESP3, "message", []byte(args[1]), []byte(args[2]))), true
	})
	opts := testOptions(url)
	opts.ProbeInterval = time.Millisecond
	c := prepare(t, opts, "relay:probe:1", "a").run()
	c.awaitUp(1)
	redistest.Eventually(t, patience, "the deafness is noticed", func() bool { return c.losses() > 0 })
	if _, err := c.firstLoss(); !errors.Is(err, errDeaf) {
		t.Errorf("lost: %v, want errDeaf", err)
	}
	c.awaitUp(2)
	if ready, connected, why := c.status(); ready || !connected || why == "" {
		t.Errorf("ready, and nothing has proved that messages come: %v %v %q", ready, connected, why)
	}
	delivers.Store(true)
	redistest.Eventually(t, patience, "it is ready", func() bool { ready, _, _ := c.status(); return ready })
}

// TestBacklogIsNoDeafness: what counts is whether a PING sent long after the probe has overtaken it.
func TestBacklogIsNoDeafness(t *testing.T) {
	acknowledged := time.Now()
	for _, tt := range []struct {
		echoed uint64
		after  time.Duration // of the PING
		want   bool
	}{
		{0, probeTimeout - time.Second, false},
		{0, probeTimeout + time.Second, true},
		{1, probeTimeout + time.Second, false},
	} {
		p := prober{due: 1, dueSince: acknowledged, echoed: tt.echoed}
		if got := p.overdue(acknowledged.Add(tt.after)); got != tt.want {
			t.Errorf("%d echoed, PING after %v: got %v, want %v", tt.echoed, tt.after, got, tt.want)
		}
	}
}

// TestRefusedNames: Redis refuses a channel, in its own words, and the others stand.
func TestRefusedNames(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithACL("app on >secret &ok:* +@all"))
	c := connect(t, testOptions(strings.Replace(srv.URL(), "//", "//app:secret@", 1)), "ok:1", "ok:2")
	c.awaitUp(1)
	var reply redis.Error
	if err := c.subscribe(true, resp.Message, "ok:3", "denied"); !errors.As(err, &reply) || !strings.HasPrefix(err.Error(), "NOPERM ") {
		t.Errorf("refused with %v, want Redis's own words", err)
	}
	if line := awaitClients(t, srv, 1)[0]; field(line, "sub") != "2" {
		t.Errorf("on Redis: %s", line)
	}
	srv.MustDo("ACL", "SETUSER", "app", "&denied")
	if err := c.subscribe(true, resp.Message, "denied"); err != nil {
		t.Errorf("allowed now, and refused: %v", err)
	}
	// Redis ends connections of a user who loses a channel: until then UNSUBSCRIBE may be refused.
	var told atomic.Int32
	c.do(func() { c.opts.Refused = func(command string, _ error) { told.Add(int32(len(command))) } })
	srv.MustDo("ACL", "SETUSER", "app", "-unsubscribe")
	if err := c.subscribe(false, resp.Message, "ok:1"); !errors.As(err, &reply) {
		t.Errorf("UNSUBSCRIBE: got %v", err)
	}
	if told.Load() != int32(len("UNSUBSCRIBE")) || c.ConnectionsMade() != 1 {
		t.Errorf("%d connections, told %d", c.ConnectionsMade(), told.Load())
	}
}

// TestPingRefusedLater: rights may be taken while the connection stands.
func TestPingRefusedLater(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithACL("app on >secret &* +@all"))
	c := connect(t, testOptions(strings.Replace(srv.URL(), "//", "//app:secret@", 1)), "a")
	c.awaitUp(1)
	srv.MustDo("ACL", "SETUSER", "app", "-ping")
	var lost atomic.Bool
	c.do(func() { c.Fence(func(is bool) { lost.Store(is) }) })
	c.awaitLosses(1)
	if _, err := c.firstLoss(); !errors.Is(err, errNoPing) {
		t.Errorf("lost: %v, want errNoPing", err)
	}
	redistest.Eventually(t, patience, "the fence is lost", lost.Load)
}

// gate holds each read in which a message comes until it may pass.
type gate struct {
	came chan struct{} // has a value for each
	pass chan struct{} // takes one for each
}

func (*gate) FromClient([]byte) {}
func (g *gate) FromServer(b []byte) {
	if bytes.Contains(b, []byte("$7\r\nmessage\r\n")) {
		g.came <- struct{}{}
		<-g.pass
	}
}

// TestLossReachesBack: what Redis has published is lost also when something older,
// which waited before it, was heard later.
func TestLossReachesBack(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	proxy := redistest.NewProxy(t, srv.Addr())
	way := &gate{make(chan struct{}, 9), make(chan struct{})}
	open := sync.OnceFunc(func() { close(way.pass) })
	defer open()
	proxy.Observe(func() redistest.Observer { return way })
	c := connect(t, testOptions("redis://"+proxy.Addr()), "a")
	c.awaitUp(1)
	c.calm() // else an answer that comes between the two says how far messages have come
	srv.MustDo("PUBLISH", "a", "1")
	<-way.came
	before := time.Now()
	srv.MustDo("PUBLISH", "a", "2")
	way.pass <- struct{}{}
	c.awaitHeard("message a 1")
	<-way.came
	cut := make(chan struct{})
	go func() {
		defer close(cut)
		proxy.Cut()
	}()
	c.awaitLosses(1)
	open()
	<-cut
	if c.heard("message a 2") {
		t.Fatal("nothing was lost")
	}
	if since, _ := c.firstLoss(); since.After(before) {
		t.Errorf("a message published at %v was lost, and all before %v is said to have come", before, since)
	}
}
