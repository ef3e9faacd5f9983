package upstream

// TCP_USER_TIMEOUT, which only Linux has.

import (
	"crypto/tls"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// unacknowledged is how long sent bytes may stay unacknowledged before the
// kernel gives the connection up, instead of the quarter of an hour it
// retransmits by default.
const unacknowledged = 10 * time.Second

// giveUpUnacknowledged sets TCP_USER_TIMEOUT (tcp(7)). Failing is harmless: the
// PING deadline finds a dead peer too.
func giveUpUnacknowledged(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unacknowledged.Milliseconds()))
	})
}
