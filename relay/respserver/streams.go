package respserver

// XRANGE, XREVRANGE, XLEN and XREAD: channels with history, read with the
// stream commands every client library has, under the channel's own name.

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
type Held func(entries, bytes int) error

// History answers for persisted channels. An error is worded for the client.
type History interface {
	// Query carries out XLEN or XINFO with a subcommand, or a command of which Redis will only
	// say what is wrong with it; rest is what follows the channel. It may wait for Redis. The answer is an
	// int64, a string, nil or a []any of these.
	Query(ctx context.Context, command string, channel []byte, rest [][]byte) (any, error)
	// Range carries out XRANGE or XREVRANGE. It may wait for Redis, for each page.
	Range(ctx context.Context, q Range, held Held) ([]Entry, error)
	// Read returns what there is behind each position, at most count entries of each
	// channel (0: all). It may wait for Redis, for each page.
	Read(ctx context.Context, list []Position, count int, held Held) ([]Stream, error)
	// Await is Read for a client that waits: done is called once, with nothing when
	// block (0: never) has passed. It must return at once. cancel gives up.
	Await(list []Position, count int, block time.Duration, done func([]Stream, error)) (cancel func(), err error)
}

func streamCommands() []*command {
	return []*command{
		{
			name: "xadd", arity: -5, group: "stream", since: "5.0.0", run: (*session).xadd,
			summary: "Persists a message on a channel with history, and broadcasts it.",
		},
		{
			name: "xrange", arity: -4, group: "stream", since: "5.0.0", run: (*session).streamRange,
			summary: "Returns the messages of a channel within a range of IDs.",
		},
		{
			name: "xrevrange", arity: -4, group: "stream", since: "5.0.0", run: (*session).streamRange,
			summary: "Returns the messages of a channel within a range of IDs in reverse order.",
		},
		{
			name: "xlen", arity: 2, group: "stream", since: "5.0.0", run: (*session).streamQuery,
			summary: "Returns the number of messages of a channel that are kept.",
		},
		{
			name: "xinfo", arity: -2, group: "stream", since: "5.0.0", subs: xinfoCommands,
			summary: "A container for stream introspection commands.",
		},
		{
			name: "xread", arity: -4, group: "stream", since: "5.0.0", run: (*session).xread,
			summary: "Returns messages of channels with IDs greater than the ones requested. Blocks until there are some.",
		},
	}
}

// streamRange is XRANGE or XREVRANGE.
func (c *session) streamRange(args [][]byte) {
	q, ok := parseRange(args)
	if !ok {
		c.streamQuery(args)
		return
	}
	if !c.mayListen(resp.Message, args[1]) {
		return
	}
	if c.answered() != nil {
		return // the session is ending
	}
	defer c.ask()()
	defer c.charge(0)
	entries, err := c.srv.backend.Range(context.Background(), q, c.holder(q.Channel))
	if err != nil {
		c.replyError(err.Error())
		return
	}
	c.reply(appendEntries(c.scratch, entries))
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

// holder returns what is told of an answer that is being read: until it is whole it
// counts among what waits for all clients. One entry is had, however large.
func (c *session) holder(channel string) Held {
	return func(entries, bytes int) error {
		switch limit := c.srv.limits.Answer.Load(); {
		case c.ending.Load() != nil:
			return errEnding
		case entries > 1 && int64(bytes) > limit:
			return fmt.Errorf("TOOLARGE %s: more than %d bytes in one answer; read less at a time, with COUNT", channel, limit)
		case c.out.Full(bytes):
			return fmt.Errorf("TOOLARGE %s: more than limits.queue (%d bytes) would wait for this client; "+
				"read earlier answers first", channel, c.srv.limits.Queue.Load())
		}
		c.charge(bytes)
		return nil
	}
}

// streamQuery is a command that Redis answers.
func (c *session) streamQuery(args [][]byte) {
	if v, ok := c.query(strings.ToUpper(string(args[0])), args[1], args[2:]); ok {
		c.reply(appendValue(c.scratch, c.proto, v))
	}
}

// query asks Redis, after what the session has published, which goes another way. If ok
// is false, the client has its answer, or is ending.
func (c *session) query(command string, channel []byte, rest [][]byte) (v any, ok bool) {
	if !c.mayListen(resp.Message, channel) || c.answered() != nil {
		return nil, false
	}
	ctx, cancel := c.timeout()
	defer cancel()
	v, err := c.srv.backend.Query(ctx, command, channel, rest)
	if err != nil {
		c.replyError(err.Error())
		return nil, false
	}
	return v, true
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

// xread waits in the place of the session: as in Redis, what the client sends
// meanwhile is carried out afterwards.
func (c *session) xread(args [][]byte) {
	q, problem := parseRead(args[1:])
	if problem != "" {
		c.replyError(problem)
		return
	}
	if n := len(q.list); int64(n) > c.srv.limits.Subscriptions.Load() {
		c.deny(args[0], fmt.Sprintf("DENIED XREAD: %d channels at once are over limits.subscriptions", n))
		return
	}
	bytes := 0
	for _, p := range q.list {
		if !c.mayListen(resp.Message, []byte(p.Channel)) {
			return
		}
		bytes += kept(resp.Message, len(p.Channel))
	}
	c.out.Keep(bytes)
	defer c.out.Keep(-bytes)
	streams, err := c.readStreams(q)
	switch {
	case c.quit:
	case err != nil:
		c.replyError(err.Error())
	default:
		c.reply(appendStreams(c.scratch, c.proto, streams))
	}
}

func (c *session) readStreams(q readQuery) (streams []Stream, err error) {
	if err := c.answered(); err != nil {
		c.quit = true
		return nil, err
	}
	if !q.blocking || q.fromLast() {
		streams, err = c.readThere(q)
		if !q.blocking || err != nil || len(streams) > 0 {
			return streams, err
		}
		q.waitForAny() // there is none
	}
	done := make(chan struct{})
	var failed error
	cancel, err := c.srv.backend.Await(q.list, q.count, q.block, func(list []Stream, err error) {
		streams, failed = list, err
		close(done)
		c.wake()
	})
	if err != nil {
		return nil, err
	}
	c.reading = q.list
	watched := c.watched.Load()
	c.watch(false) // it may wait for ever; what comes behind it, or its end, is carried out afterwards
	defer func() {
		c.reading = nil
		c.watch(watched)
	}()
	if err := c.await(done); err != nil {
		cancel()
		c.quit = true
		return nil, err
	}
	return streams, failed
}

// readThere reads what there is.
func (c *session) readThere(q readQuery) ([]Stream, error) {
	defer c.ask()()
	defer c.charge(0)
	return c.srv.backend.Read(context.Background(), q.list, q.count, c.holder(q.list[0].Channel))
}

// fromLast tells whether the last entry of a stream is asked for, which Redis has known
// since 7.4.
func (q *readQuery) fromLast() bool {
	return slices.ContainsFunc(q.list, func(p Position) bool { return p.After == "+" })
}

// waitForAny has streams without a last entry read from their beginning.
func (q *readQuery) waitForAny() {
	for i := range q.list {
		if q.list[i].After == "+" {
			q.list[i].After = "0"
		}
	}
}

// appendStreams writes the answer to XREAD: nothing is null.
func appendStreams(b []byte, proto resp.Proto, streams []Stream) []byte {
	if len(streams) == 0 {
		return resp.AppendNullArray(b, proto)
	}
	if proto == resp.RESP3 {
		b = resp.AppendMap(b, proto, len(streams))
	} else {
		b = resp.AppendArray(b, len(streams))
	}
	for _, s := range streams {
		if proto == resp.RESP2 {
			b = resp.AppendArray(b, 2)
		}
		b = resp.AppendBulkString(b, s.Channel)
		b = appendEntries(b, s.Entries)
	}
	return b
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

// readQuery is what XREAD asks for.
type readQuery struct {
	list     []Position
	count    int // 0: all
	blocking bool
	block    time.Duration // 0: for ever
}

// The errors of XREAD, worded as Redis words them.
const (
	errSyntax     = "ERR syntax error"
	errNotInteger = "ERR value is not an integer or out of range"
	errTimeout    = "ERR timeout is not an integer or out of range"
	errNegative   = "ERR timeout is negative"
	errUnbalanced = "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."
	errGroups     = "ERR The %s option is only supported by XREADGROUP. You called XREAD instead."
	errGroupID    = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
)

// maxBlock is the longest time a client may wait, in milliseconds: it fits a
// time.Duration.
const maxBlock = int64(1<<63-1) / int64(time.Millisecond)

func parseRead(args [][]byte) (q readQuery, problem string) {
	for i := 0; i < len(args); i++ {
		word, more := lower(args[i]), i+1 < len(args)
		switch {
		case word == "count" && more:
			n, ok := resp.ParseInt(args[i+1])
			if !ok {
				return q, errNotInteger
			}
			q.count = int(max(0, min(n, 1<<31)))
			i++
		case word == "block" && more:
			ms, ok := resp.ParseInt(args[i+1])
			switch {
			case !ok:
				return q, errTimeout
			case ms < 0:
				return q, errNegative
			}
			q.blocking, q.block = true, time.Duration(min(ms, maxBlock))*time.Millisecond
			i++
		case word == "streams" && more:
			return q.streams(args[i+1:])
		case word == "noack", word == "group" && i+2 < len(args):
			return q, fmt.Sprintf(errGroups, strings.ToUpper(word))
		default:
			return q, errSyntax
		}
	}
	return q, errSyntax
}

func (q readQuery) streams(args [][]byte) (readQuery, string) {
	n := len(args) / 2
	if len(args)%2 != 0 {
		return q, errUnbalanced
	}
	for i := range n {
		if string(args[n+i]) == ">" {
			return q, errGroupID
		}
		q.list = append(q.list, Position{string(args[i]), string(args[n+i])})
	}
	return q, ""
}
