package upstream

// Lua scripts, and calls of them that share one command.

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // it is how Redis names a script
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"

	"redis-relay/relay/resp"
)

const (
	maxCalls     = 64      // that share a command: Redis serves nobody else meanwhile
	maxCallBytes = 1 << 20 // of keys and arguments in one command, about
)

var errScript = errors.New("a script returned something else than a value for each item")

// Script is known to Redis by the hash of its source.
type Script struct{ source, sha []byte }

// NewScript returns a script. For Call it is given keys, one for each group of items,
// and in ARGV first for each group how many items it has and its head, all heads of
// one length, and then all items. It must return an array with one element for each
// item. Without keys it must do nothing.
func NewScript(source string) *Script {
	sum := sha1.Sum([]byte(source)) //nolint:gosec // see above
	return &Script{[]byte(source), []byte(hex.EncodeToString(sum[:]))}
}

// Call is one item for a script, with the key it is for. Neighbours with the same key
// and head are a group; what the script is to know of a group's first item only comes
// last in its head. Publisher.Call copies it all.
type Call struct {
	Key   []byte
	Head  [][]byte
	First []byte
	Item  []byte
}

// Call queues a call of a script, as Enqueue does. Calls of one script that stand next
// to each other in a lane and wait together become one command. Each gets its own
// element of what the script returns.
func (p *Publisher) Call(lane uint64, s *Script, receipt Receipt, c Call) error {
	size := int64(overhead + len(c.Key) + len(c.First) + len(c.Item))
	for _, h := range c.Head {
		size += int64(len(h))
	}
	return p.admit(size, func() bool { return p.lane(lane).call(s, item{receipt, lane, size, 0}, &c) })
}

// Eval runs a script and waits for what it returns, as Do does.
func (p *Publisher) Eval(ctx context.Context, s *Script, keys []string, args ...any) (any, error) {
	words := make([]any, 0, 3+len(keys)+len(args))
	words = append(words, "EVALSHA", s.sha, len(keys))
	for _, key := range keys {
		words = append(words, key)
	}
	words = append(words, args...)
	l := p.lanes[asking]
	var v any
	var err error
	if !l.mustBring() {
		if v, err = p.Do(ctx, words...); !l.wantsSource(err) {
			return v, err
		}
	}
	words[0], words[1] = "EVAL", s.source
	return p.Do(ctx, words...)
}

// wantsSource tells whether Redis will carry out a script only with its source: it does
// not know it, or does not allow EVALSHA, of which the lane takes note.
func (l *lane) wantsSource(err error) bool {
	var refused ReplyError
	if !errors.As(err, &refused) {
		return false
	}
	code, text, _ := strings.Cut(strings.ToLower(string(refused)), " ")
	if code == "noscript" {
		return true
	}
	if !strings.Contains(text, "evalsha") || code != "noperm" && !strings.HasPrefix(text, "unknown command") {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.noSHA = true
	return true
}

// mustBring tells whether scripts must come with their source.
func (l *lane) mustBring() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.noSHA
}

// calls is one command for several calls of a script. It is the Receipt of that
// command. Guarded by lane.mu until it is sent, then fixed.
type calls struct {
	lane   *lane
	script *Script
	list   []item
	groups []group
	items  []byte // encoded
	bytes  int    // of all this
	size   int64  // as counted in lane.queued
}

// item is one call among others.
type item struct {
	receipt Receipt
	from    uint64 // as in request
	size    int64  // as counted in lane.queued
	wire    int    // bytes, encoded
}

// group is neighbouring items with one key and one head.
type group struct {
	wire  []byte // key and head, encoded
	key   int    // bytes of wire that are the key
	words int    // of the head
	first []byte
	items int
}

// call adds a call to the last command that waits, or begins one.
func (l *lane) call(s *Script, i item, what *Call) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	b := l.waiting
	c := b.open
	if c == nil || c.script != s || len(c.list) >= maxCalls || c.bytes > maxCallBytes {
		b.seal()
		c = &calls{lane: l, script: s}
		b.open = c
		b.requests = append(b.requests, request{receipt: c, deadline: l.deadline()})
		l.armLocked()
	}
	i.wire = c.add(what)
	c.list = append(c.list, i)
	c.size += i.size
	b.requests[len(b.requests)-1].size = c.size
	return true
}

// add puts an item into the last group, or begins one. It returns how many bytes it is,
// encoded.
func (c *calls) add(what *Call) (size int) {
	before := len(c.items)
	c.items = resp.AppendBulk(c.items, what.Item)
	size = len(c.items) - before
	c.bytes += size

	wire := resp.AppendBulk(c.lane.scratch[:0], what.Key)
	key := len(wire)
	for _, h := range what.Head {
		wire = resp.AppendBulk(wire, h)
	}
	c.lane.scratch = wire
	if n := len(c.groups); n > 0 && bytes.Equal(c.groups[n-1].wire, wire) {
		c.groups[n-1].items++
		return size
	}
	c.groups = append(c.groups, group{bytes.Clone(wire), key, len(what.Head), bytes.Clone(what.First), 1})
	c.bytes += len(wire) + len(what.First)
	return size
}

// seal encodes the command that calls could still be added to. The first one brings the
// source: a refused EVALSHA would be overtaken by what follows. So does what begins each
// further connection, see bringLocked.
func (b *batch) seal() {
	c := b.open
	if c == nil {
		return
	}
	before := len(b.wire)
	if c.lane.loaded == c.script && !c.lane.noSHA {
		b.wire = c.append(b.wire, "EVALSHA", c.script.sha)
	} else {
		b.wire = c.append(b.wire, "EVAL", c.script.source)
	}
	c.lane.loaded = c.script
	b.requests[len(b.requests)-1].wire = len(b.wire) - before
	b.open = nil
}

// bringLocked has a new connection begin with the source of the script that waiting
// calls only name: this Redis may not know it, and the call that brought it may have
// gone to another, or have waited too long.
func (l *lane) bringLocked() {
	if l.loaded == nil {
		return
	}
	wire := (&calls{}).append(nil, "EVAL", l.loaded.source)
	l.waiting.insert(request{receipt: unheard{}, deadline: l.deadline(), wire: len(wire)}, wire)
	l.armLocked()
}

// unheard is the receipt of a command of which nobody waits for the answer.
type unheard struct{}

func (unheard) Answer(any, error) {}
func (unheard) Flush()            {}

func (c *calls) append(b []byte, verb string, script []byte) []byte {
	words := len(c.list)
	for _, g := range c.groups {
		words += 3 + g.words
	}
	b = resp.AppendArray(b, 3+words)
	b = resp.AppendBulk(resp.AppendBulkString(b, verb), script)
	b = resp.AppendBulkString(b, strconv.Itoa(len(c.groups)))
	for _, g := range c.groups {
		b = append(b, g.wire[:g.key]...)
	}
	for _, g := range c.groups {
		b = resp.AppendBulkString(b, strconv.Itoa(g.items))
		b = resp.AppendBulk(append(b, g.wire[g.key:]...), g.first)
	}
	return append(b, c.items...)
}

// Answer gives each call its part.
func (c *calls) Answer(value any, err error) {
	if c.lane.wantsSource(err) && c.again() {
		return
	}
	var values []any
	if err == nil {
		values, err = c.each(value)
	}
	for n, i := range c.list {
		if err != nil {
			i.receipt.Answer(nil, err)
			continue
		}
		i.receipt.Answer(values[n], nil)
	}
}

// each takes apart what the script returned: a value for each item.
func (c *calls) each(value any) (values []any, err error) {
	list, _ := value.([]any)
	if len(list) != len(c.groups) {
		return nil, errScript
	}
	values = make([]any, 0, len(c.list))
	items := 0
	for i, v := range list {
		switch v := v.(type) {
		case []any:
			values = append(values, v...)
		case string:
			words, end, _ := strings.Cut(v, " ")
			for word := range strings.SplitSeq(words, ",") {
				values = append(values, word+" "+end)
			}
		}
		if items += c.groups[i].items; len(values) != items {
			return nil, errScript
		}
	}
	return values, nil
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
	for _, i := range c.list {
		i.receipt.Flush()
	}
}
