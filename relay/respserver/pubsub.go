package respserver

// PUBSUB.

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

// maxListings is how many lists of all channels are under way: Redis's answer may be large, and is counted
// nowhere.
const maxListings = 16

// listings are the questions for all channels that wait for their turn.
type listings struct {
	running int
	waiting []func()
}

// begin runs ask now, or when others have their answers: until then c carries out nothing else.
func (l *listings) run(c *session, ask func()) {
	if l.running < maxListings {
		l.running++
		ask()
		return
	}
	c.pause(waitsForAnswer)
	l.waiting = append(l.waiting, func() {
		ask()
		c.unpause(waitsForAnswer)
	})
}

// end lets the next one ask, behind what is being done.
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
		what := "PUBSUB " + strings.ToUpper(string(args[1]))
		l := c.reserveReply()
		if l == nil {
			return
		}
		c.srv.listings.run(c, func() {
			c.srv.backend.Channels(c.user(), kind, pattern, func(list []string, err error) {
				c.srv.listings.done(c.srv)
				l.completeChannels(what, list, err)
			})
		})
	}
}

// channels answers with a list of names.
func (l *pendingReply) completeChannels(what string, list []string, err error) {
	if err != nil {
		l.err(err.Error())
		return
	}
	a := newLongReply(l.session)
	for _, name := range list {
		a.setLast(resp.AppendBulkString(a.last(), name))
		if problem := a.tooLong(what, "ask for some, with a pattern"); problem != "" {
			a.discard()
			l.err(problem)
			return
		}
	}
	l.completeLong(a, resp.AppendArray(nil, len(list)), nil)
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
		l := c.reserveReply()
		if l == nil {
			return
		}
		c.charge(bytes)
		c.srv.backend.Subscribers(c.user(), kind, names, func(counts []int64, err error) {
			c.charge(-bytes)
			if err != nil {
				l.err(err.Error())
				return
			}
			a := newLongReply(c)
			for i, name := range names {
				a.setLast(resp.AppendInt(resp.AppendBulkString(a.last(), name), counts[i]))
			}
			l.completeLong(a, resp.AppendArray(nil, 2*len(names)), nil)
		})
	}
}

func numpat(c *session, _ [][]byte) {
	l := c.reserveReply()
	if l == nil {
		return
	}
	c.srv.backend.Patterns(func(n int64, err error) {
		if err != nil {
			l.err(err.Error())
			return
		}
		l.complete(resp.AppendInt(nil, n))
	})
}
