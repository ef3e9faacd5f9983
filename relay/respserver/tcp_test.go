package respserver_test

// TCP beside the Unix socket.

import (
	"errors"
	"net"
	"testing"

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
