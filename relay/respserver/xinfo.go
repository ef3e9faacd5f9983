package respserver

// XINFO on channels with history: what Redis answers about the stream.

import (
	"strings"

	"redis-relay/relay/resp"
)

var xinfoCommands = table(
	&command{
		name: "xinfo|stream", arity: -3, run: xinfo,
		summary: "Returns information about a stream.", since: "5.0.0", group: "stream",
	},
	&command{
		name: "xinfo|groups", arity: 3, run: xinfo,
		summary: "Returns a list of the consumer groups of a stream.", since: "5.0.0", group: "stream",
	},
	&command{
		name: "xinfo|consumers", arity: 4, run: xinfo,
		summary: "Returns a list of the consumers in a consumer group.", since: "5.0.0", group: "stream",
	},
	&command{name: "xinfo|help", arity: 2, run: help("XINFO", []string{
		"CONSUMERS <key> <groupname>", "    Show consumers of <groupname>.",
		"GROUPS <key>", "    Show the stream consumer groups.",
		"STREAM <key> [FULL [COUNT <count>]", "    Show information about the stream.",
	}), summary: "Returns helpful text about the different subcommands.", since: "5.0.0", group: "stream"},
)

// xinfo has Redis carry out a subcommand and sends its answer.
func xinfo(c *session, args [][]byte) {
	isMap := lower(args[1]) == "stream"
	query(c, "XINFO "+strings.ToUpper(string(args[1])), args[2], args[3:], func(r *pendingReply, v any) {
		r.complete(appendInfo(nil, r.proto, v, isMap))
	})
}

// appendInfo writes an answer of XINFO. isMap says that v is fields and values, which RESP3 sends as a map. Elements of
// lists may be maps, too.
func appendInfo(b []byte, proto resp.Proto, v any, isMap bool) []byte {
	list, isList := v.([]any)
	switch {
	case !isList && v == nil:
		return resp.AppendNull(b, proto)
	case !isList:
		return appendValue(b, proto, v)
	case !isMap:
		b = resp.AppendArray(b, len(list))
		for _, elem := range list {
			b = appendInfo(b, proto, elem, isInfoMap(elem))
		}
		return b
	case proto == resp.RESP2:
		b = resp.AppendArray(b, len(list))
	default:
		b = resp.AppendMap(b, proto, len(list)/2)
	}
	for _, elem := range list {
		b = appendInfo(b, proto, elem, false)
	}
	return b
}

// isInfoMap tells whether a list is the fields and values of a group or a consumer.
func isInfoMap(v any) bool {
	list, _ := v.([]any)
	return len(list) > 0 && list[0] == "name"
}
