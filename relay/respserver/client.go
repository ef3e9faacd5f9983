package respserver

// CLIENT: names, lists and kills connections.

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

// ReasonKilled says that CLIENT KILL ended a connection.
const ReasonKilled hub.Reason = "killed"

// clientNames are what Redis calls those of SETNAME.
const clientNames = "Client names"

// maxName is how many bytes the name of a client may have, of its library, and of that
// library's version. They are kept for as long as the client is there.
const maxName = 512

var clientCommands = table(
	&command{
		name: "client|getname", arity: 2, run: (*session).clientGetName,
		summary: "Returns the name of the connection.", since: "2.6.9", group: "connection",
	},
	&command{
		name: "client|id", arity: 2, run: func(c *session, _ [][]byte) { c.replyInt(int64(c.id)) },
		summary: "Returns the unique client ID of the connection.", since: "5.0.0", group: "connection",
	},
	&command{
		name: "client|info", arity: 2,
		run:     func(c *session, _ [][]byte) { c.replyText(string(c.appendLine(nil)) + "\n") },
		summary: "Returns information about the connection.", since: "6.2.0", group: "connection",
	},
	&command{
		name: "client|kill", arity: -3, run: (*session).clientKill,
		summary: "Terminates open connections.", since: "2.4.0", group: "connection",
	},
	&command{
		name: "client|list", arity: -2, run: (*session).clientList,
		summary: "Lists open connections.", since: "2.4.0", group: "connection",
	},
	&command{
		name: "client|no-evict", arity: 3, run: (*session).clientOnOff,
		summary: "Accepted: the relay evicts by limits.queue only.", since: "7.0.0", group: "connection",
	},
	&command{
		name: "client|no-touch", arity: 3, run: (*session).clientOnOff,
		summary: "Accepted: the relay has no keys to touch.", since: "7.2.0", group: "connection",
	},
	&command{
		name: "client|reply", arity: 3, run: (*session).clientReply,
		summary: "Instructs the relay whether to reply to commands.", since: "3.2.0", group: "connection",
	},
	&command{
		name: "client|setinfo", arity: 4, run: (*session).clientSetInfo,
		summary: "Sets information specific to the client or connection.", since: "7.2.0", group: "connection",
	},
	&command{
		name: "client|setname", arity: 3, run: (*session).clientSetName,
		summary: "Sets the connection name.", since: "2.6.9", group: "connection",
	},
	&command{name: "client|help", arity: 2, run: help("CLIENT", []string{
		"GETNAME", "    Return the name of the current connection.",
		"ID", "    Return the ID of the current connection.",
		"INFO", "    Return information about the current client connection.",
		"KILL (<id> of CLIENT LIST as ID <id> | TYPE normal|pubsub | SKIPME yes|no)...", "    Kill connections.",
		"LIST [TYPE normal|pubsub] [ID <id> ...]", "    Return information about client connections.",
		"NO-EVICT (ON|OFF)", "    Accepted.",
		"NO-TOUCH (ON|OFF)", "    Accepted.",
		"REPLY (ON|OFF|SKIP)", "    Control the replies sent to the current connection.",
		"SETINFO (LIB-NAME|LIB-VER) <value>", "    Set client meta attr.",
		"SETNAME <name>", "    Assign the name <name> to the current connection.",
	}), summary: "Returns helpful text about the different subcommands.", since: "5.0.0", group: "connection"},
)

// badName says why s is no name of what is said, or nothing.
func badName(what string, s []byte) string {
	switch {
	case !printable(s):
		return "ERR " + what + " cannot contain spaces, newlines or special characters."
	case len(s) > maxName:
		return fmt.Sprintf("ERR %s cannot have more than %d bytes; this one has %d", what, maxName, len(s))
	}
	return ""
}

// printable tells whether Redis would take s as a name: no spaces, no control
// bytes, nothing beyond ASCII.
func printable(s []byte) bool {
	return !slices.ContainsFunc(s, func(b byte) bool { return b < '!' || b > '~' })
}

func lower(b []byte) string { return strings.ToLower(string(b)) }

func (c *session) setName(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.name = name
}

func (c *session) clientSetName(args [][]byte) {
	if problem := badName(clientNames, args[2]); problem != "" {
		c.replyError(problem)
		return
	}
	c.setName(string(args[2]))
	c.replySimple("OK")
}

func (c *session) clientGetName([][]byte) {
	if c.name == "" {
		c.reply(resp.AppendNull(c.scratch, c.proto))
		return
	}
	c.replyBulk([]byte(c.name))
}

func (c *session) clientSetInfo(args [][]byte) {
	option := lower(args[2])
	if option != "lib-name" && option != "lib-ver" {
		c.replyError(fmt.Sprintf("ERR Unrecognized option '%.128s'", args[2]))
		return
	}
	if problem := badName(option, args[3]); problem != "" {
		c.replyError(problem)
		return
	}
	c.mu.Lock()
	if option == "lib-name" {
		c.libName = string(args[3])
	} else {
		c.libVer = string(args[3])
	}
	c.mu.Unlock()
	c.replySimple("OK")
}

func (c *session) clientOnOff(args [][]byte) {
	switch lower(args[2]) {
	case "on", "off":
		c.replySimple("OK")
	default:
		c.replyError("ERR syntax error")
	}
}

func (c *session) clientReply(args [][]byte) {
	switch lower(args[2]) {
	case "on":
		c.off, c.muted = false, false
		c.replySimple("OK")
	case "off":
		c.off = true
	case "skip":
		c.skipNext = !c.off
	default:
		c.replyError("ERR syntax error")
	}
}

// kindOf is the client class of CLIENT LIST TYPE.
func (c *session) kindOf() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.counts {
		if n > 0 {
			return "pubsub"
		}
	}
	return "normal"
}

// appendLine describes the connection as a line of CLIENT LIST, with the peer's pid and
// uid behind the fields of Redis. All of those are there, since libraries read
// each as a number; what the relay does not count is 0.
func (c *session) appendLine(b []byte) []byte {
	now := time.Now()
	last := "NULL"
	if cmd := c.last.Load(); cmd != nil {
		last = cmd.name
	}
	backlog := c.out.Backlog()
	c.mu.Lock()
	defer c.mu.Unlock()
	flags := "U"
	if c.counts != [resp.Kinds]int{} {
		flags = "PU"
	}
	return fmt.Appendf(b, "id=%d addr=%s:0 laddr=%s:0 fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=%d "+
		"multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=%d tot-mem=%d "+
		"events=r cmd=%s user=default redir=-1 resp=%d lib-name=%s lib-ver=%s pid=%d uid=%d",
		c.id, c.srv.opts.Path, c.srv.opts.Path, c.fd, c.name, int(now.Sub(c.opened).Seconds()),
		int(now.Sub(time.Unix(0, c.active.Load())).Seconds()), flags, c.db,
		c.counts[resp.Message], c.counts[resp.PMessage], c.counts[resp.SMessage],
		backlog.Queued, backlog.Queued+backlog.Kept, last, c.proto, c.libName, c.libVer, c.peer.pid, c.peer.uid)
}

// filter chooses connections, as CLIENT LIST and CLIENT KILL do.
type filter struct {
	ids    []uint64
	kind   string
	addrs  []string // of the two ends, in Redis's words; those of a socket are one
	skipMe bool
}

func (f *filter) matches(c, me *session) bool {
	return (f.ids == nil || slices.Contains(f.ids, c.id)) &&
		(f.kind == "" || f.kind == c.kindOf()) &&
		!slices.ContainsFunc(f.addrs, func(addr string) bool { return addr != c.srv.opts.Path+":0" }) &&
		(!f.skipMe || c != me)
}

// parse reads pairs of option and value; problem is the error for the client.
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
		case "addr", "laddr":
			f.addrs = append(f.addrs, string(args[i+1]))
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

// parseList reads the arguments of CLIENT LIST: one option, of which ID takes many
// values.
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

func (c *session) clientList(args [][]byte) {
	var f filter
	if problem := f.parseList(args[2:]); problem != "" {
		c.replyError(problem)
		return
	}
	c.flush() // what the client does not take counts
	a := c.newAnswer()
	for _, other := range c.srv.list() {
		if !f.matches(other, c) {
			continue
		}
		a.put(append(other.appendLine(a.last()), '\n'))
		if problem := a.tooLong("CLIENT LIST", "ask for some, with ID"); problem != "" {
			a.giveUp()
			c.replyError(problem)
			return
		}
	}
	a.replyText()
}

// mayKill tells whether the user may end a connection: one of its own, or any if it
// is root or the relay's user.
func (c *session) mayKill(other *session) bool {
	uid := c.peer.uid
	return !c.peer.known || uid == other.peer.uid || uid == 0 || uid == uint32(os.Geteuid())
}

// clientKill has the old form, with an address, and the new one, with filters.
func (c *session) clientKill(args [][]byte) {
	old := len(args) == 3
	f := filter{skipMe: !old}
	if old {
		f.addrs = []string{string(args[2])}
	} else if problem := f.parse(args[2:]); problem != "" {
		c.replyError(problem)
		return
	}
	killed, me := 0, false
	var others []*session
	for _, other := range c.srv.list() {
		if f.matches(other, c) && c.mayKill(other) {
			killed++
			if me = me || other == c; other != c {
				other.end(ReasonKilled)
				others = append(others, other)
			}
		}
	}
	c.letLeave(others)
	switch {
	case !old:
		c.replyInt(int64(killed))
	case killed == 0:
		c.replyError("ERR No such client")
	default:
		c.replySimple("OK")
	}
	c.quit = c.quit || me
}
