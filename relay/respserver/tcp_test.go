package respserver_test

// TCP beside the Unix socket.

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/respserver"
	"redis-relay/relay/respserver/listen"
)

// listenTCP ends the test unless a loopback address can be taken.
func listenTCP(t *testing.T) *listen.TCP {
	t.Helper()
	tcp, err := listen.OnTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tcp.Close() })
	return tcp
}

// TestTCPBesideTheSocket: both doors are served, and both are shut at the end.
func TestTCPBesideTheSocket(t *testing.T) {
	t.Parallel()
	tcp := listenTCP(t)
	s := serve(t, func(o *respserver.Options, _ *respserver.Limits) { o.TCP = tcp })
	byTCP, bySocket := redistest.Dial(t, "tcp", tcp.Addr().String()), s.dial()
	for _, c := range []*redistest.Client{byTCP, bySocket} {
		c.Send("SUBSCRIBE", "c")
		c.Expect(t, "[subscribe c 1]")
	}
	s.deliver("c", "m")
	byTCP.Expect(t, "[message c m]")
	bySocket.Expect(t, "[message c m]")
	s.in(func() { s.SetPassword("p") }) // who is connected stays so
	byTCP.Send("PING")
	byTCP.Expect(t, `[pong ""]`)
	later := redistest.Dial(t, "tcp", tcp.Addr().String())
	later.Send("PING")
	later.Expect(t, "-NOAUTH Authentication required.")
	later.Send("AUTH", "p")
	later.Expect(t, "+OK")
	s.end()
	byTCP.Closed()
	if err := tcp.Unreachable(); !errors.Is(err, listen.ErrTCPClosed) {
		t.Errorf("Unreachable says %v", err)
	}
	if conn, err := net.Dial("tcp", tcp.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("the address still takes connections")
	}
}

// TestStrangersKeepNobodyOut: clients that have not given the password have half of the places, for as long as a command
// may take, whatever else they send.
func TestStrangersKeepNobodyOut(t *testing.T) {
	t.Parallel()
	tcp := listenTCP(t)
	s := serve(t, func(o *respserver.Options, l *respserver.Limits) {
		o.TCP = tcp
		l.Clients.Store(4)
	})
	limit := func(d time.Duration) { s.limits.Command.Store(int64(d)) } // of what has begun before, too
	s.in(func() { s.SetPassword("p") })
	dial := func() *redistest.Client { return redistest.Dial(t, "tcp", tcp.Addr().String()) }
	stranger := func() *redistest.Client {
		c := dial()
		c.Send("PING")
		c.Expect(t, "-NOAUTH Authentication required.")
		return c
	}
	first, second := stranger(), stranger()
	third := dial()
	third.Expect(t, "-ERR max number of clients reached")
	third.Closed()
	local := s.dial()
	local.Send("PING")
	local.Expect(t, "+PONG")
	first.Send("AUTH", "p")
	first.Expect(t, "+OK")
	stubborn, err := net.Dial("tcp", tcp.Addr().String()) // a place is free again
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stubborn.Close() }()
	go func() {
		for err := error(nil); err == nil; time.Sleep(100 * time.Millisecond) {
			_, err = io.WriteString(stubborn, "RESET\r\n")
		}
	}()
	limit(time.Second)
	second.Closed()
	_ = stubborn.SetReadDeadline(time.Now().Add(redistest.DefaultTimeout))
	if _, err := io.Copy(io.Discard, stubborn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("RESET gives a client without the password more time")
	}
	first.Send("PING")
	first.Expect(t, "+PONG")
	first.Send("RESET")
	first.Expect(t, "+RESET")
	first.Closed()
	limit(0)      // a busy machine may take its time
	for range 2 { // all places of strangers are free again
		c := dial()
		c.Send("AUTH", "p")
		c.Expect(t, "+OK")
	}
}

func TestPasswordOfSpacesIsNone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "p")
	if err := os.WriteFile(file, []byte(" \t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if password, err := respserver.ReadPassword(file); err == nil {
		t.Errorf("%q is taken for a password", password)
	}
}
