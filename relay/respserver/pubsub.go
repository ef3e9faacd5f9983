package respserver

// PUBSUB: which channels and patterns have subscribers, over all relays.

import (
	"fmt"
	"slices"
	"strings"

	"redis-relay/relay/resp"
)

var pubsubCommands = table(
	&command{
		name: "pubsub|channels", arity: -2, run: channels(resp.Message),
		summary: "Returns the active channels.", since: "2.8.0", group: "pubsub",
	},
	&command{
		name: "pubsub|numsub", arity: -2, run: numsub(resp.Message),
		summary: "Returns a count of subscribers to channels.", since: "2.8.0", group: "pubsub",
	},
	&command{
		name: "pubsub|numpat", arity: 2, run: numpat,
		summary: "Returns a count of unique pattern subscriptions.", since: "2.8.0", group: "pubsub",
	},
	&command{
		name: "pubsub|shardchannels", arity: -2, run: channels(resp.SMessage),
		summary: "Returns the active shard channels.", since: "7.0.0", group: "pubsub",
	},
	&command{
		name: "pubsub|shardnumsub", arity: -2, run: numsub(resp.SMessage),
		summary: "Returns the count of subscribers of shard channels.", since: "7.0.0", group: "pubsub",
	},
	&command{name: "pubsub|help", arity: 2, run: help("PUBSUB", []string{
		"CHANNELS [<pattern>]", "    Return the currently active channels matching a <pattern> (default: '*').",
		"NUMPAT", "    Return number of subscriptions to patterns.",
		"NUMSUB [<channel> ...]", "    Return the number of subscribers for the specified channels, excluding",
		"    pattern subscriptions(default: no channels).",
		"SHARDCHANNELS [<pattern>]",
		"    Return the currently active shard level channels matching a <pattern> (default: '*').",
		"SHARDNUMSUB [<shardchannel> ...]", "    Return the number of subscribers for the specified shard level channel(s)",
	}), summary: "Returns helpful text about the different subcommands.", since: "6.2.0", group: "pubsub"},
)

// maxListings is how many lists of channels may be asked of Redis at a time: Redis's answer may be large, and is
// counted nowhere.
const maxListings = 16

// listings are the commands that list channels, and wait for their turn.
type listings struct {
	running int // asked of Redis
	waiting []func()
}

// run runs ask now, or when others have their answers. Until then c is paused.
func (l *listings) run(c *session, ask func()) {
	if l.running < maxListings {
		l.running++
		ask()
		return
	}
	c.pauses.begin(waitsForAnswer)
	l.waiting = append(l.waiting, func() {
		ask()
		c.unpause(waitsForAnswer)
	})
}

// done runs the next one, in a turn of its own.
func (l *listings) done(s *Server) {
	l.running--
	if len(l.waiting) > 0 {
		next := l.waiting[0]
		l.waiting = slices.Delete(l.waiting, 0, 1)
		l.running++
		s.loop.Post(next)
	}
}

func channels(kind resp.Kind) func(*session, [][]byte) {
	return func(c *session, args [][]byte) {
		if len(args) > 3 {
			c.replies.err(fmt.Sprintf("ERR unknown subcommand or wrong number of arguments for '%.*s'. Try PUBSUB HELP.",
				maxQuoted, args[1]))
			return
		}
		var pattern []byte
		if len(args) == 3 {
			pattern = slices.Clone(args[2])
		}
		if problem := tooLong(c, resp.PMessage, pattern); problem != "" {
			c.replies.err(problem)
			return
		}
		command := "PUBSUB " + strings.ToUpper(string(args[1]))
		r := c.reserveReply()
		if r == nil {
			return
		}
		c.srv.listings.run(c, func() {
			c.srv.backend.Channels(c.client.user(), kind, pattern, func(list []string, err error) {
				c.srv.listings.done(c.srv)
				completeChannels(r, command, list, err)
			})
		})
	}
}

// completeChannels replies with a list of names, or an error.
func completeChannels(r *pendingReply, command string, list []string, err error) {
	if err != nil {
		r.err(err.Error())
		return
	}
	text := newLongReply(r.session)
	for _, name := range list {
		text.setLast(resp.AppendBulkString(text.last(), name))
		if problem := text.tooLong(command, "ask for some, with a pattern"); problem != "" {
			text.discard()
			r.err(problem)
			return
		}
	}
	text.complete(&r.slot, resp.AppendArray(nil, len(list)))
}

func numsub(kind resp.Kind) func(*session, [][]byte) {
	return func(c *session, args [][]byte) {
		names, bytes := make([]string, 0, len(args)-2), 0
		for _, name := range args[2:] {
			if problem := tooLong(c, kind, name); problem != "" {
				c.replies.err(problem)
				return
			}
			names = append(names, string(name))
			bytes += memoryOfName(resp.Message, len(name))
		}
		r := c.reserveReply()
		if r == nil {
			return
		}
		c.memory.charge(bytes)
		c.srv.backend.Subscribers(c.client.user(), kind, names, func(counts []int64, err error) {
			c.memory.charge(-bytes)
			if err != nil {
				r.err(err.Error())
				return
			}
			text := newLongReply(c)
			for i, name := range names {
				text.setLast(resp.AppendInt(resp.AppendBulkString(text.last(), name), counts[i]))
			}
			text.complete(&r.slot, resp.AppendArray(nil, 2*len(names)))
		})
	}
}

func numpat(c *session, _ [][]byte) {
	r := c.reserveReply()
	if r == nil {
		return
	}
	c.srv.backend.Patterns(func(n int64, err error) {
		if err != nil {
			r.err(err.Error())
			return
		}
		r.complete(resp.AppendInt(nil, n))
	})
}
