package listen_test

// What is set up of a TCP connection.

import (
	"errors"
	"net"
	"testing"

	"golang.org/x/sys/unix"

	"redis-relay/relay/redistest"
	"redis-relay/relay/respserver/listen"
)

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
		if addr, laddr := listen.SetUpTCP(fd); addr != client.NetConn().LocalAddr().String() || laddr != ln.Addr().String() {
			t.Errorf("addresses %s and %s", addr, laddr)
		}
		for _, o := range []struct{ level, name, want int }{
			{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{unix.IPPROTO_TCP, listen.TCPKeepIdle, 300},
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
	tcp, err := listen.OnTCP("")
	if err = errors.Join(err, tcp.Unreachable(), tcp.Close()); tcp != nil || tcp.Addr() != nil || err != nil {
		t.Errorf("%v: %v", tcp, err)
	}
}
