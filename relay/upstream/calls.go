package upstream

// Calls of a script that share one command.

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"redis-relay/relay/resp"
)

// calls is one command for several calls of a script. It is the Answer of that
// command.
type calls struct {
	connection *Connection
	script     *Script
	began      time.Time
	list       []item
	groups     []group
	items      []byte // encoded
	bytes      int    // of all this
	number     uint64 // by which Redis notes it; 0: it does not
	size       int64  // as counted in Connection.queued
}

// item is one call among others.
type item struct {
	answer Answer
	from   uint64 // as in command
	size   int64  // as counted in Connection.queued
	wire   int    // bytes, encoded
}

// group is neighbouring items with one key and one head.
type group struct {
	wire  []byte // key and head, encoded
	key   int    // bytes of wire that are the key
	words int    // of the head
	first []byte
	items int
}

// add puts an item into the last group, or begins one. It returns how many bytes it is,
// encoded.
func (c *calls) add(what *Call) (size int) {
	before := len(c.items)
	c.items = resp.AppendBulk(c.items, what.Item)
	size = len(c.items) - before
	c.bytes += size

	wire := resp.AppendBulk(c.connection.scratch[:0], what.Key)
	key := len(wire)
	for _, h := range what.Head {
		wire = resp.AppendBulk(wire, h)
	}
	c.connection.scratch = wire
	if n := len(c.groups); n > 0 && bytes.Equal(c.groups[n-1].wire, wire) {
		c.groups[n-1].items++
		return size
	}
	c.groups = append(c.groups, group{bytes.Clone(wire), key, len(what.Head), bytes.Clone(what.First), 1})
	c.bytes += len(wire) + len(what.First)
	return size
}

func (c *calls) append(b []byte, verb string, script []byte) []byte {
	words := len(c.list)
	for _, g := range c.groups {
		words += 3 + g.words
	}
	keys := len(c.groups)
	if c.number > 0 {
		keys, words = keys+1, words+2
	}
	b = resp.AppendArray(b, 3+words)
	b = resp.AppendBulk(resp.AppendBulkString(b, verb), script)
	b = resp.AppendBulkString(b, strconv.Itoa(keys))
	for _, g := range c.groups {
		b = append(b, g.wire[:g.key]...)
	}
	if c.number > 0 {
		b = resp.AppendBulkString(b, c.connection.record.key)
	}
	for _, g := range c.groups {
		b = resp.AppendBulkString(b, strconv.Itoa(g.items))
		b = resp.AppendBulk(append(b, g.wire[g.key:]...), g.first)
	}
	b = append(b, c.items...)
	if c.number > 0 {
		b = resp.AppendBulkString(b, strconv.FormatUint(c.number, 10))
	}
	return b
}

// withoutWire returns the groups without what is only needed to send them.
func (c *calls) withoutWire() []group {
	for i := range c.groups {
		c.groups[i] = group{items: c.groups[i].items}
	}
	return c.groups
}

// Answer gives each call its part.
func (c *calls) Answer(v resp.Value, err error) {
	if c.connection.wantsSource(err) && c.again() {
		return
	}
	var values []any
	if err == nil {
		values, err = c.each(Plain(v))
	}
	c.tell(values, err)
}

// tell answers each call: with its value, or with the error.
func (c *calls) tell(values []any, err error) {
	for n, i := range c.list {
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

// again sends the calls once more, with the source: nothing was carried out. It reports
// false when there is no connection.
func (c *calls) again() bool {
	k := c.connection.life
	if k == nil {
		return false
	}
	k.seal(c.connection)
	c.number = c.connection.record.next(c.script) // the place of the old one may be taken
	before := len(k.wire)
	k.wire = c.append(k.wire, "EVAL", c.script.source)
	c.connection.queued += c.size
	c.connection.take(command{answer: c, size: c.size, wire: len(k.wire) - before})
	return true
}

// takeBack takes out the calls of some senders.
func (c *calls) takeBack(from map[uint64]bool) (back []command) {
	list, items := c.list, c.items
	c.list, c.items = nil, nil
	for g := range c.groups {
		group := &c.groups[g]
		for range group.items {
			i, text := list[0], items[:list[0].wire]
			list, items = list[1:], items[list[0].wire:]
			if !from[i.from] {
				c.list, c.items = append(c.list, i), append(c.items, text...)
				continue
			}
			back = append(back, command{answer: i.answer, size: i.size})
			group.items--
			c.size -= i.size
			c.bytes -= i.wire
		}
	}
	c.groups = slices.DeleteFunc(c.groups, func(g group) bool { return g.items == 0 })
	return back
}

// old tells whether so much of the time for the first call has passed that others must not share it.
func (c *calls) old() bool {
	return c.connection.loop.Now().Sub(c.began) > c.connection.opts.PublishTimeout/32
}
