package upstream

// Calls of a script that share one command.

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"redis-relay/relay/resp"
)

const (
	maxCalls     = 64      // calls in a batch: Redis serves nobody else meanwhile
	maxCallBytes = 1 << 20 // of keys and arguments in a batch, about
)

var errScript = errors.New("a script returned something else than a value for each item")

// batch is one command for several calls of a script. It is the Answer of that
// command.
type batch struct {
	backlog *backlog
	record  *record
	script  *Script
	began   time.Time
	items   []item
	groups  []group
	wire    []byte // the items, encoded
	bytes   int    // of keys, heads and items
	number  uint64 // by which Redis notes it; 0: it does not
	size    int64  // as charged in backlog.bytes
}

// item is one call in a batch.
type item struct {
	answer Answer
	sender uint64 // as in command
	size   int64  // as charged in backlog.bytes
	wire   int    // bytes, encoded
}

// group is neighbouring items with one key and one head.
type group struct {
	wire  []byte // key and head, encoded
	key   int    // how many bytes of wire are the key
	words int    // of the head
	first []byte
	items int
}

// takes tells whether a call of a script may join. The first call has waited for too long when a 32nd of its
// time has passed.
func (o *batch) takes(script *Script) bool {
	return o.script == script && len(o.items) < maxCalls && o.bytes <= maxCallBytes &&
		o.backlog.loop.Now().Sub(o.began) <= o.backlog.timeout/32
}

// add puts an item into the last group, or begins a group. It returns the bytes of the item,
// encoded.
func (o *batch) add(what *Call) (size int) {
	before := len(o.wire)
	o.wire = resp.AppendBulk(o.wire, what.Item)
	size = len(o.wire) - before
	o.bytes += size

	wire := resp.AppendBulk(o.backlog.scratch[:0], what.Key)
	key := len(wire)
	for _, h := range what.Head {
		wire = resp.AppendBulk(wire, h)
	}
	o.backlog.scratch = wire
	if n := len(o.groups); n > 0 && bytes.Equal(o.groups[n-1].wire, wire) {
		o.groups[n-1].items++
		return size
	}
	o.groups = append(o.groups, group{bytes.Clone(wire), key, len(what.Head), bytes.Clone(what.First), 1})
	o.bytes += len(wire) + len(what.First)
	return size
}

func (o *batch) append(b []byte, verb string, script []byte) []byte {
	words := len(o.items)
	for _, g := range o.groups {
		words += 3 + g.words
	}
	keys := len(o.groups)
	if o.number > 0 {
		keys, words = keys+1, words+2
	}
	b = resp.AppendArray(b, 3+words)
	b = resp.AppendBulk(resp.AppendBulkString(b, verb), script)
	b = resp.AppendBulkString(b, strconv.Itoa(keys))
	for _, g := range o.groups {
		b = append(b, g.wire[:g.key]...)
	}
	if o.number > 0 {
		b = resp.AppendBulkString(b, o.record.key)
	}
	for _, g := range o.groups {
		b = resp.AppendBulkString(b, strconv.Itoa(g.items))
		b = resp.AppendBulk(append(b, g.wire[g.key:]...), g.first)
	}
	b = append(b, o.wire...)
	if o.number > 0 {
		b = resp.AppendBulkString(b, strconv.FormatUint(o.number, 10))
	}
	return b
}

// withoutWire returns the groups without the bytes that only sending needs.
func (o *batch) withoutWire() []group {
	for i := range o.groups {
		o.groups[i] = group{items: o.groups[i].items}
	}
	return o.groups
}

// Answer gives each call its part.
func (o *batch) Answer(v resp.Value, err error) {
	if o.backlog.wantsSource(err) && o.resend() {
		return
	}
	var values []any
	if err == nil {
		values, err = o.split(Plain(v))
	}
	o.answerEach(values, err)
}

// answerEach answers each call: with its value, or with the error.
func (o *batch) answerEach(values []any, err error) {
	for n, i := range o.items {
		if err != nil {
			i.answer.Answer(resp.Value{}, err)
			continue
		}
		i.answer.Answer(asValue(values[n]), nil)
	}
}

// asValue is the reverse of Plain for what one call returns.
func asValue(v any) resp.Value {
	switch v := v.(type) {
	case ReplyError:
		return resp.Value{Type: '-', Str: []byte(v)}
	case string:
		return resp.Value{Type: '$', Str: []byte(v)}
	case int64:
		return resp.Value{Type: ':', Int: v}
	}
	return resp.Value{Type: '_', Null: true}
}

// split takes apart what the script returned: a value for each item.
func (o *batch) split(value any) (values []any, err error) {
	list, _ := value.([]any)
	if len(list) != len(o.groups) {
		return nil, errScript
	}
	values = make([]any, 0, len(o.items))
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
		if items += o.groups[i].items; len(values) != items {
			return nil, errScript
		}
	}
	return values, nil
}

// resend sends the calls once more, with the source: nothing was carried out. It reports
// false when there is no session.
func (o *batch) resend() bool {
	s := o.backlog.session
	if s == nil {
		return false
	}
	s.seal(o.backlog)
	o.number = o.record.nextNumber(o.script) // the place of the old number may be taken
	before := len(s.wire)
	s.wire = o.append(s.wire, "EVAL", o.script.source)
	o.backlog.bytes += o.size
	o.backlog.enqueue(command{answer: o, size: o.size, wire: len(s.wire) - before})
	return true
}

// withdraw takes out the calls of some senders, each as a command.
func (o *batch) withdraw(senders map[uint64]bool) (back []command) {
	list, items := o.items, o.wire
	o.items, o.wire = nil, nil
	for g := range o.groups {
		group := &o.groups[g]
		for range group.items {
			i, text := list[0], items[:list[0].wire]
			list, items = list[1:], items[list[0].wire:]
			if !senders[i.sender] {
				o.items, o.wire = append(o.items, i), append(o.wire, text...)
				continue
			}
			back = append(back, command{answer: i.answer, size: i.size})
			group.items--
			o.size -= i.size
			o.bytes -= i.wire
		}
	}
	o.groups = slices.DeleteFunc(o.groups, func(g group) bool { return g.items == 0 })
	return back
}
