package schema

// This file reads a payload into an array of its values, so that each can be looked at more than once.

import (
	"slices"

	"redis-relay/relay/schema/ascii"
)

// node is a value of a document.
type node struct {
	start, end int32 // offsets of its text; of a string, what stands between the quotes
	key, place int32 // of a member: where its name begins and ends, between the quotes; of an item: itemKey and its index
	parent     int32 // the array or object that holds it; -1: none
	next       int32 // the node behind it and all that it holds
	size       int32 // how many members or items it holds
	depth      uint8 // how many tokens its JSON pointer has
	kind       kind
	escaped    bool // it is a string written with escapes
	keyEscaped bool // its name is written with escapes
}

// What key says of a node that is not a member.
const (
	itemKey = -1 // an item
	noKey   = -2 // the outermost of a text
)

// A document is a text that the guard has accepted. Its nodes stand in the order of the text: the first one within an
// array or object comes right behind it.
//
// The name of a member is a value, too, where propertyNames asks: it is addressed by ^n, where n is the member.
type document struct {
	*budget
	text  []byte
	nodes []node
	pos   int // while it is read

	scratch   []byte // texts whose escapes are resolved
	canonical []byte
}

// read reads the text and returns the node of its value.
func (d *document) read() int32 {
	n := int32(len(d.nodes))
	d.pos = 0
	d.space()
	d.value(node{key: noKey, parent: -1})
	return n
}

// value reads the value at pos. n holds what is known of it already.
func (d *document) value(n node) {
	d.spend(costNode)
	if len(d.nodes) == cap(d.nodes) {
		d.nodes = slices.Grow(d.nodes, max(64, len(d.nodes))) // append would copy large ones more often
	}
	at := int32(len(d.nodes))
	n.start, n.next = int32(d.pos), at+1
	switch c := d.text[d.pos]; c {
	case '"':
		n.kind = kindString
		n.start, n.end, n.escaped = d.str()
	case '{', '[':
		n.kind = kindObject
		if c == '[' {
			n.kind = kindArray
		}
		d.nodes = append(d.nodes, n)
		size := d.inner(c == '{', at, n.depth+1)
		n := &d.nodes[at]
		n.size, n.end, n.next = size, int32(d.pos), int32(len(d.nodes))
		return
	case 't':
		n.kind, d.pos = kindTrue, d.pos+len("true")
	case 'f':
		n.kind, d.pos = kindFalse, d.pos+len("false")
	case 'n':
		n.kind, d.pos = kindNull, d.pos+len("null")
	default:
		n.kind = d.number()
	}
	if n.kind != kindString {
		n.end = int32(d.pos)
	}
	d.nodes = append(d.nodes, n)
}

// inner reads the members or items of an object or array, from its opening bracket on, and returns their number.
func (d *document) inner(object bool, parent int32, depth uint8) (size int32) {
	d.pos++
	for {
		d.space()
		switch d.text[d.pos] {
		case '}', ']':
			d.pos++
			return size
		case ',':
			d.pos++
			d.space()
		}
		n := node{key: itemKey, place: size, parent: parent, depth: depth}
		if object {
			n.key, n.place, n.keyEscaped = d.str()
			if n.key == n.place {
				n.depth-- // see place
			}
			d.space()
			d.pos++ // the colon
			d.space()
		}
		d.value(n)
		size++
	}
}

// str reads a string, from its opening quote on.
func (d *document) str() (start, end int32, escaped bool) {
	i := d.pos + 1
	start = int32(i)
	for {
		i, _ = plain(d.text, i)
		if d.text[i] == '"' {
			d.pos = i + 1
			d.spend((i - int(start)) / 16)
			return start, int32(i), escaped
		}
		escaped = true
		i += 2 // of a longer escape what follows is plain
	}
}

// number reads a number and tells whether it is whole.
func (d *document) number() kind {
	start, digits := d.pos, true
	for ; d.pos < len(d.text); d.pos++ {
		switch c := d.text[d.pos]; {
		case ascii.IsDigit(c), c == '-' && d.pos == start:
		case c == '.', c|0x20 == 'e', c == '+', c == '-':
			digits = false
		default:
			return kindOfNumber(d.text[start:d.pos], digits)
		}
	}
	return kindOfNumber(d.text[start:], digits)
}

func kindOfNumber(raw []byte, digits bool) kind {
	if digits {
		return kindInteger
	}
	return scaled(raw, 0).kind(raw)
}

// space passes white space.
func (d *document) space() {
	for d.pos < len(d.text) && d.text[d.pos] <= ' ' {
		d.pos++
	}
}

// raw returns the text of a number or literal.
func (d *document) raw(n int32) []byte { return d.text[d.nodes[n].start:d.nodes[n].end] }

// string returns a string, or the name of a member, its escapes resolved. It is good until scratch is cut back.
func (d *document) string(n int32) []byte {
	if n < 0 {
		return d.name(^n)
	}
	v := &d.nodes[n]
	return d.resolved(v.start, v.end, v.escaped)
}

// name returns the name of a member, its escapes resolved.
func (d *document) name(n int32) []byte {
	v := &d.nodes[n]
	return d.resolved(v.key, v.place, v.keyEscaped)
}

func (d *document) resolved(start, end int32, escaped bool) []byte {
	if !escaped {
		return d.text[start:end]
	}
	d.spend(int(end - start))
	mark := len(d.scratch)
	d.scratch = appendUnescaped(d.scratch, d.text[start:end])
	return d.scratch[mark:]
}

// kind returns the kind of a value, or of a name.
func (d *document) kind(n int32) kind {
	if n < 0 {
		return kindString
	}
	return d.nodes[n].kind
}
