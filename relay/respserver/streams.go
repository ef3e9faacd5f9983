package respserver

// XRANGE, XREVRANGE and XLEN: channels with history are read with the stream commands that every client library has,
// under the channel's own name.

import (
	"strings"

	"redis-relay/relay/resp"
	"redis-relay/relay/stream"
)

func streamCommands() []*command {
	return []*command{
		{
			name: "xadd", arity: -5, group: "stream", since: "5.0.0", run: xadd,
			summary: "Persists a message on a channel with history, and broadcasts it.",
		},
		{
			name: "xrange", arity: -4, group: "stream", since: "5.0.0", run: streamRange,
			summary: "Returns the messages of a channel within a range of IDs.",
		},
		{
			name: "xrevrange", arity: -4, group: "stream", since: "5.0.0", run: streamRange,
			summary: "Returns the messages of a channel within a range of IDs in reverse order.",
		},
		{
			name: "xlen", arity: 2, group: "stream", since: "5.0.0", run: streamQuery,
			summary: "Returns the number of messages of a channel that are kept.",
		},
		{
			name: "xinfo", arity: -2, group: "stream", since: "5.0.0", subs: xinfoCommands,
			summary: "A container for stream introspection commands.",
		},
		{
			name: "xread", arity: -4, group: "stream", since: "5.0.0", run: xread,
			summary: "Returns messages of channels with IDs greater than the ones requested. Blocks until there are some.",
		},
	}
}

// streamRange is XRANGE or XREVRANGE.
func streamRange(c *session, args [][]byte) {
	q, ok := parseRange(args)
	if !ok {
		streamQuery(c, args)
		return
	}
	if !mayListen(c, resp.Message, args[1]) {
		return
	}
	r := beginHistoryRead(c, q.Channel)
	if r == nil {
		return
	}
	c.srv.backend.Range(q, r.progress, func(entries []stream.Entry, err error) {
		r.finish(err, func() []byte { return appendEntries(nil, entries) })
	})
}

// parseRange parses a command. ok is false if Redis will not answer it with entries.
func parseRange(args [][]byte) (q stream.Range, ok bool) {
	options := args[min(4, len(args)):]
	if len(args) < 4 || len(options)%2 != 0 {
		return q, false
	}
	q = stream.Range{
		Command: strings.ToUpper(string(args[0])), Channel: string(args[1]), From: string(args[2]), To: string(args[3]),
	}
	for ; len(options) > 0; options = options[2:] {
		n, isInt := resp.ParseInt(options[1])
		if lower(options[0]) != "count" || !isInt || n <= 0 {
			return q, false
		}
		q.Count = int(min(n, 1<<31))
	}
	return q, true
}

// streamQuery has Redis carry out a command and sends its answer.
func streamQuery(c *session, args [][]byte) {
	query(c, strings.ToUpper(string(args[0])), args[1], args[2:], func(r *pendingReply, v any) {
		r.complete(appendValue(nil, r.proto, v))
	})
}

// query has Redis carry out a command on a channel, in order with the other commands. answered gets the answer.
func query(c *session, command string, channel []byte, rest [][]byte, answered func(r *pendingReply, v any)) {
	if !mayListen(c, resp.Message, channel) {
		return
	}
	r := c.reserveReply()
	if r == nil {
		return
	}
	c.srv.backend.Query(command, channel, rest, func(v any, err error) {
		if err != nil {
			r.err(err.Error())
			return
		}
		answered(r, v)
	})
}

func appendValue(b []byte, proto resp.Proto, v any) []byte {
	switch v := v.(type) {
	case int64:
		return resp.AppendInt(b, v)
	case string:
		return resp.AppendBulkString(b, v)
	case []any:
		b = resp.AppendArray(b, len(v))
		for _, elem := range v {
			b = appendValue(b, proto, elem)
		}
		return b
	}
	return resp.AppendNullArray(b, proto)
}

// appendEntries writes the reply to XRANGE.
func appendEntries(b []byte, list []stream.Entry) []byte {
	b = resp.AppendArray(b, len(list))
	for _, e := range list {
		b = appendID(resp.AppendArray(b, 2), e.ID)
		b = resp.AppendArray(b, len(e.Fields))
		for _, field := range e.Fields {
			b = resp.AppendBulk(b, field)
		}
	}
	return b
}

// appendID writes an ID as a bulk string.
func appendID(b []byte, id stream.ID) []byte {
	var text [len("18446744073709551615-18446744073709551615")]byte
	return resp.AppendBulk(b, id.Append(text[:0]))
}
