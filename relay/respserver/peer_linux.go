package respserver

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerOf asks for SO_PEERCRED (unix(7)): the credentials at the time of connect.
func peerOf(conn net.Conn) (p peer) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return p
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return p
	}
	_ = raw.Control(func(fd uintptr) {
		if c, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p = peer{known: true, pid: c.Pid, uid: c.Uid, gid: c.Gid}
		}
	})
	return p
}
