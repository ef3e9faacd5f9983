package respserver

// CLIENT, without LIST and KILL.

import (
	"fmt"
	"slices"
	"strings"

	"redis-relay/relay/resp"
)

// clientNames is what Redis's errors call the names of CLIENT SETNAME.
const clientNames = "Client names"

// maxName is how many bytes the name of a client may have, and those of its library and its version. They are kept as
// long as the client is connected.
const maxName = 512

var clientCommands = table(
	&command{
		name: "client|getname", arity: 2, run: clientGetName,
		summary: "Returns the name of the connection.", since: "2.6.9", group: "connection",
	},
	&command{
		name: "client|id", arity: 2, run: func(c *session, _ [][]byte) { c.replies.int(int64(c.client.id)) },
		summary: "Returns the unique client ID of the connection.", since: "5.0.0", group: "connection",
	},
	&command{
		name: "client|info", arity: 2,
		run:     func(c *session, _ [][]byte) { c.replies.text(c.proto, string(appendLine(nil, c))+"\n") },
		summary: "Returns information about the connection.", since: "6.2.0", group: "connection",
	},
	&command{
		name: "client|kill", arity: -3, run: clientKill,
		summary: "Terminates open connections.", since: "2.4.0", group: "connection",
	},
	&command{
		name: "client|list", arity: -2, run: clientList,
		summary: "Lists open connections.", since: "2.4.0", group: "connection",
	},
	&command{
		name: "client|no-evict", arity: 3, run: clientOnOff,
		summary: "Accepted: the relay evicts by limits.queue only.", since: "7.0.0", group: "connection",
	},
	&command{
		name: "client|no-touch", arity: 3, run: clientOnOff,
		summary: "Accepted: the relay has no keys to touch.", since: "7.2.0", group: "connection",
	},
	&command{
		name: "client|reply", arity: 3, run: clientReply,
		summary: "Instructs the relay whether to reply to commands.", since: "3.2.0", group: "connection",
	},
	&command{
		name: "client|setinfo", arity: 4, run: clientSetInfo,
		summary: "Sets information specific to the client or connection.", since: "7.2.0", group: "connection",
	},
	&command{
		name: "client|setname", arity: 3, run: clientSetName,
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

// badName returns the error if s cannot be a name, or nothing. what says in the error which name it is.
func badName(what string, s []byte) string {
	switch {
	case !printable(s):
		return "ERR " + what + " cannot contain spaces, newlines or special characters."
	case len(s) > maxName:
		return fmt.Sprintf("ERR %s cannot have more than %d bytes; this one has %d", what, maxName, len(s))
	}
	return ""
}

// printable tells whether Redis accepts s as a name: ASCII without spaces and control characters.
func printable(s []byte) bool {
	return !slices.ContainsFunc(s, func(b byte) bool { return b < '!' || b > '~' })
}

func lower(b []byte) string { return strings.ToLower(string(b)) }

func clientSetName(c *session, args [][]byte) {
	if problem := badName(clientNames, args[2]); problem != "" {
		c.replies.err(problem)
		return
	}
	c.client.name = string(args[2])
	c.replies.simple("OK")
}

func clientGetName(c *session, _ [][]byte) {
	if c.client.name == "" {
		c.replies.send(resp.AppendNull(c.replies.scratch, c.proto))
		return
	}
	c.replies.bulk([]byte(c.client.name))
}

func clientSetInfo(c *session, args [][]byte) {
	option := lower(args[2])
	if option != "lib-name" && option != "lib-ver" {
		c.replies.err(fmt.Sprintf("ERR Unrecognized option '%.128s'", args[2]))
		return
	}
	if problem := badName(option, args[3]); problem != "" {
		c.replies.err(problem)
		return
	}
	if option == "lib-name" {
		c.client.libName = string(args[3])
	} else {
		c.client.libVer = string(args[3])
	}
	c.replies.simple("OK")
}

func clientOnOff(c *session, args [][]byte) {
	switch lower(args[2]) {
	case "on", "off":
		c.replies.simple("OK")
	default:
		c.replies.err("ERR syntax error")
	}
}

func clientReply(c *session, args [][]byte) {
	switch lower(args[2]) {
	case "on":
		c.replies.off, c.replies.muted = false, false
		c.replies.simple("OK")
	case "off":
		c.replies.off = true
	case "skip":
		c.replies.skipNext = !c.replies.off
	default:
		c.replies.err("ERR syntax error")
	}
}
