package tcp

// What a client on TCP may do, beside those on the Unix socket.

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// TestAllHearTheSameOrder: publishers and listeners on TCP and on the Unix socket.
func TestAllHearTheSameOrder(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t), overTCP)
	publishers := []*redistest.Client{dial(r), r.Dial(), dial(r)}
	listeners := []*redistest.Client{dial(r), r.Dial(), dial(r)}
	listeners[2].Hello3()
	for _, l := range listeners[:2] {
		exchange(t, l, "[subscribe chat:1 1]", "SUBSCRIBE", "chat:1")
	}
	exchange(t, listeners[2], ">[subscribe chat:1 1]", "SUBSCRIBE", "chat:1")
	var want []string
	for i := range 300 {
		payload := fmt.Sprintf(`{"type":"typing","userId":"u%d","roomId":"1"}`, i)
		exchange(t, publishers[i%3], ":3", "PUBLISH", "chat:1", payload)
		want = append(want, payload)
	}
	harness.PublishReplies(t, publishers[0], "chat:1", harness.InvalidChat, "-INVALID chat:1 /userId")
	for i, l := range listeners {
		for _, payload := range want {
			if got := l.Receive(); len(got.Elems) != 3 || got.Elems[2].Str != payload {
				t.Fatalf("listener %d got %s, want %s", i, got, payload)
			}
		}
	}
}

// TestRoutesOfUsersAreClosed: nobody knows whose process is behind a TCP connection.
func TestRoutesOfUsersAreClosed(t *testing.T) {
	t.Parallel()
	me := []uint32{uint32(os.Getuid()), 0} //nolint:gosec // user ids are
	r := harness.Start(t, redistest.Start(t), overTCP, harness.WithRoutes(
		harness.NewRoute("mine:", func(rt *config.Route) {
			rt.SubscribeUIDs, rt.PublishUIDs = me, me
			rt.Policy.History = &config.History{Length: 10, TTL: time.Hour}
		}),
		config.NewRoute("open:"),
	))
	const closed = `-DENIED %s: route "mine:" has %s_uids, and your user is not known: it is known only on the Unix socket`
	unix, tcp := r.Dial(), dial(r)
	for _, tt := range []struct {
		command []string
		want    string
	}{
		{[]string{"PUBLISH", "mine:1", "x"}, fmt.Sprintf(closed, "mine:1", "publish")},
		{[]string{"SUBSCRIBE", "mine:1"}, fmt.Sprintf(closed, "mine:1", "subscribe")},
		{[]string{"PSUBSCRIBE", "*"}, fmt.Sprintf(closed, "*", "subscribe")},
		{[]string{"XRANGE", "mine:1", "-", "+"}, fmt.Sprintf(closed, "mine:1", "subscribe")},
		{[]string{"XADD", "mine:1", "*", "payload", "x"}, fmt.Sprintf(closed, "mine:1", "publish")},
		{[]string{"PUBSUB", "CHANNELS"}, "[]"},
		{[]string{"PSUBSCRIBE", "open:*"}, "[psubscribe open:* 1]"},
		{[]string{"PUNSUBSCRIBE"}, "[punsubscribe open:* 0]"},
		{[]string{"PUBLISH", "open:1", "x"}, ":0"},
	} {
		exchange(t, tcp, tt.want, tt.command...)
	}
	exchange(t, unix, "[subscribe mine:1 1]", "SUBSCRIBE", "mine:1")
	exchange(t, r.Dial(), ":1", "PUBLISH", "mine:1", "x")
	unix.Expect(t, "[message mine:1 x]")
	exchange(t, tcp, "[]", "PUBSUB", "CHANNELS")
}

// TestListsOfUsersAreOfTheUnixSocket: they let nobody in there, and nobody by TCP is asked.
func TestListsOfUsersAreOfTheUnixSocket(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, nil, overTCP, func(c *config.Config) { c.Socket.AllowUIDs = []uint32{54321} })
	exchange(t, dial(r), "+PONG", "PING")
	if v := r.Dial().Receive().String(); !strings.HasPrefix(v, "-DENIED your user may not connect") {
		t.Errorf("on the Unix socket: %s", v)
	}
}

func TestClientList(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, nil, overTCP)
	unix, tcp, other := r.Dial(), dial(r), dial(r)
	exchange(t, tcp, "+OK", "CLIENT", "SETNAME", "me")
	exchange(t, other, "+PONG", "PING")
	addr := tcp.NetConn().LocalAddr().String()
	line := unix.Do("CLIENT", "LIST", "ID", tcp.Do("CLIENT", "ID").String()[1:]).Str
	want := regexp.MustCompile(`^id=\d+ addr=` + regexp.QuoteMeta(addr) + ` laddr=` + regexp.QuoteMeta(r.TCPAddress()) +
		` fd=\d+ name=me .* lib-ver=\n$`)
	if !want.MatchString(line) {
		t.Errorf("CLIENT LIST has %q", line)
	}
	if line := unix.Do("CLIENT", "INFO").Str; !strings.Contains(line, " addr="+r.Socket+":0 laddr="+r.Socket+":0 ") ||
		!strings.Contains(line, fmt.Sprintf(" pid=%d uid=%d", os.Getpid(), os.Getuid())) {
		t.Errorf("on the Unix socket: %q", line)
	}
	if _, port, _ := net.SplitHostPort(r.TCPAddress()); !strings.Contains(unix.Do("INFO", "server").Str, "tcp_port:"+port+"\r\n") {
		t.Error("INFO does not tell the port")
	}

	t.Run("kill", func(t *testing.T) {
		exchange(t, tcp, ":0", "CLIENT", "KILL", "LADDR", r.Socket+":0") // of the relay's user
		exchange(t, tcp, ":0", "CLIENT", "KILL", "LADDR", addr)
		exchange(t, tcp, ":1", "CLIENT", "KILL", "ADDR", other.NetConn().LocalAddr().String())
		other.Closed()
		exchange(t, unix, ":1", "CLIENT", "KILL", "LADDR", r.TCPAddress())
		tcp.Closed()
		exchange(t, unix, "+PONG", "PING")
	})
}

func TestMonitorTellsTheAddress(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t), overTCP)
	watcher, tcp := r.Dial(), dial(r)
	exchange(t, watcher, "+OK", "MONITOR")
	exchange(t, tcp, ":0", "PUBLISH", "c", "x")
	if got, want := watcher.Receive().String(), " [0 "+tcp.NetConn().LocalAddr().String()+`] "publish" "c" "x" `; !strings.Contains(got, want) {
		t.Errorf("MONITOR shows %s, want %s", got, want)
	}
}

// TestLimitsHoldTogether for both doors.
func TestLimitsHoldTogether(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t), overTCP, func(c *config.Config) {
		c.Limits.Clients, c.Limits.CommandTimeout = 4, 5*time.Second // in which a busy machine sends a command
		c.Limits.Queue, c.Limits.Memory, c.Limits.Payload = 256<<10, 8<<20, 64<<10
	})
	unix, tcp := r.Dial(), dial(r)
	exchange(t, unix, "+PONG", "PING")
	exchange(t, tcp, "+PONG", "PING")

	t.Run("clients", func(t *testing.T) {
		more := []*redistest.Client{r.Dial(), dial(r)}
		for _, c := range more {
			exchange(t, c, "+PONG", "PING")
		}
		for _, c := range []*redistest.Client{r.Dial(), dial(r)} {
			c.Expect(t, "-ERR max number of clients reached")
			c.Closed()
		}
		for _, c := range more {
			c.Close()
		}
		redistest.Eventually(t, redistest.DefaultTimeout, "they are gone", func() bool { return r.Metric("clients") == 2 })
	})
	t.Run("command_timeout", func(t *testing.T) {
		silent := dial(r)
		tcp.SendRaw([]byte("*1\r\n$4\r\nPI"))
		silent.Closed()
		tcp.Closed()
	})
	t.Run("queue", func(t *testing.T) {
		slow := dial(r)
		exchange(t, slow, "[subscribe c 1]", "SUBSCRIBE", "c")
		payload := strings.Repeat("x", 60<<10)
		ended := func() bool { return r.Metric(`disconnects_total{reason="slow"}`) == 1 }
		for range 1000 { // the kernel takes some MiB
			if unix.Do("PUBLISH", "c", payload); ended() {
				break
			}
		}
		redistest.Eventually(t, redistest.DefaultTimeout, "the slow client is disconnected", ended)
	})
}

// TestWhoClosesIsNotPublishedFor while Redis is away, because it may be trying again. On TCP who has said all cannot be
// told from who has closed, and gets an error at once.
func TestWhoClosesIsNotPublishedFor(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	proxy := redistest.NewProxy(t, redis.Addr())
	r := harness.Start(t, nil, overTCP, harness.WithRedis("redis://"+proxy.Addr()),
		func(c *config.Config) { c.Redis.PublishTimeout = 20 * time.Second })
	direct := redistest.Dial(t, "tcp", redis.Addr())
	exchange(t, direct, "[subscribe c 1]", "SUBSCRIBE", "c")
	proxy.Refuse(true)
	proxy.Cut()
	redistest.Eventually(t, redistest.DefaultTimeout, "no connection to publish over", func() bool { return !r.IsReady() })
	for range 3 {
		c := dial(r)
		c.Send("PUBLISH", "c", "closed")
		c.Close()
	}
	half := dial(r)
	half.Send("PUBLISH", "c", "half")
	if err := half.NetConn().(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := half.Receive().String(); !strings.HasPrefix(got, "-UPSTREAMDOWN c: ") {
		t.Errorf("got %s", got)
	}
	redistest.Eventually(t, redistest.DefaultTimeout, "they are forgotten", func() bool { return r.Metric("clients") == 0 })
	patient := dial(r)
	patient.Send("PUBLISH", "c", "patient")
	proxy.Refuse(false)
	patient.Expect(t, ":1")
	direct.Expect(t, "[message c patient]")
}

// TestHalfClosedGetsItsReplies, as from redis-server: what nc sends.
func TestHalfClosedGetsItsReplies(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t), overTCP)
	sub := r.Subscribe("c")
	for range 20 {
		c := dial(r)
		c.SendRaw([]byte("PING\r\nPUBLISH c x\r\nECHO last\r\n"))
		if err := c.NetConn().(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		c.Expect(t, "+PONG", ":1", "last")
		if rest := c.Closed(); len(rest) > 0 {
			t.Errorf("more came: %v", rest)
		}
		sub.Expect(t, "[message c x]")
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t), overTCP)
	want := "clients can connect to " + r.Socket + " and to " + r.TCPAddress()
	if status, body := r.Get("/readyz?verbose"); status != 200 || !strings.Contains(body, want) {
		t.Errorf("/readyz: %d %s, want %q", status, body, want)
	}
	address := r.TCPAddress()
	r.Stop()
	if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		_ = conn.Close()
		t.Error("the address still takes connections")
	}
	if files, _ := filepath.Glob(r.Socket); len(files) > 0 {
		t.Error("the socket is left behind")
	}
}
