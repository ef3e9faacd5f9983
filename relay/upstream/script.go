package upstream

// Lua scripts, and calls of them that share one command.

import (
	"context"
	"crypto/sha1" //nolint:gosec // it is how Redis names a script
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"redis-relay/relay/resp"
)

const (
	maxCalls     = 64      // that share a command: Redis serves nobody else meanwhile
	maxCallBytes = 1 << 20 // of keys and arguments in one command, about
)

var errScript = errors.New("a script returned something else than one value for each key")

// Script is known to Redis by the hash of its source.
type Script struct{ source, sha []byte }

// NewScript returns a script. For Call it must return an array with one element for
// each key, and find its arguments by the position of the key: each call brings as
// many.
func NewScript(source string) *Script {
	sum := sha1.Sum([]byte(source)) //nolint:gosec // see above
	return &Script{[]byte(source), []byte(hex.EncodeToString(sum[:]))}
}

// Call queues a call of a script with one key, as Enqueue does. Calls of one script
// that stand next to each other in a lane and wait together become one command. Each
// gets its own element of what the script returns.
func (p *Publisher) Call(lane uint64, s *Script, receipt Receipt, key []byte, args ...[]byte) error {
	size := int64(overhead + len(key))
	for _, a := range args {
		size += int64(len(a))
	}
	return p.admit(size, func() bool { return p.lane(lane).call(s, receipt, size, key, args) })
}

// Eval runs a script and waits for what it returns, as Do does.
func (p *Publisher) Eval(ctx context.Context, s *Script, keys []string, args ...any) (any, error) {
	words := make([]any, 0, 3+len(keys)+len(args))
	words = append(words, "EVALSHA", s.sha, len(keys))
	for _, key := range keys {
		words = append(words, key)
	}
	words = append(words, args...)
	v, err := p.Do(ctx, words...)
	if isNoScript(err) {
		words[0], words[1] = "EVAL", s.source
		v, err = p.Do(ctx, words...)
	}
	return v, err
}

func isNoScript(err error) bool {
	var refused ReplyError
	return errors.As(err, &refused) && strings.HasPrefix(string(refused), "NOSCRIPT")
}

// calls is one command for several calls of a script. It is the Receipt of that
// command. Guarded by lane.mu until it is sent, then fixed.
type calls struct {
	lane     *lane
	script   *Script
	receipts []Receipt
	keys     []byte // encoded
	args     []byte // encoded
	count    int    // of args
	size     int64  // as counted in lane.queued
}

// call adds a call to the last command that waits, or begins one.
func (l *lane) call(s *Script, receipt Receipt, size int64, key []byte, args [][]byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	b := l.waiting
	c := b.open
	if c == nil || c.script != s || len(c.receipts) >= maxCalls || len(c.keys)+len(c.args) > maxCallBytes {
		b.seal()
		c = &calls{lane: l, script: s}
		b.open = c
		b.requests = append(b.requests, request{receipt: c, deadline: l.deadline()})
		l.armLocked()
	}
	c.receipts = append(c.receipts, receipt)
	c.keys = resp.AppendBulk(c.keys, key)
	for _, a := range args {
		c.args = resp.AppendBulk(c.args, a)
	}
	c.count += len(args)
	c.size += size
	b.requests[len(b.requests)-1].size = c.size
	return true
}

// seal encodes the command that calls could still be added to. The first one of a
// connection brings the source: a refused EVALSHA would be overtaken by what
// follows that is no call.
func (b *batch) seal() {
	c := b.open
	if c == nil {
		return
	}
	before := len(b.wire)
	if c.lane.loaded == c.script {
		b.wire = c.append(b.wire, "EVALSHA", c.script.sha)
	} else {
		b.wire = c.append(b.wire, "EVAL", c.script.source)
	}
	c.lane.loaded = c.script
	b.requests[len(b.requests)-1].wire = len(b.wire) - before
	b.open = nil
}

func (c *calls) append(b []byte, verb string, script []byte) []byte {
	b = resp.AppendArray(b, 3+len(c.receipts)+c.count)
	b = resp.AppendBulk(resp.AppendBulkString(b, verb), script)
	b = resp.AppendBulk(b, fmt.Append(nil, len(c.receipts)))
	return append(append(b, c.keys...), c.args...)
}

// Answer gives each call its part.
func (c *calls) Answer(value any, err error) {
	if isNoScript(err) && c.again() {
		return
	}
	list, _ := value.([]any)
	if err == nil && len(list) != len(c.receipts) {
		err = errScript
	}
	for i, r := range c.receipts {
		if err != nil {
			r.Answer(nil, err)
			continue
		}
		r.Answer(list[i], nil)
	}
}

// again queues the source, before all that waits: nothing was carried out. It reports
// false when the lane is stopped.
func (c *calls) again() bool {
	l := c.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	wire := c.append(nil, "EVAL", c.script.source)
	l.waiting.insert(request{receipt: c, deadline: l.deadline(), size: c.size, wire: len(wire)}, wire)
	l.queued.Add(c.size)
	l.armLocked()
	return true
}

// insert puts a request behind those that were put here before it, and before the
// rest.
func (b *batch) insert(r request, wire []byte) {
	b.requests = slices.Insert(b.requests, b.again, r)
	b.wire = slices.Insert(b.wire, b.againWire, wire...)
	b.again++
	b.againWire += len(wire)
}

// Flush lets the answers out.
func (c *calls) Flush() {
	for _, r := range c.receipts {
		r.Flush()
	}
}
