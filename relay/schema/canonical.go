package schema

// This file compares values for const, enum and uniqueItems: equal values, however written, have one canonical text.

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
)

// constants are the values that const or enum lists. They never change.
type constants struct {
	keyword keyword
	says    string // what to say of a value that equals none
	words   wordTest
	others  map[string]struct{} // canonical texts of what is no string
	longest int                 // bytes of the longest of those
}

func newConstants(k keyword, values []any) constants {
	c := constants{keyword: k, says: wordsOfConstants(values), others: make(map[string]struct{})}
	var words []string
	for _, value := range values {
		if word, ok := value.(string); ok {
			words = append(words, word)
			continue
		}
		text, _ := json.Marshal(value) // it comes from JSON
		work := newBudget(math.MaxInt, nil)
		d := document{budget: &work, text: text}
		canonical := string(d.appendValue(nil, d.read(), math.MaxInt))
		c.others[canonical], c.longest = struct{}{}, max(c.longest, len(canonical))
	}
	c.words = newWordTest(0, words)
	return c
}

// has reports whether a value, or a name, equals one of the constants.
func (c *constants) has(d *document, n int32) (found bool) {
	if d.kind(n) == kindString {
		mark := len(d.scratch)
		found = c.words.holds(d.string(n))
		d.scratch = d.scratch[:mark]
		return found
	}
	d.canonical = d.appendValue(d.canonical[:0], n, c.longest)
	_, found = c.others[string(d.canonical)]
	return found
}

// appendValue appends the canonical text of a value, or a name. It may stop once dst is longer than most.
func (d *document) appendValue(dst []byte, n int32, most int) []byte {
	d.spend(costMember)
	switch d.kind(n) {
	case kindString:
		return d.appendString(dst, n)
	case kindInteger, kindWhole, kindFraction:
		d.spend(costNumber)
		return append(appendCanonical(append(dst, '#'), d.raw(n)), ',')
	case kindArray:
		dst = append(dst, '[')
		for item := n + 1; item < d.nodes[n].next && len(dst) <= most; item = d.nodes[item].next {
			dst = d.appendValue(dst, item, most)
		}
		return append(dst, ']')
	case kindObject:
		return d.appendObject(dst, n, most)
	default:
		return append(dst, d.raw(n)[0])
	}
}

// appendString appends a string with its length before it.
func (d *document) appendString(dst []byte, n int32) []byte {
	mark := len(d.scratch)
	text := d.string(n)
	d.spend(len(text) / 16)
	dst = binary.AppendUvarint(append(dst, '"'), uint64(len(text)))
	dst = append(dst, text...)
	d.scratch = d.scratch[:mark]
	return dst
}

// tooLarge stands for an object that equals no constant. It is in no canonical text.
const tooLarge = '!'

// namedMember is a member of an object with its name.
type namedMember struct {
	name []byte
	node int32
}

// appendObject appends the members in the order of their names.
func (d *document) appendObject(dst []byte, n int32, most int) []byte {
	size, mark := int(d.nodes[n].size), len(d.scratch)
	if size > most {
		return append(dst, tooLarge) // each takes a byte or more
	}
	d.spend(size * bits.Len(uint(size)) * costMember)
	members := make([]namedMember, 0, size)
	for member := n + 1; member < d.nodes[n].next; member = d.nodes[member].next {
		members = append(members, namedMember{d.name(member), member})
	}
	slices.SortFunc(members, func(a, b namedMember) int { return bytes.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for _, m := range members {
		if len(dst) > most {
			break
		}
		dst = d.appendString(dst, ^m.node)
		dst = d.appendValue(dst, m.node, most)
	}
	d.scratch = d.scratch[:mark]
	return append(dst, '}')
}

// canonicalItem is where the canonical text of an item stands.
type canonicalItem struct {
	hash       uint64
	start, end int
}

// repeatedItem returns the indexes of two equal items of an array, of which the second one comes as early as
// possible.
func (d *document) repeatedItem(array int32) (first, second int32, found bool) {
	text := d.canonical[:0]
	defer func() { d.canonical = text }()
	size := int(d.nodes[array].size)
	items := make([]canonicalItem, 0, size)
	table := make([]int32, 1<<bits.Len(uint(2*size))) // open-addressed: positions in items, counted from 1
	mask := uint64(len(table) - 1)
	for n := array + 1; n < d.nodes[array].next; n = d.nodes[n].next {
		d.spend(costItem)
		start := len(text)
		text = d.appendValue(text, n, math.MaxInt)
		item := canonicalItem{maphash.Bytes(hashSeed, text[start:]), start, len(text)}
		slot := item.hash & mask
		for ; table[slot] != 0; slot = (slot + 1) & mask {
			other := items[table[slot]-1]
			if other.hash == item.hash && bytes.Equal(text[other.start:other.end], text[start:]) {
				return table[slot] - 1, int32(len(items)), true
			}
		}
		items = append(items, item)
		table[slot] = int32(len(items))
	}
	return 0, 0, false
}
