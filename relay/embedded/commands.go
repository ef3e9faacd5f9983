package embedded

// The table of commands that this package answers, and the commands about the connection. The engine, miniredis,
// answers all others.

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"redis-relay/relay/resp"
)

// defaultUser is the only user.
const defaultUser = "default"

// replyError is the text of an error reply: a code word, then a sentence.
type replyError string

func (e replyError) Error() string { return string(e) }

const (
	errTooLong replyError = "ERR an argument is longer than the 32 MiB that the embedded redis takes; " +
		"use a redis-server"
	errNoTransactions replyError = "ERR the embedded redis has no transactions; use a Lua script or a redis-server"
	errWaitingScript  replyError = "ERR This Redis command is not allowed from script"
	errBadName        replyError = "ERR Client names cannot contain spaces, newlines or special characters."
	errBadVersion     replyError = "ERR Protocol version is not an integer or out of range"
	errNoProto        replyError = "NOPROTO unsupported protocol version"
	errNoPassword     replyError = "ERR AUTH <password> called without any password configured for the default user. " +
		"Are you sure your configuration is correct?"
	errWrongPass replyError = "WRONGPASS invalid username-password pair or user is disabled."
	errBadID     replyError = "ERR client-id should be greater than 0"
	errSyntax    replyError = "ERR syntax error"
)

func wrongArity(name string) error {
	return replyError("ERR wrong number of arguments for '" + strings.ToLower(name) + "' command")
}

func unknownSubcommand(command, sub string) error {
	return replyError(fmt.Sprintf("ERR unknown subcommand '%.128s'. Try %s HELP.", sub, command))
}

// unknownCommand quotes the command and its arguments, at most 128 bytes of
// either, as Redis does.
func unknownCommand(args []string) error {
	var quoted strings.Builder
	for _, a := range args[1:] {
		if quoted.Len() >= 128 {
			break
		}
		fmt.Fprintf(&quoted, "'%.*s' ", 128-quoted.Len(), a)
	}
	return replyError(fmt.Sprintf("ERR unknown command '%.128s', with args beginning with: %s", args[0], &quoted))
}

// command is one row of the table. It has either answer or run. Both are called in the server's turn, with the
// arguments behind the command's name.
type command struct {
	min, max        int  // the number of arguments; max -1: any number
	whileSubscribed bool // a RESP2 client may call it while it listens
	container       bool // its first argument is a subcommand

	answer func(b *broker, reply []byte, args []string) []byte // also for scripts: appends its reply
	run    func(c *client, args []string)                      // appends to c.reply
}

var commands = map[string]command{
	"subscribe":    {min: 1, max: -1, whileSubscribed: true, run: subscribe(resp.Message)},
	"psubscribe":   {min: 1, max: -1, whileSubscribed: true, run: subscribe(resp.PMessage)},
	"ssubscribe":   {min: 1, max: -1, whileSubscribed: true, run: subscribe(resp.SMessage)},
	"unsubscribe":  {max: -1, whileSubscribed: true, run: unsubscribe(resp.Message)},
	"punsubscribe": {max: -1, whileSubscribed: true, run: unsubscribe(resp.PMessage)},
	"sunsubscribe": {max: -1, whileSubscribed: true, run: unsubscribe(resp.SMessage)},
	"publish":      {min: 2, max: 2, answer: publish},
	"spublish":     {min: 2, max: 2, answer: publishShard},
	"pubsub":       {min: 1, max: -1, container: true, answer: inspect},
	"ping":         {max: -1, whileSubscribed: true, run: ping},
	"quit":         {max: -1, whileSubscribed: true, run: quit},
	"reset":        {whileSubscribed: true, run: reset},
	"hello":        {max: -1, run: hello},
	"auth":         {min: 1, max: -1, run: auth},
	"role":         {run: role},
	"client":       {min: 1, max: -1, container: true, run: clientCommand},
	"info":         {max: -1, run: serverInfo},
	"multi":        {max: -1, run: noTransactions},
	"exec":         {max: -1, run: noTransactions},
	"discard":      {max: -1, run: noTransactions},
	"watch":        {max: -1, run: noTransactions},
	"unwatch":      {max: -1, run: noTransactions},
}

// takes reports whether the number of arguments is right.
func (cmd command) takes(args []string) bool {
	return len(args) >= cmd.min && (cmd.max < 0 || len(args) <= cmd.max)
}

// fullName returns the name of a command as Redis's errors show it, such as client|id.
func (cmd command) fullName(args []string) string {
	if cmd.container {
		return strings.ToLower(args[0] + "|" + args[1])
	}
	return strings.ToLower(args[0])
}

// ping answers PING, to a RESP2 client that listens in the form of a message.
func ping(c *client, args []string) {
	payload := strings.Join(args, "")
	switch {
	case len(args) > 1:
		c.fail(wrongArity("ping"))
	case c.proto == resp.RESP2 && !c.names.empty():
		c.reply = resp.AppendArray(c.reply, 2)
		c.strings("pong", payload)
	case len(args) == 1:
		c.strings(payload)
	default:
		c.reply = resp.AppendSimple(c.reply, "PONG")
	}
}

func quit(c *client, _ []string) {
	c.ok()
	c.quitting = true
}

// reset answers RESET: it ends all subscriptions, without confirmations, and forgets the name and the protocol.
func reset(c *client, _ []string) {
	c.srv.broker.removeAll(c)
	c.name = ""
	c.peer.Ctx = nil // the engine's: the selected database
	c.proto = resp.RESP2
	c.reply = resp.AppendSimple(c.reply, "RESET")
}

// auth answers AUTH [user] password. The default user has no password, so with its name any password is right.
func auth(c *client, args []string) {
	switch {
	case len(args) > 2:
		c.fail(errSyntax)
	case len(args) == 1:
		c.fail(errNoPassword)
	case args[0] != defaultUser:
		c.fail(errWrongPass)
	default:
		c.ok()
	}
}

// role answers ROLE: a master without replicas.
func role(c *client, _ []string) {
	c.reply = resp.AppendArray(c.reply, 3)
	c.strings("master")
	c.reply = resp.AppendInt(c.reply, 0)
	c.reply = resp.AppendArray(c.reply, 0)
}

func noTransactions(c *client, _ []string) { c.fail(errNoTransactions) }

// hello answers HELLO [protover [AUTH user password] [SETNAME name]]. Any
// password is right for the default user, which has none.
func hello(c *client, args []string) {
	h := greeting{proto: c.proto, name: c.name}
	if err := h.parse(args); err != nil {
		c.fail(err)
		return
	}
	c.name = h.name
	c.proto = h.proto
	c.reply = resp.AppendMap(c.reply, c.proto, 7)
	c.strings("server", "redis", "version", Version, "proto")
	c.reply = resp.AppendInt(c.reply, int64(c.proto))
	c.strings("id")
	c.reply = resp.AppendInt(c.reply, c.id)
	c.strings("mode", "standalone", "role", "master", "modules")
	c.reply = resp.AppendArray(c.reply, 0)
}

// greeting holds the arguments of HELLO.
type greeting struct {
	proto resp.Proto
	name  string
}

func (h *greeting) parse(args []string) error {
	if len(args) == 0 {
		return nil
	}
	version, err := strconv.Atoi(args[0])
	if err != nil {
		return errBadVersion
	}
	h.proto = resp.Proto(version)
	if h.proto != resp.RESP2 && h.proto != resp.RESP3 {
		return errNoProto
	}
	return h.parseOptions(args[1:])
}

func (h *greeting) parseOptions(args []string) error {
	for len(args) > 0 {
		switch option := strings.ToLower(args[0]); {
		case option == "auth" && len(args) > 2:
			if args[1] != defaultUser {
				return errWrongPass
			}
			args = args[3:]
		case option == "setname" && len(args) > 1:
			if !printable(args[1]) {
				return errBadName
			}
			h.name, args = args[1], args[2:]
		default:
			return replyError("ERR Syntax error in HELLO option '" + args[0] + "'")
		}
	}
	return nil
}

// serverInfo answers INFO, with the fields that client libraries and health checks look for, whatever sections are
// asked for.
func serverInfo(c *client, _ []string) {
	s := c.srv
	text := fmt.Sprintf("# Server\r\nredis_version:%s\r\nredis_mode:standalone\r\nuptime_in_seconds:%d\r\n"+
		"\r\n# Clients\r\nconnected_clients:%d\r\n"+
		"\r\n# Persistence\r\nloading:0\r\n"+
		"\r\n# Stats\r\npubsub_channels:%d\r\npubsub_patterns:%d\r\npubsubshard_channels:%d\r\n"+
		"\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n"+
		"\r\n# Cluster\r\ncluster_enabled:0\r\n",
		Version, int(time.Since(s.started).Seconds()), len(s.clients),
		len(s.broker.listeners[resp.Message]), len(s.broker.listeners[resp.PMessage]),
		len(s.broker.listeners[resp.SMessage]))
	c.reply = resp.AppendVerbatim(c.reply, c.proto, "txt", text)
}
