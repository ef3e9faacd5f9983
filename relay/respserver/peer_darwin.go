package respserver

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerOf asks for LOCAL_PEERCRED (unix(4)).
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
		c, err := unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
		if err == nil && c.Ngroups > 0 {
			p = peer{known: true, uid: c.Uid, gid: c.Groups[0]}
		}
	})
	return p
}
