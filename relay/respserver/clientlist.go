package respserver

// CLIENT LIST and CLIENT KILL, which choose connections by the same filters.

import (
	"fmt"
	"os"
	"slices"
	"time"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// ReasonKilled says that CLIENT KILL ended a connection.
const ReasonKilled hub.Reason = "killed"

// kindOf returns the type of a client, as in CLIENT LIST TYPE.
func kindOf(c *session) string {
	if c.subs.total() > 0 {
		return "pubsub"
	}
	return "normal"
}

// appendLine appends a connection as a line of CLIENT LIST, with the peer's pid and uid after the fields of Redis on
// the Unix socket. All fields of Redis are there, because libraries parse each as a number; figures that the relay
// does not have are 0.
func appendLine(b []byte, c *session) []byte {
	now := time.Now()
	last, flags := "NULL", "U"
	if c.last != nil {
		last = c.last.name
	}
	if c.subs.total() > 0 {
		flags = "PU"
	}
	if c.viewer != nil {
		flags = "O" + flags
	}
	who, at, backlog, names := &c.client, c.client.peer.ends(c.srv.opts.Path), c.out.Backlog(), &c.subs.names
	b = fmt.Appendf(b, "id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=%d "+
		"multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=%d tot-mem=%d "+
		"events=r cmd=%s user=default redir=-1 resp=%d lib-name=%s lib-ver=%s",
		who.id, at.addr, at.laddr, c.socket.FD(), who.name, int(now.Sub(who.opened).Seconds()),
		int(now.Sub(c.input.lastUsed).Seconds()), flags, who.db,
		len(names[resp.Message]), len(names[resp.PMessage]), len(names[resp.SMessage]),
		backlog.Queued, backlog.Queued+backlog.Kept, last, c.proto, who.libName, who.libVer)
	if who.peer.tcp != nil {
		return b
	}
	return fmt.Appendf(b, " pid=%d uid=%d", who.peer.pid, who.peer.uid)
}

// filter chooses connections, as CLIENT LIST and CLIENT KILL do.
type filter struct {
	ids    []uint64
	kind   string
	addrs  []string
	laddrs []string
	skipMe bool
}

func (f *filter) matches(c, me *session) bool {
	at := c.client.peer.ends(c.srv.opts.Path)
	return (f.ids == nil || slices.Contains(f.ids, c.client.id)) &&
		(f.kind == "" || f.kind == kindOf(c)) &&
		!slices.ContainsFunc(f.addrs, func(addr string) bool { return addr != at.addr }) &&
		!slices.ContainsFunc(f.laddrs, func(addr string) bool { return addr != at.laddr }) &&
		(!f.skipMe || c != me)
}

// parse parses pairs of option and value. problem is the error for the client.
func (f *filter) parse(args [][]byte) (problem string) {
	for i := 0; i < len(args); i += 2 {
		if i+1 == len(args) {
			return "ERR syntax error"
		}
		value := lower(args[i+1])
		switch option := lower(args[i]); option {
		case "id":
			id, ok := resp.ParseInt(args[i+1])
			if !ok || id <= 0 {
				return "ERR client-id should be greater than 0"
			}
			f.ids = append(f.ids, uint64(id))
		case "type":
			if !slices.Contains([]string{"normal", "pubsub", "master", "slave", "replica"}, value) {
				return fmt.Sprintf("ERR Unknown client type '%.128s'", args[i+1])
			}
			f.kind = value
		case "addr":
			f.addrs = append(f.addrs, string(args[i+1]))
		case "laddr":
			f.laddrs = append(f.laddrs, string(args[i+1]))
		case "user":
			if value != "default" {
				return fmt.Sprintf("ERR No such user '%.128s'", args[i+1])
			}
		case "skipme":
			if value != "yes" && value != "no" {
				return "ERR syntax error"
			}
			f.skipMe = value == "yes"
		default:
			return "ERR syntax error"
		}
	}
	return ""
}

// parseList parses the arguments of CLIENT LIST: one option. ID may have many values.
func (f *filter) parseList(args [][]byte) (problem string) {
	if len(args) < 2 || lower(args[0]) != "id" {
		return f.parse(args)
	}
	for _, a := range args[1:] {
		id, ok := resp.ParseInt(a)
		if !ok {
			return "ERR Invalid client ID"
		}
		f.ids = append(f.ids, uint64(id))
	}
	return ""
}

func clientList(c *session, args [][]byte) {
	var f filter
	if problem := f.parseList(args[2:]); problem != "" {
		c.replies.err(problem)
		return
	}
	a := newLongReply(c)
	for _, other := range c.srv.sessionsByAge() {
		if !f.matches(other, c) {
			continue
		}
		a.setLast(append(appendLine(a.last(), other), '\n'))
		if problem := a.tooLong("CLIENT LIST", "ask for some, with ID"); problem != "" {
			a.discard()
			c.replies.err(problem)
			return
		}
	}
	a.replyText()
}

// mayKill tells whether the user of c may end another connection: one of the same user; or any, for root and the
// relay's user. Those whose user is not known, as on TCP, are one party.
func mayKill(c, other *session) bool {
	me, it := &c.client.peer, &other.client.peer
	if !me.known {
		return !it.known
	}
	return it.known && me.uid == it.uid || me.uid == 0 || me.uid == uint32(os.Geteuid())
}

// clientKill takes both forms of the command: the old one with an address, and the new one with filters.
func clientKill(c *session, args [][]byte) {
	old := len(args) == 3
	f := filter{skipMe: !old}
	if old {
		f.addrs = []string{string(args[2])}
	} else if problem := f.parse(args[2:]); problem != "" {
		c.replies.err(problem)
		return
	}
	killed, me := 0, false
	for _, other := range c.srv.sessionsByAge() {
		if f.matches(other, c) && mayKill(c, other) {
			killed++
			if me = me || other == c; other != c {
				other.finish(ReasonKilled)
			}
		}
	}
	switch {
	case !old:
		c.replies.int(int64(killed))
	case killed == 0:
		c.replies.err("ERR No such client")
	default:
		c.replies.simple("OK")
	}
	c.ending.quits = me
}
