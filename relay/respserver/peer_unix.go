//go:build linux || darwin

package respserver

import "net"

// peerOf asks the kernel for the peer's credentials at the time of connect.
func peerOf(conn net.Conn) (p peer) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return p
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return p
	}
	_ = raw.Control(func(fd uintptr) { p = credentials(int(fd)) }) // closed: an unknown peer
	return p
}
