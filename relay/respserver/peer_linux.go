package respserver

import "golang.org/x/sys/unix"

// credentials reads SO_PEERCRED (unix(7)).
func credentials(fd int) peer {
	c, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return peer{}
	}
	return peer{known: true, pid: c.Pid, uid: c.Uid, gid: c.Gid}
}
