package respserver_test

// One connection that is slow, half closed, or gone.

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/hub"
	"redis-relay/relay/redistest"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
)

func queue(bytes int64) func(*respserver.Options, *respserver.Limits) {
	return func(_ *respserver.Options, l *respserver.Limits) { l.Queue.Store(bytes) }
}

func TestSlowListenerIsDisconnectedAlone(t *testing.T) {
	s := serve(t, queue(256<<10))
	slow, good := s.dial(), s.dial()
	for _, c := range []*redistest.Client{slow, good} {
		c.Send("SUBSCRIBE", "a")
		c.Expect(t, "[subscribe a 1]")
	}
	slow.Send("PING") // its answer is the last that it will read
	slow.Expect(t, `[pong ""]`)
	payload := strings.Repeat("x", 16<<10)
	rounds := 0
	for ; s.Ended(hub.ReasonSlow) == 0; rounds++ {
		if rounds == 10_000 {
			t.Fatal("160 MB are queued, and the limit is 256 KiB")
		}
		s.deliver("a", payload)
		good.Expect(t, "[message a "+payload+"]")
	}
	s.waitClients(1)
	s.deliver("a", "after")
	good.Expect(t, "[message a after]")

	if got := len(slow.Closed()); got == 0 || got >= rounds {
		t.Errorf("the slow listener got %d whole messages of %d before the end", got, rounds)
	}
	if got := s.stats(); s.Ended(hub.ReasonSlow) != 1 || got.Ended == 0 || got.Listeners[resp.Message] != 1 {
		t.Errorf("stats are %+v", got)
	}
	if lines := s.logs.FilterMessageSnippet("did not keep up").Len(); lines != 1 {
		t.Errorf("%d lines in the log say so", lines)
	}
}

// Replies that nobody reads are bounded too.
func TestClientThatReadsNoRepliesIsDisconnected(t *testing.T) {
	s := serve(t, queue(256<<10))
	c, other := s.dial(), s.dial()
	echo := redistest.AppendCommand(nil, "ECHO", strings.Repeat("x", 16<<10))
	conn := c.NetConn()
	_ = conn.SetWriteDeadline(time.Now().Add(redistest.DefaultTimeout))
	for err := error(nil); err == nil; {
		_, err = conn.Write(echo)
		if nerr, ok := err.(net.Error); ok && nerr.Timeout() { //nolint:errorlint // as net returns it
			t.Fatal("the client was neither served nor disconnected")
		}
	}
	other.Send("PING")
	other.Expect(t, "+PONG")
	s.waitClients(1)
}

func TestPublishWindow(t *testing.T) {
	const window, publishes = 16, 3000
	s := serve(t, func(_ *respserver.Options, l *respserver.Limits) { l.Window.Store(window) })
	s.holdPublications()
	c, other := s.dial(), s.dial()
	var pipeline []byte
	for i := range publishes {
		pipeline = redistest.AppendCommand(pipeline, "PUBLISH", "a", fmt.Sprint(i))
	}
	c.SendRaw(pipeline)
	s.waitPublished(window)
	for range 100 { // time for one too many
		other.Send("PING")
		other.Expect(t, "+PONG")
	}
	if n := len(s.published()); n != window {
		t.Fatalf("%d publishes wait, the window is %d", n, window)
	}
	s.answerAll()
	for i := range publishes {
		want := ":1"
		if i < window {
			want = fmt.Sprint(":", i)
		}
		c.Expect(t, want)
	}
	for i, payload := range s.published() {
		if payload != fmt.Sprint(i) {
			t.Fatalf("publish %d is %s", i, payload)
		}
	}
}

// A client may go while its publishes wait; the answers then go nowhere.
func TestClientGoesWhileItsPublishesWait(t *testing.T) {
	s := serve(t)
	s.holdPublications()
	c := s.dial()
	c.Send("PUBLISH", "a", "x")
	c.Send("PUBLISH", "a", "y")
	s.waitPublished(2)
	c.Close()
	s.waitClients(0)
	if n := ask(s, func() int { return s.backend.withdrawn }); n != 2 {
		t.Errorf("%d were withdrawn, want 2", n)
	}
	s.answerAll()
}

func TestHalfClosedWaitsForItsConfirmation(t *testing.T) {
	s := serve(t)
	s.mute()
	c := s.dial()
	c.Send("SUBSCRIBE", "a", "b")
	c.Send("PING")
	closeWrite(t, c)
	s.waitAsked(1)
	s.answer()
	c.Expect(t, "[subscribe a 1]", "[subscribe b 2]", `[pong ""]`)
	c.Closed()
}

func closeWrite(t *testing.T, c *redistest.Client) {
	t.Helper()
	if err := c.NetConn().(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
}

// Whoever goes while Redis is silent leaves nothing behind.
func TestClientGoesWhileItsSubscriptionWaits(t *testing.T) {
	for name, leave := range map[string]func(*testing.T, *redistest.Client){
		"closed":      func(_ *testing.T, c *redistest.Client) { c.Close() },
		"half closed": closeWrite,
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, impatient)
			s.mute()
			c := s.dial()
			c.Send("SUBSCRIBE", "a")
			s.waitAsked(1)
			leave(t, c)
			s.waitClients(0)
			s.waitAsked(2)
			s.answer()
			if n := s.stats().Topics[resp.Message]; n != 0 {
				t.Errorf("%d channels are still wanted", n)
			}
		})
	}
}

func TestRefusedSubscriptionIsAnErrorReply(t *testing.T) {
	s := serve(t)
	s.in(func() { s.upstream.refuses["a"] = errors.New("NOPERM no access to a") })
	c := s.dial()
	c.Send("SUBSCRIBE", "b", "a")
	c.Expect(t, "-NOPERM no access to a")
	c.Send("PING")
	c.Expect(t, "+PONG")
}

// A listener that the hub disconnects reads what it was sent, and then the end.
func TestLossClosesTheConnection(t *testing.T) {
	s := serve(t)
	c := s.dial()
	c.Send("SUBSCRIBE", "a")
	c.Expect(t, "[subscribe a 1]")
	s.deliver("a", "last")
	lost := func() int { return s.hub.Lost(func(resp.Kind, string) bool { return true }) }
	if n := ask(s, lost); n != 1 {
		t.Errorf("%d listeners were ended, want 1", n)
	}
	if got := fmt.Sprint(c.Closed()); got != "[[message a last]]" {
		t.Errorf("before the end came %s", got)
	}
	ended := s.logs.FilterMessage("client disconnected").All()
	if len(ended) != 1 || ended[0].ContextMap()["reason"] != string(hub.ReasonGap) {
		t.Errorf("the log says %v", ended)
	}
}

// A connection that waits for input holds no buffer: ten thousand cost little.
func TestIdleConnectionsTakeLittleMemory(t *testing.T) {
	const conns, each = 300, 6 << 10 // bytes, with the client's end
	s := serve(t, func(_ *respserver.Options, l *respserver.Limits) { l.Clients.Store(conns) })
	before := heap()
	var all []net.Conn
	for range conns {
		conn, err := net.Dial("unix", s.path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, len("+PONG\r\n"))); err != nil {
			t.Fatal(err)
		}
		all = append(all, conn)
	}
	until(t, "every session waits for input", func() bool { return heap() < before+conns*each })
	runtime.KeepAlive(all)
}

// heap is what is reachable now, in bytes.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // the second empties pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Who may not listen for a moment has missed something, also if it was busy then and
// may listen again when it looks.
func TestForbiddenForAMoment(t *testing.T) {
	s := serve(t)
	busy, idle, watcher := s.dial(), s.dial(), s.dial()
	for _, c := range []*redistest.Client{busy, idle} {
		c.Send("HELLO", "3", "SETNAME", "c")
		c.Receive()
		c.Send("SUBSCRIBE", "a")
		c.Expect(t, ">[subscribe a 1]")
	}
	s.in(func() { s.backend.check = true })
	busy.Send("PUBLISH", "b", "m") // waits for the check
	s.waitPublished(1)

	may := func(is bool) respserver.MayListen {
		return func(_ respserver.User, _ resp.Kind, name []byte) bool { return is || string(name) != "a" }
	}
	s.in(func() { s.RecheckAccess(may(false)) })
	s.in(func() { s.RecheckAccess(may(true)) })
	s.in(func() { s.backend.answer() })
	for _, c := range []*redistest.Client{busy, idle} {
		c.Closed()
	}
	watcher.Send("PING") // it has no subscription
	watcher.Expect(t, "+PONG")
	if n := s.Ended("denied"); n != 2 {
		t.Errorf("%d are counted, want 2", n)
	}
}
