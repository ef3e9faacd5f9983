package embedded

// CLIENT: what a connection says about itself, and the list of connections.

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"redis-relay/relay/resp"
)

// clientCommand answers CLIENT and its subcommands.
func clientCommand(c *client, args []string) {
	sub, rest := strings.ToLower(args[0]), args[1:]
	cmd, ok := clientCommands[sub]
	switch {
	case !ok:
		c.fail(unknownSubcommand("CLIENT", args[0]))
	case !cmd.takes(rest):
		c.fail(wrongArity("client|" + sub))
	default:
		c.last = "client|" + sub
		cmd.run(c, rest)
	}
}

var clientCommands = map[string]command{
	"id":       {run: clientID},
	"getname":  {run: clientGetName},
	"setname":  {min: 1, max: 1, run: clientSetName},
	"setinfo":  {min: 2, max: 2, run: clientSetInfo},
	"info":     {run: clientInfo},
	"list":     {max: -1, run: clientList},
	"kill":     {min: 1, max: -1, run: clientKill},
	"no-evict": {min: 1, max: 1, run: acceptOption},
	"no-touch": {min: 1, max: 1, run: acceptOption},
}

func clientID(c *client, _ []string) { c.reply = resp.AppendInt(c.reply, c.id) }

func clientGetName(c *client, _ []string) {
	if c.name == "" {
		c.reply = resp.AppendNull(c.reply, c.proto)
		return
	}
	c.reply = resp.AppendBulkString(c.reply, c.name)
}

func clientSetName(c *client, args []string) {
	if !printable(args[0]) {
		c.fail(errBadName)
		return
	}
	c.name = args[0]
	c.ok()
}

// clientSetInfo answers CLIENT SETINFO, which Redis has had since 7.2.
func clientSetInfo(c *client, args []string) {
	field := &c.libName
	switch strings.ToLower(args[0]) {
	case "lib-name":
	case "lib-ver":
		field = &c.libVersion
	default:
		c.fail(replyError("ERR Unrecognized option '" + args[0] + "'"))
		return
	}
	if !printable(args[1]) {
		c.fail(replyError("ERR " + args[0] + " cannot contain spaces, newlines or special characters."))
		return
	}
	*field = args[1]
	c.ok()
}

// acceptOption answers options that make no difference here: nothing is ever evicted.
func acceptOption(c *client, _ []string) { c.ok() }

func clientInfo(c *client, _ []string) {
	c.reply = resp.AppendVerbatim(c.reply, c.proto, "txt", c.describe())
}

// clientList answers CLIENT LIST [TYPE type] [ID id].
func clientList(c *client, args []string) {
	chosen, err := c.srv.choose(args)
	if err != nil {
		c.fail(err)
		return
	}
	var text strings.Builder
	for _, each := range chosen {
		text.WriteString(each.describe())
	}
	c.reply = resp.AppendVerbatim(c.reply, c.proto, "txt", text.String())
}

// clientKill answers CLIENT KILL with filters, and replies with the number of
// clients that it disconnects. As in Redis the caller itself is spared.
func clientKill(c *client, args []string) {
	chosen, err := c.srv.choose(args)
	if err != nil {
		c.fail(err)
		return
	}
	chosen = slices.DeleteFunc(chosen, func(each *client) bool { return each == c })
	for _, each := range chosen {
		each.close()
	}
	c.reply = resp.AppendInt(c.reply, int64(len(chosen)))
}

// choose returns the clients that pass every filter, sorted by id. The filters are TYPE normal|pubsub, ID id and
// ADDR ip:port.
func (s *Server) choose(filters []string) ([]*client, error) {
	if len(filters)%2 != 0 {
		return nil, errSyntax
	}
	chosen := make([]*client, 0, len(s.clients))
	for c := range s.clients {
		chosen = append(chosen, c)
	}
	for pair := range slices.Chunk(filters, 2) {
		passes, err := filter(strings.ToLower(pair[0]), pair[1])
		if err != nil {
			return nil, err
		}
		chosen = slices.DeleteFunc(chosen, func(c *client) bool { return !passes(c) })
	}
	slices.SortFunc(chosen, func(a, b *client) int { return int(a.id - b.id) })
	return chosen, nil
}

func filter(field, value string) (func(*client) bool, error) {
	switch field {
	case "type":
		kind := strings.ToLower(value)
		if !slices.Contains([]string{"normal", "pubsub", "master", "replica", "slave"}, kind) {
			return nil, replyError("ERR Unknown client type '" + value + "'")
		}
		return func(c *client) bool { return c.kind() == kind }, nil
	case "id":
		id, err := strconv.ParseInt(value, 10, 64)
		if err != nil || id < 1 {
			return nil, errBadID
		}
		return func(c *client) bool { return c.id == id }, nil
	case "addr":
		return func(c *client) bool { return c.conn.RemoteAddr().String() == value }, nil
	}
	return nil, errSyntax
}

// kind returns the client's TYPE.
func (c *client) kind() string {
	if c.names.empty() {
		return "normal"
	}
	return "pubsub"
}

// describe returns the client's line of CLIENT LIST.
func (c *client) describe() string {
	flags := "N"
	if !c.names.empty() {
		flags = "P"
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=0 flags=%s db=0 sub=%d psub=%d ssub=%d "+
		"multi=-1 cmd=%s user=default lib-name=%s lib-ver=%s resp=%d\n",
		c.id, c.conn.RemoteAddr(), c.conn.LocalAddr(), c.id+7, c.name, int(time.Since(c.since).Seconds()), flags,
		len(c.names[resp.Message]), len(c.names[resp.PMessage]), len(c.names[resp.SMessage]),
		c.last, c.libName, c.libVersion, c.proto)
}

// printable is Redis's rule for names: no spaces, no control bytes, ASCII.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < '!' || r > '~' })
}
