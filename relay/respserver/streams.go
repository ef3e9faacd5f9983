package respserver

// XRANGE, XREVRANGE and XLEN: channels with history, read with the stream commands
// every client library has, under the channel's own name.

import (
	"errors"
	"fmt"
	"strings"

	"redis-relay/relay/resp"
)

// Entry is one persisted message.
type Entry struct {
	ID     string
	Fields [][]byte // names and values in turn; must not be changed
}

// Stream is what was read of one channel.
type Stream struct {
	Channel string
	Entries []Entry
}

// Position is where one channel is read on: behind an ID, behind what is newest when it is
// read ("$"), or at that ("+", not for Await).
type Position struct {
	Channel string
	After   string
}

// Range is what XRANGE or XREVRANGE asks for.
type Range struct {
	Command string // XRANGE or XREVRANGE
	Channel string
	From    string // where it begins; for XREVRANGE that is the greater ID
	To      string
	Count   int // entries at most; 0: all
}

// Held is told, page by page, how much has been read for an answer. Its error ends the
// reading.
type ReadProgress func(entries, bytes int) error

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
	c.srv.backend.Range(q, r.progress, func(entries []Entry, err error) {
		r.finish(err, func() []byte { return appendEntries(nil, entries) })
	})
}

// parseRange reads a command as far as it is one that Redis will answer with entries.
func parseRange(args [][]byte) (q Range, ok bool) {
	options := args[min(4, len(args)):]
	if len(args) < 4 || len(options)%2 != 0 {
		return q, false
	}
	q = Range{
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

// maxReadings is how many answers of history are read for one client at a time.
const maxOpenReads = 16

// reading is an answer of history that is being read, as history was when the command came: the session
// goes on meanwhile.
type historyRead struct {
	*pendingReply
	channel string
	charged int
}

// beginReading keeps the place of the answer; nil: the client reads nothing, and is ending.
func beginHistoryRead(c *session, channel string) *historyRead {
	l := c.reserveReply()
	if l == nil {
		return nil
	}
	if c.openReads++; c.openReads == maxOpenReads {
		c.pause(waitsForReads)
	}
	return &historyRead{pendingReply: l, channel: channel}
}

var errEnding = errors.New("the session is ending")

// hold is told of an answer that is being read: until it is whole it
// counts among what waits for all clients. One entry is had, however large.
func (r *historyRead) progress(entries, bytes int) error {
	c := r.session
	switch limit := c.srv.limits.Answer.Load(); {
	case c.out.Closed():
		return errEnding
	case entries > 1 && int64(bytes) > limit:
		return fmt.Errorf("TOOLARGE %s: more than %d bytes in one answer; read less at a time, with COUNT",
			r.channel, limit)
	case c.out.Full(bytes):
		return fmt.Errorf("TOOLARGE %s: more than limits.queue (%d bytes) would wait for this client; "+
			"read earlier answers first", r.channel, c.srv.limits.Queue.Load())
	}
	c.charge(bytes - r.charged)
	r.charged = bytes
	return nil
}

// end answers.
func (r *historyRead) finish(err error, answer func() []byte) {
	if err != nil {
		r.err(err.Error())
	} else {
		r.slot.CompleteOwned(answer())
	}
	r.release()
}

// letGo makes room for another.
func (r *historyRead) release() {
	c := r.session
	c.charge(-r.charged)
	r.charged = 0
	c.openReads--
	c.unpause(waitsForReads)
}

// streamQuery is a command that Redis answers.
func streamQuery(c *session, args [][]byte) {
	query(c, strings.ToUpper(string(args[0])), args[1], args[2:], func(l *pendingReply, v any) {
		l.complete(appendValue(nil, l.proto, v))
	})
}

// query asks Redis, in the order of commands.
func query(c *session, command string, channel []byte, rest [][]byte, answered func(l *pendingReply, v any)) {
	if !mayListen(c, resp.Message, channel) {
		return
	}
	l := c.reserveReply()
	if l == nil {
		return
	}
	c.srv.backend.Query(command, channel, rest, func(v any, err error) {
		if err != nil {
			l.err(err.Error())
			return
		}
		answered(l, v)
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

// appendEntries writes the answer to XRANGE.
func appendEntries(b []byte, list []Entry) []byte {
	b = resp.AppendArray(b, len(list))
	for _, e := range list {
		b = resp.AppendBulkString(resp.AppendArray(b, 2), e.ID)
		b = resp.AppendArray(b, len(e.Fields))
		for _, field := range e.Fields {
			b = resp.AppendBulk(b, field)
		}
	}
	return b
}
