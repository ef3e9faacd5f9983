package respserver

// INFO, COMMAND and HELP.

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"redis-relay/relay/resp"
)

// section is one part of INFO.
type section struct {
	name  string
	write func(*session, *strings.Builder)
}

// sections are the parts of INFO. Libraries look for redis_version, loading, role and cluster_enabled, the test suite
// of redis-py for arch_bits; the rest is for people.
var sections = []section{
	{"Server", func(c *session, b *strings.Builder) {
		up := time.Since(c.srv.started)
		fmt.Fprintf(b, "redis_version:%s\r\nredis_mode:standalone\r\nredis_relay_version:%s\r\nredis_relay_http:%s\r\n"+
			"os:%s %s\r\narch_bits:%d\r\nprocess_id:%d\r\ntcp_port:%d\r\nunixsocket:%s\r\n"+
			"uptime_in_seconds:%d\r\nuptime_in_days:%d\r\n",
			c.srv.backend.RedisVersion(), c.srv.opts.Version, c.srv.opts.HTTP(), runtime.GOOS, runtime.GOARCH, strconv.IntSize,
			os.Getpid(), c.srv.opts.TCP.Port(), c.srv.opts.Path,
			int(up.Seconds()), int(up.Hours()/24))
	}},
	{"Clients", func(c *session, b *strings.Builder) {
		pubsub := 0
		all := c.srv.sessionsByAge()
		for _, other := range all {
			if kindOf(other) == "pubsub" {
				pubsub++
			}
		}
		fmt.Fprintf(b, "connected_clients:%d\r\nmaxclients:%d\r\npubsub_clients:%d\r\nblocked_clients:0\r\n",
			len(all), c.srv.limits.Clients.Load(), pubsub)
	}},
	{"Persistence", func(_ *session, b *strings.Builder) { b.WriteString("loading:0\r\n") }},
	{"Stats", func(c *session, b *strings.Builder) {
		s, h := c.srv.Stats(), c.srv.hub.Stats()
		fmt.Fprintf(b, "total_connections_received:%d\r\ntotal_commands_processed:%d\r\nrejected_connections:%d\r\n"+
			"pubsub_channels:%d\r\npubsub_patterns:%d\r\npubsubshard_channels:%d\r\n",
			s.Accepted, s.Commands, s.Refused, h.Topics[resp.Message], h.Topics[resp.PMessage], h.Topics[resp.SMessage])
	}},
	{"Replication", func(_ *session, b *strings.Builder) {
		b.WriteString("role:master\r\nconnected_slaves:0\r\n")
	}},
	{"Cluster", func(_ *session, b *strings.Builder) { b.WriteString("cluster_enabled:0\r\n") }},
}

func info(c *session, args [][]byte) {
	wanted := map[string]bool{}
	for _, a := range args[1:] {
		wanted[lower(a)] = true
	}
	all := len(args) == 1 || wanted["all"] || wanted["default"] || wanted["everything"]
	var b strings.Builder
	for _, s := range sections {
		if !all && !wanted[strings.ToLower(s.name)] {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString("# " + s.name + "\r\n")
		s.write(c, &b)
	}
	c.replies.text(c.proto, b.String())
}

var commandCommands = table(
	&command{
		name: "command|count", arity: 2, since: "2.8.13", group: "server",
		run:     func(c *session, _ [][]byte) { c.replies.int(int64(len(commands))) },
		summary: "Returns a count of commands.",
	},
	&command{
		name: "command|docs", arity: -2, run: commandDocs, since: "7.0.0", group: "server",
		summary: "Returns documentary information about commands.",
	},
	&command{
		name: "command|info", arity: -2, run: commandInfo, since: "2.8.13", group: "server",
		summary: "Returns information about one, multiple or all commands.",
	},
	&command{
		name: "command|list", arity: -2, run: commandList, since: "7.0.0", group: "server",
		summary: "Returns a list of command names.",
	},
	&command{name: "command|help", arity: 2, run: help("COMMAND", []string{
		"(no subcommand)", "    Return details about all commands of the relay.",
		"COUNT", "    Return the total number of commands of the relay.",
		"DOCS [<command-name> ...]", "    Return documentation details about commands.",
		"INFO [<command-name> ...]", "    Return details about commands.",
		"LIST", "    Return a list of all commands of the relay.",
	}), since: "5.0.0", group: "server", summary: "Returns helpful text about the different subcommands."},
)

func sorted(m map[string]*command) []*command {
	list := make([]*command, 0, len(m))
	for _, c := range m {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *command) int { return cmp.Compare(a.name, b.name) })
	return list
}

func commandInfoAll(c *session, _ [][]byte) {
	all := sorted(commands)
	b := resp.AppendArray(c.replies.scratch, len(all))
	for _, cmd := range all {
		b = cmd.appendInfo(b)
	}
	c.replies.send(b)
}

func commandInfo(c *session, args [][]byte) {
	if len(args) == 2 {
		commandInfoAll(c, args)
		return
	}
	b := resp.AppendArray(c.replies.scratch, len(args)-2)
	for _, name := range args[2:] {
		if cmd := lookup(commands, name); cmd != nil {
			b = cmd.appendInfo(b)
		} else {
			b = resp.AppendNull(b, c.proto)
		}
	}
	c.replies.send(b)
}

// appendInfo appends the six fields that every version of Redis has: name, arity, flags, first key, last key, step.
func (cmd *command) appendInfo(b []byte) []byte {
	b = resp.AppendArray(b, 6)
	b = resp.AppendInt(resp.AppendBulkString(b, cmd.name), int64(cmd.arity))
	flags := []string{"loading", "stale"}
	if cmd.group == "pubsub" {
		flags = append(flags, "pubsub")
	}
	b = resp.AppendArray(b, len(flags))
	for _, f := range flags {
		b = resp.AppendSimple(b, f)
	}
	for range 3 {
		b = resp.AppendInt(b, 0) // no keys
	}
	return b
}

func commandList(c *session, args [][]byte) {
	if len(args) > 2 { // FILTERBY is not supported
		c.replies.err("ERR syntax error")
		return
	}
	all := sorted(commands)
	b := resp.AppendArray(c.replies.scratch, len(all))
	for _, cmd := range all {
		b = resp.AppendBulkString(b, cmd.name)
	}
	c.replies.send(b)
}

func commandDocs(c *session, args [][]byte) {
	list := sorted(commands)
	if len(args) > 2 {
		list = list[:0]
		for _, name := range args[2:] {
			if cmd := lookup(commands, name); cmd != nil {
				list = append(list, cmd)
			}
		}
	}
	b := resp.AppendMap(c.replies.scratch, c.proto, len(list))
	for _, cmd := range list {
		b = cmd.appendDocs(b, c.proto)
	}
	c.replies.send(b)
}

func (cmd *command) appendDocs(b []byte, proto resp.Proto) []byte {
	fields := 3
	if cmd.subs != nil {
		fields++
	}
	b = resp.AppendMap(resp.AppendBulkString(b, cmd.name), proto, fields)
	b = resp.AppendBulkString(resp.AppendBulkString(b, "summary"), cmd.summary)
	b = resp.AppendBulkString(resp.AppendBulkString(b, "since"), cmd.since)
	b = resp.AppendBulkString(resp.AppendBulkString(b, "group"), cmd.group)
	if cmd.subs != nil {
		b = resp.AppendMap(resp.AppendBulkString(b, "subcommands"), proto, len(cmd.subs))
		for _, sub := range sorted(cmd.subs) {
			b = sub.appendDocs(b, proto)
		}
	}
	return b
}

// help replies with the lines of a HELP subcommand, in Redis's form.
func help(name string, lines []string) func(*session, [][]byte) {
	return func(c *session, _ [][]byte) {
		all := append([]string{name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"}, lines...)
		all = append(all, "HELP", "    Prints this help.")
		b := resp.AppendArray(c.replies.scratch, len(all))
		for _, line := range all {
			b = resp.AppendSimple(b, line)
		}
		c.replies.send(b)
	}
}
