package respserver

// peer is who is at the other end of a connection, as the kernel says.
type peer struct {
	known    bool
	pid      int32 // 0 where the system does not tell
	uid, gid uint32
}

// User is whose process a client is, as the kernel says. The zero User is not
// known, and may do only what everybody may.
type User struct {
	Known bool
	UID   uint32
}

// user is the User of a session.
func (c *session) user() User { return User{c.peer.known, c.peer.uid} }
