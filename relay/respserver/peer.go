package respserver

// Which client a connection is of: by the kernel, and by its own words.

import (
	"net"
	"strconv"
	"time"

	"redis-relay/relay/respserver/listen"
)

// peer is the process at the other end of a connection, as the kernel reports it.
type peer struct {
	known    bool  // false: on TCP, and where the system does not report it
	pid      int32 // 0 where the system does not report it
	uid, gid uint32
	tcp      *ends // nil: on the Unix socket
}

// ends are the addresses of a connection, as CLIENT LIST has them.
type ends struct{ addr, laddr string }

// ends returns the addresses of the connection. A Unix socket, at path, has one for both ends.
func (p *peer) ends(path string) ends {
	if p.tcp != nil {
		return *p.tcp
	}
	return ends{addr: path + ":0", laddr: path + ":0"}
}

// tcpPeer sets up a connection by TCP, and returns its peer: the kernel does not tell its user.
func tcpPeer(fd int) peer {
	addr, own := listen.SetUpTCP(fd)
	return peer{tcp: &ends{addr: addr, laddr: own}}
}

// key is what the log lines about one user, or one host, have in common, for sampling.
func (p peer) key() string {
	if p.tcp == nil {
		return strconv.FormatUint(uint64(p.uid), 10)
	}
	host, _, _ := net.SplitHostPort(p.tcp.addr)
	return host
}

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
	who := Client{ID: c.id, Name: c.name, PID: c.peer.pid, User: c.user()}
	if c.peer.tcp != nil {
		who.Addr = c.peer.tcp.addr
	}
	return who
}
