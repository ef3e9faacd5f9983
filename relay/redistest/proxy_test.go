// Tests that each fault of the proxy does what it says.

package redistest

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// through is a server, a proxy in front of it and a client connected through both.
func through(t *testing.T) (*Server, *Proxy, *Client) {
	srv := Start(t)
	p := NewProxy(t, srv.Addr())
	c := Dial(t, "tcp", p.Addr())
	c.Send("PING")
	c.Expect(t, "+PONG")
	return srv, p, c
}

func TestProxyForwards(t *testing.T) {
	_, p, c := through(t)
	big := strings.Repeat("x", 1<<20)
	c.Send("SET", "k", big)
	c.Expect(t, "+OK")
	if v := c.Do("GET", "k"); v.Str != big {
		t.Errorf("got %d bytes, want %d", len(v.Str), len(big))
	}
	if n := p.Conns(); n != 1 {
		t.Errorf("got %d connections, want 1", n)
	}
	c.Close()
	Eventually(t, DefaultTimeout, "the closed connection is gone", func() bool { return p.Conns() == 0 })
}

func TestProxyPassesTheEndOfEitherSide(t *testing.T) {
	srv, p, c := through(t)
	t.Run("client's", func(t *testing.T) {
		half := Dial(t, "tcp", p.Addr())
		half.Send("SUBSCRIBE", "a")
		half.Expect(t, "[subscribe a 1]")
		if err := half.NetConn().(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		half.Closed()
		if got := srv.PubSubClients(); len(got) != 0 {
			t.Errorf("still at the server: %q", got)
		}
	})
	t.Run("server's", func(t *testing.T) {
		srv.Kill()
		c.Closed()
	})
}

func TestProxyWithoutServer(t *testing.T) {
	srv, p, _ := through(t)
	srv.Kill()
	Dial(t, "tcp", p.Addr()).Closed()
	srv.Restart()
	c := Dial(t, "tcp", p.Addr())
	c.Send("PING")
	c.Expect(t, "+PONG")
}

func TestCut(t *testing.T) {
	srv, p, c := through(t)
	sub := Dial(t, "tcp", p.Addr())
	sub.Send("SUBSCRIBE", "a")
	sub.Expect(t, "[subscribe a 1]")

	p.Cut()
	if n := p.Conns(); n != 0 {
		t.Errorf("%d connections after Cut", n)
	}
	c.Closed()
	sub.Closed()
	Eventually(t, DefaultTimeout, "the server has noticed", func() bool { return len(srv.PubSubClients()) == 0 })

	again := Dial(t, "tcp", p.Addr())
	again.Send("PING")
	again.Expect(t, "+PONG")
}

func TestCutInsideAFrame(t *testing.T) {
	const size = 64 << 20 // more than the buffers between server and client hold
	srv, p, c := through(t)
	srv.MustDo("SETRANGE", "k", "67108863", "x")
	c.Send("GET", "k")
	header := make([]byte, len("$67108864\r\n"))
	if _, err := io.ReadFull(c.NetConn(), header); err != nil || string(header) != "$67108864\r\n" {
		t.Fatalf("got %q, %v", header, err)
	}
	p.Cut()
	n, err := io.Copy(io.Discard, c.NetConn())
	if !isEnd(err) && err != nil || n >= size {
		t.Errorf("after the cut: %d bytes, %v", n, err)
	}
}

func TestRefuse(t *testing.T) {
	_, p, c := through(t)
	p.Refuse(true)
	if got := Dial(t, "tcp", p.Addr()).Closed(); len(got) != 0 {
		t.Errorf("a refused connection heard %v", got)
	}
	c.Send("PING") // the connection from before is spared
	c.Expect(t, "+PONG")
	p.Refuse(false)
	again := Dial(t, "tcp", p.Addr())
	again.Send("PING")
	again.Expect(t, "+PONG")
}

// wantSilence checks that c hears nothing for a while.
func wantSilence(t *testing.T, c *Client) {
	t.Helper()
	c.SetTimeout(50 * time.Millisecond)
	defer c.SetTimeout(DefaultTimeout)
	if v, err := c.TryReceive(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("got %s, %v, want silence", v, err)
	}
}

func TestStallHoldsBothDirections(t *testing.T) {
	srv, p, c := through(t)
	sub := Dial(t, "tcp", p.Addr())
	sub.Send("SUBSCRIBE", "a")
	sub.Expect(t, "[subscribe a 1]")

	p.Stall(true)
	p.Stall(true) // again, to no effect
	srv.MustDo("PUBLISH", "a", "1")
	c.Send("PUBLISH", "a", "2")
	fresh := Dial(t, "tcp", p.Addr())
	fresh.Send("PING")
	wantSilence(t, sub)
	wantSilence(t, c)
	wantSilence(t, fresh)
	if got := srv.PubSubClients(); len(got) != 1 {
		t.Errorf("the server has lost its subscriber: %q", got)
	}

	p.Stall(false)
	p.Stall(false)
	sub.Expect(t, `[message a "1"]`, `[message a "2"]`)
	c.Expect(t, ":1")
	fresh.Expect(t, "+PONG")
}

func TestStallHoldsTheEnd(t *testing.T) {
	srv, p, c := through(t)
	sub := Dial(t, "tcp", p.Addr())
	sub.Send("SUBSCRIBE", "a")
	sub.Expect(t, "[subscribe a 1]")

	p.Stall(true)
	sub.Close()
	srv.MustDo("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	wantSilence(t, c)
	if got := srv.PubSubClients(); len(got) != 1 {
		t.Errorf("the server has heard of the end: %q", got)
	}
	p.Stall(false)
	c.Closed()
	Eventually(t, DefaultTimeout, "the end passes", func() bool { return len(srv.PubSubClients()) == 0 })
}

func TestCutOfAStalledConnection(t *testing.T) {
	srv, p, c := through(t)
	p.Stall(true)
	srv.MustDo("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	p.Cut()
	c.Closed()
}

func TestDelay(t *testing.T) {
	const d = 30 * time.Millisecond
	_, p, c := through(t)
	p.Delay(d)
	start := time.Now()
	c.Send("PING")
	c.Expect(t, "+PONG")
	if took := time.Since(start); took < 2*d {
		t.Errorf("a round trip took %v, want at least %v", took, 2*d)
	}
	p.Delay(time.Hour)
	c.Send("PING")
	wantSilence(t, c)
	p.Cut() // does not wait for the hour
	c.Closed()
}

func TestDelayOff(t *testing.T) {
	_, p, c := through(t)
	p.Delay(time.Hour)
	p.Delay(0)
	c.Send("PING")
	c.Expect(t, "+PONG")
}

func TestSliceKeepsTheBytes(t *testing.T) {
	_, p, c := through(t)
	for _, n := range []int{1, 7, 0} {
		p.Slice(n)
		if v := c.Do("ECHO", strings.Repeat("0123456789", 1000)); len(v.Str) != 10_000 {
			t.Errorf("slices of %d: got %d bytes, want 10000", n, len(v.Str))
		}
	}
}

// sizes is a writer that records how much each write brings.
type sizes []int

func (s *sizes) Write(p []byte) (int, error) {
	*s = append(*s, len(p))
	return len(p), nil
}

func TestSliceCutsThePieces(t *testing.T) {
	p := NewProxy(t, "")
	l := &link{ctx: t.Context()}
	for _, c := range []struct {
		slice int
		want  []int
	}{
		{0, []int{10}}, {3, []int{3, 3, 3, 1}}, {5, []int{5, 5}}, {11, []int{10}},
	} {
		p.Slice(c.slice)
		var got sizes
		if err := p.pump(l, &got, strings.NewReader("0123456789")); !errors.Is(err, io.EOF) {
			t.Errorf("slices of %d: %v", c.slice, err)
		}
		if len(got) != len(c.want) || got[len(got)-1] != c.want[len(c.want)-1] || got[0] != c.want[0] {
			t.Errorf("slices of %d: got %v, want %v", c.slice, got, c.want)
		}
	}
}

func TestCutAfterEveryOffset(t *testing.T) {
	_, p, spared := through(t)
	const reply = "$5\r\nhello\r\n"
	for n := range len(reply) {
		p.CutAfter(int64(n))
		c := Dial(t, "tcp", p.Addr())
		_ = c.TrySend("ECHO", "hello") // cut after 0, it may be too late
		got, err := io.ReadAll(c.NetConn())
		if string(got) != reply[:n] || err != nil && !isEnd(err) {
			t.Errorf("cut after %d: got %q, %v", n, got, err)
		}
	}
	spared.Send("PING") // connected before
	spared.Expect(t, "+PONG")
	next := Dial(t, "tcp", p.Addr()) // connected after: the fault is used up
	next.Send("ECHO", "hello")
	next.Expect(t, "hello")
}

func TestProxyCloseLeavesNothing(t *testing.T) {
	srv := Start(t)
	before := runtime.NumGoroutine()
	p := NewProxy(t, srv.Addr())
	var clients []*Client
	for range 20 {
		c := Dial(t, "tcp", p.Addr())
		c.Send("PING")
		c.Expect(t, "+PONG")
		clients = append(clients, c)
	}
	p.Stall(true)
	p.Close()
	for _, c := range clients {
		c.Closed()
	}
	Eventually(t, DefaultTimeout, "goroutines are as before", func() bool { return runtime.NumGoroutine() <= before })
	if _, err := p.ln.Accept(); !errors.Is(err, net.ErrClosed) { // by now its port may be somebody else's
		t.Errorf("a closed proxy listens: %v", err)
	}
}
