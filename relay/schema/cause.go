package schema

// This file chooses among the causes of a rejection the one that tells the sender most.

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"

	"redis-relay/relay/schema/ascii"
)

// keyword is what a value fails by.
type keyword uint8

const (
	keyFalse keyword = iota // a schema that is false
	keyType
	keyConst
	keyEnum
	keyFormat
	keyMinProperties
	keyMaxProperties
	keyRequired
	keyAdditionalProperties
	keyRequires // dependentRequired, dependencies
	keyMinItems
	keyMaxItems
	keyUniqueItems
	keyAdditionalItems
	keyMinContains
	keyMaxContains
	keyMinLength
	keyMaxLength
	keyPattern
	keyMinimum
	keyExclusiveMinimum
	keyMaximum
	keyExclusiveMaximum
	keyMultipleOf
	keyNot
	keyOneOf // more than one schema matches
)

var keywordNames = [...]string{
	keyFalse:                "",
	keyType:                 "type",
	keyConst:                "const",
	keyEnum:                 "enum",
	keyFormat:               "format",
	keyMinProperties:        "minProperties",
	keyMaxProperties:        "maxProperties",
	keyRequired:             "required",
	keyAdditionalProperties: "additionalProperties",
	keyRequires:             "", // a requirement has its own
	keyMinItems:             "minItems",
	keyMaxItems:             "maxItems",
	keyUniqueItems:          "uniqueItems",
	keyAdditionalItems:      "additionalItems",
	keyMinContains:          "minContains",
	keyMaxContains:          "maxContains",
	keyMinLength:            "minLength",
	keyMaxLength:            "maxLength",
	keyPattern:              "pattern",
	keyMinimum:              "minimum",
	keyExclusiveMinimum:     "exclusiveMinimum",
	keyMaximum:              "maximum",
	keyExclusiveMaximum:     "exclusiveMaximum",
	keyMultipleOf:           "multipleOf",
	keyNot:                  "not",
	keyOneOf:                "oneOf",
}

// label is what a way, or a keyword, adds to the location of a keyword: a number in examiner.labels. The keywords
// come first, so that each is its own.
type label int32

// cause says which keyword of which clause a value fails. It holds numbers only, for it is copied often.
type cause struct {
	clause  int32 // a number in examiner.clauses
	node    int32 // the value, or a name
	keyword keyword
	depth   uint8 // of the value
	a, b    int32 // what the words need besides
	trail   trail
}

// trail is the location of a keyword, as seen from a clause. The labels of the ways that lead there form a list,
// which grows at its front while the cause is handed outwards.
type trail struct {
	label  label
	rest   int32 // a trail of causes.trails; 0: none
	length int32 // bytes in all, with a slash before each label
}

// causes keeps the causes of an examination: where in the document values fail, and how the location of the keyword
// reads.
type causes struct {
	document
	examiner *examiner // fixed during an examination
	trails   []trail   // 0 is none
}

// under returns a cause as seen from a clause from which a label leads to where it was found.
func (e *causes) under(at label, c *cause) *cause {
	t := trail{label: at, length: c.trail.length + e.lengthOf(at)}
	if c.trail.length > 0 {
		t.rest = int32(len(e.trails))
		e.trails = append(e.trails, c.trail)
	}
	c.trail = t
	return c
}

// lengthOf returns the bytes of a label and the slash before it.
func (e *causes) lengthOf(at label) int32 { return 1 + int32(len(e.examiner.labels[at])) }

// noAlternatives stands for a value: causes are not those of alternatives.
const noAlternatives = -1 << 31

// add makes an outcome a failure, and keeps the more telling cause. The most telling one is the deepest in the
// payload; then it goes by rank; then by the shorter location, and the shorter trail. So the choice depends on
// nothing but the causes, in whatever order they come. of is the value of which the causes are alternatives.
func (e *causes) add(o *outcome, c *cause, of int32) (kept bool) {
	if o.failed && e.compare(c, &o.cause, of) >= 0 {
		return false
	}
	o.failed, o.cause = true, *c
	return true
}

func (e *causes) compare(a, b *cause, of int32) int {
	if a.depth != b.depth {
		return cmp.Compare(b.depth, a.depth)
	}
	if order := cmp.Compare(e.rank(a, of), e.rank(b, of)); order != 0 {
		return order
	}
	if order := e.compareLocations(a.node, b.node); order != 0 {
		return order
	}
	return e.compareTrails(a.trail, b.trail)
}

// rank ranks what mostly says that another alternative was meant below the rest: a failed const or enum, and last an
// alternative of anyOf or oneOf that wants another type.
func (e *causes) rank(c *cause, of int32) int {
	switch c.keyword {
	case keyType:
		if of != noAlternatives && e.place(c.node) == e.place(of) {
			return 2
		}
	case keyConst, keyEnum:
		return 1
	}
	return 0
}

// place returns the value whose JSON pointer tells where a value is: mostly itself. A name is where its member is. A
// member with an empty name is where the object is, as the library has it.
func (d *document) place(n int32) int32 {
	if n < 0 {
		n = ^n
	}
	for v := &d.nodes[n]; v.key == v.place && v.parent >= 0; v = &d.nodes[n] {
		n = v.parent
	}
	return n
}

// compareLocations compares the JSON pointers of two values of the same depth: by length, then as text.
func (d *document) compareLocations(m, n int32) int {
	m, n = d.place(m), d.place(n)
	if m == n {
		return 0
	}
	longer := 0
	for x, y := m, n; x != y; x, y = d.place(d.nodes[x].parent), d.place(d.nodes[y].parent) {
		d.spend(costLocation)
		longer += d.tokenLength(x) - d.tokenLength(y)
	}
	if longer != 0 {
		return longer
	}
	x, y := d.appendLocation(nil, m, escapeLabel), d.appendLocation(nil, n, escapeLabel)
	d.spend(len(x))
	return bytes.Compare(x, y)
}

// tokenLength returns the bytes of the last token of a value's location, escaped.
func (d *document) tokenLength(n int32) int {
	v := &d.nodes[n]
	if v.key == itemKey {
		digits := 1
		for i := v.place; i > 9; i /= 10 {
			digits++
		}
		return digits
	}
	mark := len(d.scratch)
	name := d.name(n)
	d.spend(len(name))
	length := len(name)
	if !isUnreserved(name) {
		d.spend(costEscape)
		length = len(escapeLabel(string(name)))
	}
	d.scratch = d.scratch[:mark]
	return length
}

// appendLocation appends the JSON pointer to a value, its names escaped.
func (d *document) appendLocation(dst []byte, n int32, escape func(string) string) []byte {
	n = d.place(n)
	v := &d.nodes[n]
	if v.parent < 0 {
		return dst
	}
	dst = append(d.appendLocation(dst, v.parent, escape), '/')
	if v.key == itemKey {
		return strconv.AppendInt(dst, int64(v.place), 10)
	}
	mark := len(d.scratch)
	if name := d.name(n); isUnreserved(name) {
		dst = append(dst, name...)
	} else {
		d.spend(costEscape)
		dst = append(dst, escape(string(name))...)
	}
	d.scratch = d.scratch[:mark]
	return dst
}

// isUnreserved reports whether a name is written in a location as it is.
func isUnreserved(name []byte) bool {
	return !slices.ContainsFunc(name, func(c byte) bool { return !ascii.IsAlphanumeric(c) && c != '_' && c != '-' })
}

// compareTrails compares by length, then as text.
func (e *causes) compareTrails(a, b trail) int {
	if a.length != b.length {
		return cmp.Compare(a.length, b.length)
	}
	e.spend(costMember)
	for a.label == b.label {
		if a.rest == b.rest {
			return 0
		}
		e.spend(costMember)
		a, b = e.trails[a.rest], e.trails[b.rest]
	}
	one, other := e.examiner.labels[a.label], e.examiner.labels[b.label]
	for i := range min(len(one), len(other)) {
		if one[i] != other[i] {
			return cmp.Compare(one[i], other[i])
		}
	}
	return bytes.Compare(e.appendTrail(nil, a), e.appendTrail(nil, b))
}

// appendTrail appends the location of a keyword.
func (e *causes) appendTrail(dst []byte, t trail) []byte {
	for ; ; t = e.trails[t.rest] {
		text := e.examiner.labels[t.label]
		e.spend(len(text))
		dst = append(append(dst, '/'), text...)
		if t.rest == 0 {
			return dst
		}
	}
}
