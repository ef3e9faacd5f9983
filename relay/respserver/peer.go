package respserver

// Which client a connection is of: by the kernel, and by its own words.

import (
	"strconv"
	"time"
)

// peer is the process at the other end of a connection, as the kernel reports it.
type peer struct {
	known    bool
	pid      int32 // 0 where the system does not report it
	uid, gid uint32
}

// key is what the log lines about one user have in common, for sampling.
func (p peer) key() string { return strconv.FormatUint(uint64(p.uid), 10) }

// User is the user of a client's process, as the kernel reports it. The zero User is unknown, and may do only what
// everybody may.
type User struct {
	Known bool
	UID   uint32
}

// client is one connection's client. It is Sender.
type client struct {
	// Fixed after construction.
	id     uint64
	peer   peer
	opened time.Time

	db      int    // the last that SELECT accepted
	name    string // by CLIENT SETNAME or HELLO
	libName string // by CLIENT SETINFO
	libVer  string
}

func (c *client) user() User { return User{c.peer.known, c.peer.uid} }

// Identity returns what is known of the client.
func (c *client) Identity() Client {
	return Client{ID: c.id, Name: c.name, PID: c.peer.pid, User: c.user()}
}
