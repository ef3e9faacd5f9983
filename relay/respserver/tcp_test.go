package respserver_test

// What is set up of a TCP connection, and the listener itself.

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"redis-relay/relay/redistest"
	"redis-relay/relay/respserver"
)

// listenTCP ends the test unless a loopback address can be taken.
func listenTCP(t *testing.T) *respserver.TCP {
	t.Helper()
	tcp, err := respserver.ListenTCP("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tcp.Close() })
	return tcp
}

func TestTCPOptions(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	client := redistest.Dial(t, "tcp", ln.Addr().String())
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(own uintptr) {
		fd := int(own) //nolint:gosec // descriptors are small
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 0)
		if addr, laddr := respserver.TCPAddresses(fd); addr != client.NetConn().LocalAddr().String() || laddr != ln.Addr().String() {
			t.Errorf("addresses %s and %s", addr, laddr)
		}
		for _, o := range []struct{ level, name, want int }{
			{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.IPPROTO_TCP, respserver.TCPKeepIdle, 300},
			{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 100},
			{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
		} {
			if got, err := unix.GetsockoptInt(fd, o.level, o.name); err != nil || got != o.want {
				t.Errorf("option %d of %d: %d, %v, want %d", o.name, o.level, got, err, o.want)
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// TestNoTCP: a nil TCP is fit for use.
func TestNoTCP(t *testing.T) {
	t.Parallel()
	tcp, err := respserver.ListenTCP("")
	if err = errors.Join(err, tcp.Unreachable(), tcp.Close()); tcp != nil || tcp.Addr() != nil || err != nil {
		t.Errorf("%v: %v", tcp, err)
	}
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
	if err := tcp.Unreachable(); !errors.Is(err, respserver.ErrTCPClosed) {
		t.Errorf("Unreachable says %v", err)
	}
	if conn, err := net.Dial("tcp", tcp.Addr().String()); err == nil {
		_ = conn.Close()
		t.Error("the address still takes connections")
	}
}
