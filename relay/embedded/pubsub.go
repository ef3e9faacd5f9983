package embedded

// The Pub/Sub commands.

import (
	"strings"

	"redis-relay/relay/resp"
)

// subscribe answers SUBSCRIBE and its kin: one confirmation per name, in the
// order given, repeated names included.
func subscribe(k resp.Kind) func(*client, []string) {
	return func(c *client, args []string) {
		for _, name := range args {
			c.srv.broker.add(c, k, name)
			c.confirm(k, k.Subscribe(), []byte(name))
		}
	}
}

// unsubscribe answers UNSUBSCRIBE and its kin. Without names it ends all subscriptions of the kind. There is always a
// reply; its name is null if there were none.
func unsubscribe(k resp.Kind) func(*client, []string) {
	return func(c *client, args []string) {
		if len(args) == 0 {
			args = sortedKeys(c.names[k])
		}
		for _, name := range args {
			c.srv.broker.remove(c, k, name)
			c.confirm(k, k.Unsubscribe(), []byte(name))
		}
		if len(args) == 0 {
			c.confirm(k, k.Unsubscribe(), nil)
		}
	}
}

func (c *client) confirm(k resp.Kind, word string, name []byte) {
	c.reply = resp.AppendPubSub(c.reply, c.proto, word, name, int64(c.names.count(k)))
}

func publish(b *broker, reply []byte, args []string) []byte {
	return resp.AppendInt(reply, int64(b.publish(args[0], args[1])))
}

func publishShard(b *broker, reply []byte, args []string) []byte {
	return resp.AppendInt(reply, int64(b.publishShard(args[0], args[1])))
}

// inspect answers PUBSUB.
func inspect(b *broker, reply []byte, args []string) []byte {
	sub, rest := strings.ToLower(args[0]), args[1:]
	kind := resp.Message
	if strings.HasPrefix(sub, "shard") {
		kind = resp.SMessage
	}
	switch sub {
	case "channels", "shardchannels":
		if len(rest) > 1 {
			return appendError(reply, replyError("ERR unknown subcommand or wrong number of arguments for '"+
				args[0]+"'. Try PUBSUB HELP."))
		}
		return appendStrings(reply, b.channels(kind, rest...))
	case "numsub", "shardnumsub":
		return b.appendCounts(reply, kind, rest)
	case "numpat":
		if len(rest) > 0 {
			return appendError(reply, wrongArity("pubsub|numpat"))
		}
		return resp.AppendInt(reply, int64(len(b.listeners[resp.PMessage])))
	}
	return appendError(reply, unknownSubcommand("PUBSUB", args[0]))
}

func (b *broker) appendCounts(reply []byte, k resp.Kind, channels []string) []byte {
	reply = resp.AppendArray(reply, 2*len(channels))
	for _, name := range channels {
		reply = resp.AppendBulkString(reply, name)
		reply = resp.AppendInt(reply, int64(len(b.listeners[k][name])))
	}
	return reply
}

func appendStrings(reply []byte, list []string) []byte {
	reply = resp.AppendArray(reply, len(list))
	for _, s := range list {
		reply = resp.AppendBulkString(reply, s)
	}
	return reply
}

func appendError(reply []byte, err error) []byte {
	return resp.AppendError(reply, err.Error())
}
