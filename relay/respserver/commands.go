package respserver

// The table of commands, and how a command is found, checked and carried out.

import (
	"fmt"
	"strings"

	"redis-relay/relay/resp"
)

// command is one entry of the table.
type command struct {
	name    string // in lower case; "client|id" for a subcommand
	arity   int    // number of arguments with the name, as in COMMAND; -n: at least n
	summary string
	since   string // first version of Redis that has it
	group   string
	inSub   bool // a RESP2 subscriber may use it
	noAuth  bool // it may be used before AUTH
	run     func(c *session, args [][]byte)
	subs    map[string]*command
}

// commands is made by init: COMMAND is in it, and lists it.
var commands map[string]*command

func init() {
	commands = table(append(append(streamCommands(), scriptCommands()...),
		&command{
			name: "auth", arity: -2, group: "connection", since: "1.0.0", noAuth: true, run: auth,
			summary: "Checks the password on TCP, if there is one; else accepts any credentials.",
		},
		&command{
			name: "client", arity: -2, group: "connection", since: "2.4.0", subs: clientCommands,
			summary: "A container for client connection commands.",
		},
		&command{
			name: "command", arity: -1, group: "server", since: "2.8.13", run: commandInfoAll,
			subs: commandCommands, summary: "Returns information about the commands that the relay serves.",
		},
		&command{
			name: "echo", arity: 2, group: "connection", since: "1.0.0", run: echo,
			summary: "Returns the given string.",
		},
		&command{
			name: "hello", arity: -1, group: "connection", since: "6.0.0", noAuth: true, run: hello,
			summary: "Handshakes with the relay.",
		},
		&command{
			name: "info", arity: -1, group: "server", since: "1.0.0", run: info,
			summary: "Returns information about the relay.",
		},
		&command{
			name: "monitor", arity: -1, group: "server", since: "1.0.0", run: monitor,
			summary: "Shows the messages that pass through the relay.",
		},
		&command{
			name: "ping", arity: -1, group: "connection", since: "1.0.0", inSub: true, run: ping,
			summary: "Returns the relay's liveliness response.",
		},
		&command{
			name: "psubscribe", arity: -2, group: "pubsub", since: "2.0.0", inSub: true,
			run: subscribe(resp.PMessage), summary: "Listens for messages published to channels that match patterns.",
		},
		&command{
			name: "publish", arity: 3, group: "pubsub", since: "2.0.0", run: publish(resp.Message),
			summary: "Posts a message to a channel.",
		},
		&command{
			name: "pubsub", arity: -2, group: "pubsub", since: "2.8.0", subs: pubsubCommands,
			summary: "A container for Pub/Sub commands.",
		},
		&command{
			name: "punsubscribe", arity: -1, group: "pubsub", since: "2.0.0", inSub: true,
			run: unsubscribe(resp.PMessage), summary: "Stops listening to messages of channels that match patterns.",
		},
		&command{
			name: "quit", arity: -1, group: "connection", since: "1.0.0", inSub: true, noAuth: true, run: quit,
			summary: "Closes the connection.",
		},
		&command{
			name: "relay", arity: -2, group: "server", since: "1.0.0", subs: relayCommands,
			summary: "A container for commands that only the relay has.",
		},
		&command{
			name: "reset", arity: 1, group: "connection", since: "6.2.0", inSub: true, noAuth: true, run: reset,
			summary: "Resets the connection.",
		},
		&command{
			name: "select", arity: 2, group: "connection", since: "1.0.0", run: selectDB,
			summary: "Accepts any database number: Pub/Sub has none.",
		},
		&command{
			name: "spublish", arity: 3, group: "pubsub", since: "7.0.0", run: publish(resp.SMessage),
			summary: "Posts a message to a shard channel.",
		},
		&command{
			name: "ssubscribe", arity: -2, group: "pubsub", since: "7.0.0", inSub: true,
			run: subscribe(resp.SMessage), summary: "Listens for messages published to shard channels.",
		},
		&command{
			name: "subscribe", arity: -2, group: "pubsub", since: "2.0.0", inSub: true,
			run: subscribe(resp.Message), summary: "Listens for messages published to channels.",
		},
		&command{
			name: "sunsubscribe", arity: -1, group: "pubsub", since: "7.0.0", inSub: true,
			run: unsubscribe(resp.SMessage), summary: "Stops listening to messages of shard channels.",
		},
		&command{
			name: "unsubscribe", arity: -1, group: "pubsub", since: "2.0.0", inSub: true,
			run: unsubscribe(resp.Message), summary: "Stops listening to messages of channels.",
		},
	)...)
}

func table(list ...*command) map[string]*command {
	m := make(map[string]*command, len(list))
	for _, c := range list {
		_, word, sub := strings.Cut(c.name, "|")
		if !sub {
			word = c.name
		}
		m[word] = c
	}
	return m
}

// lookup finds a command by its name, in upper or lower case. It does not allocate.
func lookup(in map[string]*command, name []byte) *command {
	var buf [32]byte
	if len(name) > len(buf) {
		return nil
	}
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		buf[i] = b
	}
	return in[string(buf[:len(name)])]
}

// execute carries out one command.
func execute(c *session, cmd resp.Command) {
	c.srv.commands.Add(1)
	c.input.incompleteSince = 0
	c.replies.beginCommand()

	entry, args := lookup(commands, cmd.Args[0]), cmd.Args
	if entry == nil && isHTTP(args[0]) {
		c.ending.quits = true // without a reply, as in Redis
		return
	}
	if entry == nil {
		c.replies.err(unknown(c, args))
		return
	}
	if entry.subs != nil && len(args) > 1 {
		sub := lookup(entry.subs, args[1])
		if sub == nil {
			c.replies.err(unknownSub(entry, args[1]))
			return
		}
		entry = sub
	}
	if entry.run == nil || entry.arity > 0 && len(args) != entry.arity || len(args) < -entry.arity {
		c.replies.err("ERR wrong number of arguments for '" + entry.name + "' command")
		return
	}
	if c.login.isAwaited() && !entry.noAuth {
		c.replies.err(noAuth)
		return
	}
	if !entry.inSub && c.subscriberMode() {
		c.replies.err(notInSub(entry.name))
		return
	}
	c.last = entry
	if cmd.Oversize > 0 {
		oversize(c, entry, args, cmd.Oversize)
		return
	}
	entry.run(c, args)
}

// isHTTP recognises the first word of an HTTP request. A web page can have a browser send such requests to Redis.
func isHTTP(word []byte) bool {
	s := string(word)
	return strings.EqualFold(s, "post") || strings.EqualFold(s, "host:")
}

// maxQuoted is how many bytes an error repeats of a command, and of all its arguments together.
const maxQuoted = 128

// unknown returns Redis's error for an unknown command, and adds that this is the relay. A RESP2 subscriber, and a
// client before AUTH, get the error for a command that is not allowed to them: Redis may know the command.
func unknown(c *session, args [][]byte) string {
	if c.login.isAwaited() {
		return noAuth
	}
	if c.subscriberMode() {
		return notInSub(strings.ToLower(fmt.Sprintf("%.*s", maxQuoted, args[0])))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "ERR unknown command '%.*s', with args beginning with: ", maxQuoted, args[0])
	start := b.Len()
	for _, a := range args[1:] {
		left := maxQuoted - (b.Len() - start)
		if left <= 0 {
			break
		}
		fmt.Fprintf(&b, "'%.*s' ", left, a)
	}
	b.WriteString("(this is redis-relay: it serves Pub/Sub and history only, send other commands to Redis itself)")
	return b.String()
}

func notInSub(name string) string {
	return "ERR Can't execute '" + name + "': only (P|S)SUBSCRIBE / " +
		"(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
}

func unknownSub(container *command, sub []byte) string {
	return fmt.Sprintf("ERR unknown subcommand '%.*s'. Try %s HELP.", maxQuoted, sub, strings.ToUpper(container.name))
}

// oversize refuses a command with an argument that was too large to be read. That argument is empty: if it is the
// channel, nothing is published.
func oversize(c *session, entry *command, args [][]byte, size int64) {
	switch {
	case entry.name == "publish" && len(args[1]) > 0:
		publishOne(c, Publication{Kind: resp.Message, Channel: args[1], Oversize: size})
	case entry.name == "spublish" && len(args[1]) > 0:
		publishOne(c, Publication{Kind: resp.SMessage, Channel: args[1], Oversize: size})
	default:
		c.replies.err(fmt.Sprintf("TOOLARGE an argument of %d bytes is over limits.payload (%d)",
			size, c.input.commands.MaxBulk))
	}
}
