package respserver

import "golang.org/x/sys/unix"

// credentials reads LOCAL_PEERCRED (unix(4)).
func credentials(fd int) peer {
	c, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil || c.Ngroups == 0 {
		return peer{}
	}
	return peer{known: true, uid: c.Uid, gid: c.Groups[0]}
}
