package upstream

// The subscriber's life, and its many lives, against a real redis-server. The
// tests run side by side: they mostly wait.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
)

// noticed is how long a silent Redis may go unnoticed: a ping interval until it
// is asked, the deadline, and the granularity of the check; and some for a busy
// machine.
const noticed = pingTimeout + 2*pingInterval + 3*time.Second

func (s *subscription) losses() int { return s.count(func(e *ears) int { return len(e.lost) }) }

func TestSubscriberSubscribes(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	s := subscribe(t, testOptions(srv.URL()), "a", "b")
	s.awaitUp(1)
	if ready, missing := s.Status(); !ready || missing != "" {
		t.Errorf("Status: got %v, %q", ready, missing)
	}
	if list := awaitClients(t, srv, 1); field(list[0], "name") != "redis-relay:test-host:sub" || field(list[0], "sub") != "2" {
		t.Errorf("on Redis: %s", list[0])
	}
	s.awaitMessage(srv, "a", "m1")

	shard, spublish := resp.SMessage, "SPUBLISH"
	if !srv.Shards() {
		shard, spublish = resp.Message, "PUBLISH"
	}
	if s.Want(resp.PMessage, "p*", true) || s.Want(shard, "shard", true) {
		t.Error("a new name is said to be held")
	}
	redistest.Eventually(t, patience, "confirmed", func() bool {
		return s.Held(resp.PMessage, "p*") && s.Held(shard, "shard") &&
			s.count(func(e *ears) int { return e.confirmed[name{shard, "shard"}] }) == 1
	})
	srv.MustDo("PUBLISH", "px", "m2")
	srv.MustDo(spublish, "shard", "m3")
	redistest.Eventually(t, patience, "both messages", func() bool {
		return s.heard("pmessage px m2") && s.heard(shard.String()+" shard m3")
	})

	for _, n := range []name{{resp.Message, "a"}, {resp.PMessage, "p*"}, {shard, "shard"}} {
		if !s.Want(n.kind, n.name, false) {
			t.Errorf("%s is said not to be held", n.name)
		}
	}
	redistest.Eventually(t, patience, "released", func() bool {
		return s.count(func(e *ears) int { return len(e.released) }) == 3
	})
	if line := awaitClients(t, srv, 1)[0]; field(line, "sub") != "1" || field(line, "psub") != "0" {
		t.Errorf("on Redis after the end of the others: %s", line)
	}
}

// TestSubscriberComesBack from every loss that Redis shows by closing.
func TestSubscriberComesBack(t *testing.T) {
	cases := []struct {
		name string
		lose func(srv *redistest.Server)
	}{
		{"killed and restarted empty", func(srv *redistest.Server) { srv.Kill(); srv.Restart() }},
		{"its client killed", func(srv *redistest.Server) { srv.MustDo("CLIENT", "KILL", "TYPE", "pubsub") }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			s := subscribe(t, testOptions(srv.URL()), "a", "b")
			s.awaitUp(1)
			for life := 2; life <= 4; life++ {
				c.lose(srv)
				s.awaitUp(life)
				list := awaitClients(t, srv, 1)
				if field(list[0], "sub") != "2" {
					t.Errorf("life %d on Redis: %s", life, list[0])
				}
				s.awaitMessage(srv, "b", fmt.Sprint("life", life))
			}
			s.with(func() {
				if len(s.lost) != 3 || len(s.downs) != 3 || len(s.alerts) != 0 {
					t.Errorf("lost %v, downs %v, alerts %v", s.lost, s.downs, s.alerts)
				}
				if got := s.confirmed[name{resp.Message, "a"}]; got != 4 {
					t.Errorf("a was confirmed %d times in 4 lives", got)
				}
			})
			if got := s.Lives(); got != 4 {
				t.Errorf("%d lives", got)
			}
		})
	}
}

// TestSubscriberNoticesSilence of a Redis that is stopped, or behind a dead link.
func TestSubscriberNoticesSilence(t *testing.T) {
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
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			proxy := redistest.NewProxy(t, srv.Addr())
			s := subscribe(t, testOptions("redis://"+proxy.Addr()), "a")
			s.awaitUp(1)
			c.halt(srv, proxy)
			redistest.Eventually(t, noticed, "the silence is noticed", func() bool { return s.losses() == 1 })
			s.with(func() {
				if !errors.Is(s.lost[0], errSilent) {
					t.Errorf("lost: %v, want errSilent", s.lost[0])
				}
				if d := time.Since(s.since[0]); d < pingTimeout || d > noticed {
					t.Errorf("messages may be missing for %v, want from %v to %v", d, pingTimeout, noticed)
				}
			})
			if ready, missing := s.Status(); ready || !strings.Contains(missing, "not connected to Redis: ") {
				t.Errorf("Status: got %v, %q", ready, missing)
			}
			c.heal(srv, proxy)
			s.awaitUp(2)
			s.awaitMessage(srv, "a", "again")
			awaitClients(t, srv, 1)
		})
	}
}

// TestSubscriberQuietIsNotSilent: without a single message, and under messages
// without a pause, the connection stays.
func TestSubscriberQuietIsNotSilent(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	s := subscribe(t, testOptions(srv.URL()), "a")
	s.awaitUp(1)
	time.Sleep(pingInterval + pingTimeout + pingInterval) // what must not happen, would by then
	if s.losses() != 0 || s.Lives() != 1 {
		t.Errorf("lost %d times, %d lives", s.losses(), s.Lives())
	}
}

// TestSubscriberCutInAFrame: half a message is neither delivered nor does it
// spoil the next life.
func TestSubscriberCutInAFrame(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	for _, after := range []int64{0, 10, 100, 250, 300, 330, 351, 362} {
		proxy := redistest.NewProxy(t, srv.Addr())
		proxy.CutAfter(after)
		s := subscribe(t, testOptions("redis://"+proxy.Addr()), "a")
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					_, _ = srv.Do("PUBLISH", "a", "0123456789")
				}
			}
		})
		s.awaitUp(1)
		redistest.Eventually(t, patience, "messages", func() bool {
			return s.count(func(e *ears) int { return len(e.messages) }) > 20
		})
		close(stop)
		wg.Wait()
		s.with(func() {
			for _, m := range s.messages {
				if m != "message a 0123456789" {
					t.Errorf("cut after %d: delivered %q", after, m)
				}
			}
		})
	}
}

// TestSubscriberRestoresMany: 20,000 channels come back, none is forgotten.
func TestSubscriberRestoresMany(t *testing.T) {
	t.Parallel()
	const channels = 20_000
	srv := redistest.Start(t)
	names := make([]string, channels)
	for i := range names {
		names[i] = fmt.Sprint("c", i)
	}
	s := subscribe(t, testOptions(srv.URL()), names...)
	s.awaitUp(1)
	srv.MustDo("CONFIG", "RESETSTAT")
	srv.MustDo("CLIENT", "KILL", "TYPE", "pubsub")
	s.awaitUp(2)
	if line := awaitClients(t, srv, 1)[0]; field(line, "sub") != fmt.Sprint(channels) {
		t.Errorf("on Redis: %s", line)
	}
	s.with(func() {
		for _, n := range names {
			if got := s.confirmed[name{resp.Message, n}]; got != 2 {
				t.Fatalf("%s was confirmed %d times in 2 lives", n, got)
			}
		}
		if s.ups[1] != channels {
			t.Errorf("Up told of %d subscriptions", s.ups[1])
		}
	})
	stats := srv.MustDo("INFO", "commandstats").Str
	if want := fmt.Sprintf("cmdstat_subscribe:calls=%d,", channels/batchSize); !strings.Contains(stats, want) {
		t.Errorf("want %s in %s", want, stats)
	}
	s.awaitMessage(srv, "c19999", "m")
}

// TestSubscriberChurn: names come and go without a pause from several sides; then
// all that is wanted is held, and nothing else, and it was ready meanwhile.
func TestSubscriberChurn(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	s := subscribe(t, testOptions(srv.URL()), "stays")
	s.awaitUp(1)
	srv.MustDo("CLIENT", "KILL", "TYPE", "pubsub") // and come up again under churn
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					s.Want(resp.Message, fmt.Sprint("last", g), true)
					return
				default:
				}
				n := fmt.Sprint("churn", g, "-", i%50)
				s.Want(resp.Kind(i%resp.Kinds), n, true)
				s.Want(resp.Kind((i+1)%resp.Kinds), fmt.Sprint("churn", g, "-", (i+7)%50), false)
				if i%10 == 0 {
					time.Sleep(50 * time.Microsecond) // about what a busy host does
				}
			}
		})
	}
	s.awaitUp(2) // while it goes on
	close(stop)
	wg.Wait()
	for g := range 4 {
		for i := range 50 {
			for kind := range resp.Kind(resp.Kinds) {
				s.Want(kind, fmt.Sprint("churn", g, "-", i), false)
			}
		}
	}
	redistest.Eventually(t, patience, "Redis holds what is wanted", func() bool {
		line := awaitClients(t, srv, 1)[0]
		return field(line, "sub") == "5" && field(line, "psub") == "0" && field(line, "ssub") != "1"
	})
	if s.Lives() != 2 {
		t.Errorf("%d lives", s.Lives())
	}
}

// TestSubscriberRefusedNames: Redis refuses one of 1000 channels, and then each of
// the others stands.
func TestSubscriberRefusedNames(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithACL("app on >secret &ok:* +@all"))
	names := []string{"denied"}
	for i := range 999 {
		names = append(names, fmt.Sprint("ok:", i))
	}
	names[0], names[400] = names[400], names[0]
	s := subscribe(t, testOptions(strings.Replace(srv.URL(), "//", "//app:secret@", 1)), names...)
	s.awaitUp(1)
	s.with(func() {
		if len(s.confirmed) != 999 || len(s.refusals) != 1 {
			t.Errorf("%d confirmed, refused: %v", len(s.confirmed), s.refusals)
		}
		var reply redis.Error
		if err := s.refusals[name{resp.Message, "denied"}]; !errors.As(err, &reply) || !strings.HasPrefix(err.Error(), "NOPERM ") {
			t.Errorf("refused with %v, want Redis's own words", err)
		}
	})
	if line := awaitClients(t, srv, 1)[0]; field(line, "sub") != "999" {
		t.Errorf("on Redis: %s", line)
	}
	if ready, missing := s.Status(); !ready {
		t.Errorf("a refused name keeps it from being ready: %s", missing)
	}

	srv.MustDo("ACL", "SETUSER", "app", "&denied")
	s.Want(resp.Message, "denied", false)
	s.Want(resp.Message, "denied", true)
	redistest.Eventually(t, patience, "allowed now", func() bool { return s.Held(resp.Message, "denied") })
	if s.Lives() != 1 {
		t.Errorf("%d lives", s.Lives())
	}
}

// TestSubscriberWithoutProbe: a user who may not use the probe's channel can work.
func TestSubscriberWithoutProbe(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithACL("app on >secret &a +@all"))
	opts := testOptions(strings.Replace(srv.URL(), "//", "//app:secret@", 1))
	opts.ProbeInterval = time.Millisecond
	never := func(string, string, func(error)) { t.Error("a probe was published that cannot come back") }
	s := subscribeWithProbe(t, opts, "relay:probe:1", never, "a")
	s.awaitUp(1)
	s.awaitMessage(srv, "a", "m")
	time.Sleep(2 * pingInterval) // probes go out with the check of silence
	s.with(func() {
		if len(s.refusals) != 0 || len(s.lost) != 0 {
			t.Errorf("refused %v, lost %v", s.refusals, s.lost)
		}
	})
	if ready, missing := s.Status(); !ready {
		t.Errorf("not ready: %s", missing)
	}
}

// TestSubscriberProbeNotAllowed: the user may hear the probe and not publish it.
func TestSubscriberProbeNotAllowed(t *testing.T) {
	t.Parallel()
	opts := testOptions(redistest.Start(t).URL())
	opts.ProbeInterval = time.Millisecond
	var tries atomic.Int32
	refuse := func(_, _ string, done func(error)) {
		tries.Add(1)
		done(ReplyError("NOPERM this user has no permissions to run the 'publish' command"))
	}
	s := subscribeWithProbe(t, opts, "relay:probe:1", refuse, "a")
	s.awaitUp(1)
	redistest.Eventually(t, patience, "a probe", func() bool { return tries.Load() > 0 })
	time.Sleep(2 * pingInterval) // probes go out with the check of silence
	if n := tries.Load(); n != 1 {
		t.Errorf("%d probes", n)
	}
	if ready, missing := s.Status(); !ready {
		t.Errorf("not ready: %s", missing)
	}
}

// TestSubscriberSaysWhatIsWrong at the first connection, in words that help.
func TestSubscriberSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithTLS(), redistest.WithACL("app on >secret &* ~* +@all -ping", "off off"))
	needy, stranger := redistest.Start(t, redistest.WithACL("default on >secret ~* &* +@all")), stranger(t)
	for name, tt := range map[string]struct{ url, want string }{
		"no PING":          {"redis://app:secret@" + srv.Addr(), "allow +ping to this user"},
		"plain to TLS":     {"redis://" + srv.TLSAddr(), "if this port speaks TLS, write rediss:// in redis.url"},
		"TLS to plain":     {"rediss://" + srv.Addr(), "if this port does not speak TLS, write redis:// in redis.url"},
		"wrong password":   {"redis://app:wrong@" + srv.Addr(), "(the user or the password in redis.url is not one of Redis's)"},
		"no password":      {"redis://" + needy.Addr(), "(Redis wants a password: name its file in redis.password_file)"},
		"no Redis":         {"redis://" + stranger, "what answers there is no Redis"},
		"user is off":      {"redis://off:any@" + srv.Addr(), "WRONGPASS"},
		"nobody is there":  {"redis://127.0.0.1:1", "connection refused (no Redis listens there: start it, or correct redis.url)"},
		"no such host":     {"redis://no-such-host.invalid:6379", "no-such-host.invalid"},
		"unknown CA":       {"rediss://app:secret@" + srv.TLSAddr(), "certificate signed by unknown authority"},
		"unix socket gone": {"unix:///no/such/socket", "no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := testOptions(tt.url)
			opts.AlertAfter = 1
			s := subscribe(t, opts, "a")
			redistest.Eventually(t, patience, "an alert", func() bool {
				return s.count(func(e *ears) int { return len(e.alerts) }) > 0
			})
			s.with(func() {
				connected := name == "no PING" // and told by Down
				if told := len(s.causes) == 1 && "1: "+s.causes[0] == s.alerts[0]; told == connected {
					t.Errorf("told of the first failure: %q", s.causes)
				}
				if !strings.Contains(s.alerts[0], tt.want) || strings.Contains(s.alerts[0], "secret") {
					t.Errorf("alert: %s\nwant %q", s.alerts[0], tt.want)
				}
				if len(s.ups) != 0 {
					t.Error("it was up")
				}
			})
		})
	}
}

// stranger listens, and does not speak Redis's language. It returns its address.
func stranger(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("<!DOCTYPE HTML>\r\n"))
			_ = conn.Close()
		}
	}()
	return ln.Addr().String()
}

// TestSubscriberTellsOfAnOutage for as long as it lasts, at the start as later.
func TestSubscriberTellsOfAnOutage(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	proxy := redistest.NewProxy(t, srv.Addr())
	proxy.Refuse(true)
	opts := testOptions("redis://" + proxy.Addr())
	opts.outageInterval = 20 * time.Millisecond
	s := subscribe(t, opts, "a")
	told := func() int { return s.count(func(e *ears) int { return len(e.waits) }) }
	for range 2 {
		before := told()
		redistest.Eventually(t, patience, "three reports", func() bool { return told() >= before+3 })
		s.with(func() {
			if last := s.waits[before+1:]; !slices.IsSorted(last) || s.causes[before+1] == "" {
				t.Errorf("told of %v, because of %q", last, s.causes)
			}
		})
		proxy.Refuse(false)
		redistest.Eventually(t, patience, "it is back", func() bool { ready, _ := s.Status(); return ready })
		quiet := told()
		time.Sleep(5 * opts.outageInterval)
		if now := told(); now > quiet+1 { // one may have been on its way
			t.Errorf("told of %d outages more while there is none", now-quiet)
		}
		proxy.Refuse(true)
		proxy.Cut()
	}
}

// TestSubscriberProbes a Redis that delivers: the probes come back and go no
// further.
func TestSubscriberProbes(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	opts := testOptions(srv.URL())
	opts.ProbeInterval = time.Millisecond
	var probes atomic.Int32
	p := publish(t, testOptions(srv.URL()))
	s := subscribeWithProbe(t, opts, "relay:probe:1", func(channel, payload string, done func(error)) {
		probes.Add(1)
		err := p.Publish(0, false, []byte(channel), []byte(payload), receiptFunc(func(_ any, err error) { done(err) }))
		if err != nil {
			done(err)
		}
		p.Flush(0)
	}, "a")
	s.awaitUp(1)
	redistest.Eventually(t, patience, "probes", func() bool { return probes.Load() >= 2 })
	time.Sleep(probeTimeout + pingInterval) // what must not happen, would by then
	s.with(func() {
		if len(s.messages) != 0 || len(s.lost) != 0 {
			t.Errorf("messages %v, lost %v", s.messages, s.lost)
		}
		if s.ups[0] != 1 {
			t.Errorf("Up told of %d subscriptions, want those asked for", s.ups[0])
		}
	})
}

// fakeRedis answers what a subscriber asks, and delivers nothing. It ends with
// the test.
func fakeRedis(t *testing.T, answer func(args []string) string) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		_ = ln.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				defer func() { _ = conn.Close() }()
				converse(conn, answer)
			})
		}
	})
	return "redis://" + ln.Addr().String()
}

// converse answers commands until the connection ends.
func converse(conn net.Conn, answer func(args []string) string) {
	r := bufio.NewReader(conn)
	for {
		args, err := readCommand(r)
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, answer(args)); err != nil {
			return
		}
	}
}

func readCommand(r *bufio.Reader) (args []string, err error) {
	var n int
	if _, err := fmt.Fscanf(r, "*%d\r\n", &n); err != nil {
		return nil, err
	}
	for range n {
		var size int
		if _, err := fmt.Fscanf(r, "$%d\r\n", &size); err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args = append(args, string(b[:size]))
	}
	return args, nil
}

// polite answers as Redis would.
func polite(args []string) string {
	switch strings.ToLower(args[0]) {
	case "hello":
		return "*4\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n"
	case "subscribe":
		var b []byte
		for i, a := range args[1:] {
			b = resp.AppendPubSub(b, resp.RESP2, "subscribe", []byte(a), int64(i+1))
		}
		return string(b)
	case "ping":
		if len(args) > 1 {
			return string(resp.AppendBulkString(resp.AppendBulkString(resp.AppendArray(nil, 2), "pong"), args[1]))
		}
		return "+PONG\r\n"
	}
	return "+OK\r\n"
}

// TestSubscriberNoticesDeafness: Redis answers everything and delivers nothing.
func TestSubscriberNoticesDeafness(t *testing.T) {
	t.Parallel()
	opts := testOptions(fakeRedis(t, polite))
	opts.ProbeInterval = time.Millisecond
	acknowledge := func(_, _ string, done func(error)) { done(nil) }
	s := subscribeWithProbe(t, opts, "relay:probe:1", acknowledge, "a")
	s.awaitUp(1)
	redistest.Eventually(t, 2*pingInterval+probeTimeout+5*time.Second, "the deafness is noticed", func() bool {
		return s.losses() == 1
	})
	s.with(func() {
		if !errors.Is(s.lost[0], errDeaf) {
			t.Errorf("lost: %v, want errDeaf", s.lost[0])
		}
	})
	redistest.Eventually(t, patience, "the next connection", func() bool { return s.Lives() == 2 })
	if ready, missing := s.Status(); ready || missing == "" {
		t.Errorf("ready, and nothing has proved that messages come")
	}
	s.awaitUp(2)
}

// TestBacklogIsNoDeafness: what counts is whether a PING sent long after the probe
// has overtaken it.
func TestBacklogIsNoDeafness(t *testing.T) {
	acknowledged := time.Now()
	for _, c := range []struct {
		echoed uint64
		after  time.Duration // of the PING
		want   error
	}{
		{0, probeTimeout - time.Second, nil},
		{0, probeTimeout + time.Second, errDeaf},
		{1, probeTimeout + time.Second, nil},
	} {
		s := Subscriber{due: 1, dueSince: acknowledged, echoed: c.echoed}
		if err := s.pong(pingText(acknowledged.Add(c.after))); !errors.Is(err, c.want) {
			t.Errorf("%d echoed, PING after %v: got %v, want %v", c.echoed, c.after, err, c.want)
		}
	}
}

// arrivals counts the reads in which a message came.
type arrivals struct{ messages atomic.Int64 }

func (*arrivals) FromClient([]byte) {}
func (a *arrivals) FromServer(b []byte) {
	if bytes.Contains(b, []byte("$7\r\nmessage\r\n")) {
		a.messages.Add(1)
	}
}

// TestLossReachesBack: what Redis has published is lost also when something older,
// which waited before it, was heard later.
func TestLossReachesBack(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	proxy := redistest.NewProxy(t, srv.Addr())
	var read arrivals
	proxy.Observe(func() redistest.Observer { return &read })
	s := subscribe(t, testOptions("redis://"+proxy.Addr()), "a")
	s.awaitUp(1)
	proxy.Delay(time.Second)
	srv.MustDo("PUBLISH", "a", "1")
	redistest.Eventually(t, patience, "the proxy has read the first alone", func() bool { return read.messages.Load() == 1 })
	before := time.Now()
	srv.MustDo("PUBLISH", "a", "2")
	redistest.Eventually(t, patience, "the first is heard", func() bool { return s.heard("message a 1") })
	proxy.Cut()
	redistest.Eventually(t, patience, "the loss is noticed", func() bool { return s.losses() == 1 })
	if s.heard("message a 2") {
		t.Fatal("nothing was lost")
	}
	if since := s.since[0]; since.After(before) {
		t.Errorf("a message published at %v was lost, and all before %v is said to have come", before, since)
	}
}

// TestSubscriberProbeNotAcknowledged says nothing about the subscriber.
func TestSubscriberProbeNotAcknowledged(t *testing.T) {
	t.Parallel()
	opts := testOptions(fakeRedis(t, polite))
	opts.ProbeInterval = time.Millisecond
	var probes atomic.Int32
	fail := func(_, _ string, done func(error)) { probes.Add(1); done(ErrDown) }
	s := subscribeWithProbe(t, opts, "relay:probe:1", fail, "a")
	s.awaitUp(1)
	redistest.Eventually(t, patience, "a probe", func() bool { return probes.Load() > 0 })
	time.Sleep(probeTimeout + pingInterval)
	if s.losses() != 0 {
		t.Errorf("lost %d times", s.losses())
	}
}

// TestSubscriberNonsense: a server that confirms what was not asked is left.
func TestSubscriberNonsense(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, reply, word string }{
		{"another name", "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n", errOutOfStep.Error()},
		{"not RESP2", ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", resp.ErrFrame.Error()},
		{"loading", "-LOADING Redis is loading the dataset in memory\r\n", "LOADING"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			url := fakeRedis(t, func(args []string) string {
				if args[0] == "subscribe" {
					return c.reply
				}
				return polite(args)
			})
			s := subscribe(t, testOptions(url), "a")
			redistest.Eventually(t, patience, "two losses", func() bool { return s.losses() >= 2 })
			s.with(func() {
				if !strings.Contains(s.lost[0].Error(), c.word) || len(s.ups) != 0 {
					t.Errorf("lost: %v, want %q; ups %v", s.lost[0], c.word, s.ups)
				}
			})
		})
	}
}

// TestSubscriberWaitsForLoading: Redis takes subscriptions while it loads, and
// says LOADING to a PING; the relay is not ready before Redis is.
func TestSubscriberWaitsForLoading(t *testing.T) {
	t.Parallel()
	var loading atomic.Bool
	loading.Store(true)
	url := fakeRedis(t, func(args []string) string {
		if args[0] == "ping" && loading.Load() {
			return "-LOADING Redis is loading the dataset in memory\r\n"
		}
		return polite(args)
	})
	opts := testOptions(url)
	opts.AlertAfter = 2
	s := subscribe(t, opts, "a")
	redistest.Eventually(t, patience, "an alert", func() bool {
		return s.count(func(e *ears) int { return len(e.alerts) }) == 1
	})
	if ready, missing := s.Status(); ready {
		t.Errorf("ready while Redis loads: %s", missing)
	}
	loading.Store(false)
	s.awaitUp(1)
	if ready, missing := s.Status(); !ready {
		t.Errorf("not ready: %s", missing)
	}
}

// TestSubscriberAlerts once, after the attempts agreed, with Redis's reason.
func TestSubscriberAlerts(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithACL("default off", "app on >right &* ~* +@all"))
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Error(err)
		}
	}
	write("wrong")
	opts := testOptions(strings.Replace(srv.URL(), "//", "//app@", 1))
	opts.PasswordFile, opts.AlertAfter = file, 3
	s := subscribe(t, opts, "a")
	redistest.Eventually(t, patience, "an alert", func() bool {
		return s.count(func(e *ears) int { return len(e.alerts) }) == 1
	})
	s.with(func() {
		if !strings.HasPrefix(s.alerts[0], "3: ") || !strings.Contains(s.alerts[0], "WRONGPASS") {
			t.Errorf("alert: %s", s.alerts[0])
		}
		if len(s.lost) != 0 || len(s.downs) != 0 {
			t.Errorf("lost %v, downs %v of what never stood", s.lost, s.downs)
		}
	})
	ready, missing := s.Status()
	if ready || !strings.HasPrefix(missing, "not connected to Redis: ") || !strings.Contains(missing, "WRONGPASS") {
		t.Errorf("Status: got %v, %q", ready, missing)
	}
	write("right")
	s.awaitUp(1)
	s.with(func() {
		if len(s.alerts) != 1 {
			t.Errorf("alerts: %q, want one", s.alerts)
		}
	})
}

func TestSubscriberStatusBeforeRun(t *testing.T) {
	e := newEars()
	s := NewSubscriber(testOptions("redis://127.0.0.1:1"), e, e, e, limit(1), "", nil, zap.NewNop())
	if ready, missing := s.Status(); ready || missing != "not connected to Redis yet" {
		t.Errorf("got %v, %q", ready, missing)
	}
}

// TestSubscriberStatusNamesWhatIsMissing while Redis keeps it waiting.
func TestSubscriberStatusNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	url := fakeRedis(t, func(args []string) string {
		if args[0] == "subscribe" {
			return "" // it takes its time
		}
		return polite(args)
	})
	s := subscribe(t, testOptions(url), "a", "b")
	want := "2 subscriptions are not confirmed by Redis, subscribe "
	redistest.Eventually(t, patience, want, func() bool {
		ready, missing := s.Status()
		return !ready && strings.HasPrefix(missing, want)
	})
}

// TestBackoff: full jitter below a bound that doubles from 100 ms to 5 s.
func TestBackoff(t *testing.T) {
	for n, bound := range map[int]time.Duration{
		1: 100, 2: 200, 3: 400, 4: 800, 5: 1600, 6: 3200, 7: 5000, 8: 5000, 1_000_000: 5000,
	} {
		bound *= time.Millisecond
		var least, most time.Duration = bound, 0
		for range 2000 {
			d := backoff(n)
			least, most = min(least, d), max(most, d)
		}
		if least < 0 || most >= bound || least > bound/10 || most < bound*9/10 {
			t.Errorf("attempt %d: from %v to %v, want anything below %v", n, least, most, bound)
		}
	}
}
