package respserver

// peer is who is at the other end of a connection, as the kernel says.
type peer struct {
	known    bool
	pid      int32 // 0 where the system does not tell
	uid, gid uint32
}
