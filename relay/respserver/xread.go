package respserver

// XREAD.

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"redis-relay/relay/resp"
	"redis-relay/relay/stream"
)

// xread pauses the session while it waits: as in Redis, commands behind it are carried out afterwards.
func xread(c *session, args [][]byte) {
	q, problem := parseRead(args[1:])
	if problem != "" {
		c.replies.err(problem)
		return
	}
	if n := len(q.list); int64(n) > c.srv.limits.Subscriptions.Load() {
		deny(c, args[0], fmt.Sprintf("DENIED XREAD: %d channels at once are over limits.subscriptions", n))
		return
	}
	bytes := 0
	for _, p := range q.list {
		if !mayListen(c, resp.Message, []byte(p.Channel)) {
			return
		}
		bytes += memoryOfName(resp.Message, len(p.Channel))
	}
	r := beginHistoryRead(c, q.list[0].Channel)
	if r == nil {
		return
	}
	c.out.Keep(bytes)
	if q.blocking {
		c.pauses.begin(waitsForAnswer)
	}
	x := &pendingXRead{historyRead: r, query: q, kept: bytes}
	if !q.blocking || q.fromLast() {
		c.srv.backend.Read(q.list, q.count, r.progress, x.read)
		return
	}
	x.await()
}

// pendingXRead is an XREAD that is not answered yet.
type pendingXRead struct {
	*historyRead
	query   readQuery
	awaited AwaitedRead // nil: it does not wait yet
	kept    int         // bytes, in the session's Outbox
	ended   bool        // it was answered, or cancelled
}

// read takes the entries that are there. If there are none, a blocking XREAD waits for some.
func (x *pendingXRead) read(streams []stream.Result, err error) {
	if err == nil && len(streams) == 0 && x.query.blocking && !x.session.ending.finished {
		x.query.waitForAny()
		x.await()
		return
	}
	x.answer(streams, err)
}

// await waits for entries that are still to come.
func (x *pendingXRead) await() {
	c := x.session
	awaited, err := c.srv.backend.Await(x.query.list, x.query.count, x.query.block, x.awaitedAnswer)
	switch {
	case err != nil:
		x.answer(nil, err)
		return
	case x.ended:
		return
	}
	x.awaited, c.reads.waiting = awaited, x
	switch {
	case c.ending.hungUp:
		c.finish("") // nobody reads the reply
	case c.input.ended:
		awaited.StopWaiting()
	}
}

// awaitedAnswer replies with what came while the client waited. A client that sends nothing more and would still have
// to wait is not answered: its connection ends, as in Redis, and the commands behind the XREAD are not carried out.
func (x *pendingXRead) awaitedAnswer(streams []stream.Result, err error) {
	c := x.session
	if err != nil || len(streams) > 0 || !c.input.ended {
		x.answer(streams, err)
		return
	}
	x.withdraw()
	c.endAfterReplies(nil)
}

// cancel ends the wait without a reply.
func (x *pendingXRead) cancel() {
	x.awaited.Cancel()
	x.withdraw()
}

// withdraw gives up the place of the reply.
func (x *pendingXRead) withdraw() {
	x.slot.Complete(nil)
	x.close()
}

// answer replies with entries or an error.
func (x *pendingXRead) answer(streams []stream.Result, err error) {
	if err != nil {
		x.err(err.Error())
	} else {
		x.slot.CompleteOwned(appendStreams(nil, x.proto, streams))
	}
	x.close()
}

// close ends the wait and lets the session go on.
func (x *pendingXRead) close() {
	c := x.session
	x.ended = true
	if x.query.blocking {
		c.reads.waiting = nil
	}
	c.out.Keep(-x.kept)
	x.release()
	if x.query.blocking {
		c.unpause(waitsForAnswer)
	}
}

// fromLast tells whether the query asks for the last entry of a stream ("+", which came with Redis 7.4).
func (q *readQuery) fromLast() bool {
	return slices.ContainsFunc(q.list, func(p stream.Position) bool { return p.After == "+" })
}

// waitForAny has streams that have no last entry read from their beginning.
func (q *readQuery) waitForAny() {
	for i := range q.list {
		if q.list[i].After == "+" {
			q.list[i].After = "0"
		}
	}
}

// appendStreams writes the reply to XREAD. No streams are a null.
func appendStreams(b []byte, proto resp.Proto, streams []stream.Result) []byte {
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

// readQuery is the arguments of XREAD.
type readQuery struct {
	list     []stream.Position
	count    int // 0: all
	blocking bool
	block    time.Duration // 0: for ever
}

// The errors of XREAD, in the words of Redis.
const (
	errSyntax     = "ERR syntax error"
	errNotInteger = "ERR value is not an integer or out of range"
	errTimeout    = "ERR timeout is not an integer or out of range"
	errNegative   = "ERR timeout is negative"
	errUnbalanced = "ERR Unbalanced 'xread' list of streams: for each stream key an ID or '$' must be specified."
	errGroups     = "ERR The %s option is only supported by XREADGROUP. You called XREAD instead."
	errGroupID    = "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option."
)

// maxBlock is the longest time that a client may wait, in milliseconds: it fits a time.Duration.
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
		q.list = append(q.list, stream.Position{Channel: string(args[i]), After: string(args[n+i])})
	}
	return q, ""
}
