package schema

// This file checks a payload against the skeleton of one that was accepted: the bytes between the values must be the
// same, and each value must fail the same tests.

import (
	"encoding/binary"
	"unicode/utf8"

	"redis-relay/relay/schema/ascii"
)

// skeleton is a payload that was accepted, without its values. It never changes.
//
// A payload with the same skeleton is accepted, too. If the bytes between the values are the same, so are the names,
// their order and nesting, and so is the edge on which each value is judged. If each value also fails the same tests,
// and its kind means the same there, each frame hears the same reports and comes to the same end.
type skeleton struct {
	values []skeletonValue
	end    piece // the bytes behind the last value

	suitsAt   int    // where the kind begins if it comes first, else 0
	suitsWith uint64 // and with what
}

// skeletonValue is what a skeleton has instead of a value that is a string, number or literal.
type skeletonValue struct {
	before piece       // the bytes before it, with a string's opening quote; its closing quote begins the next piece
	edge   *edge       // on which it is judged; nil: anything goes
	like   [kinds]bool // the kinds that mean the same here
	role   role        // whether it is the kind or a key
	failed set         // goals, by its tests

	// Strings that need no test: those of so many bytes, and, where there is a const or enum, this word.
	least, most int
	word        string
}

// role says whether a value is that of the kind field or of key fields.
type role uint8

const (
	isKind   role = 1 << iota
	firstKey      // and on: of the key fields, one bit each
)

// maxKeyRoles is the number of key fields that a role has bits for.
const maxKeyRoles = 7

// predicted is what a payload holds that has the skeleton: its kind and the values of its key fields.
type predicted struct {
	steps int // that patterns may still take
	kind  extent
	keys  [maxKeyRoles]extent
}

// extent is a part of a payload. The zero extent is none.
type extent struct{ at, end int32 }

// of returns the part of a payload, nil for none.
func (x extent) of(text []byte) []byte {
	if x.at == 0 {
		return nil
	}
	return text[x.at:x.end:x.end]
}

// predict reports whether a payload has the skeleton. If it does not, that means nothing. It notes the values of the
// kind and the key fields, and takes what patterns cost off the steps.
func (sk *skeleton) predict(text []byte, p *predicted) bool {
	at := 0
	for i := range sk.values {
		v := &sk.values[i]
		if !v.before.isAt(text, at) {
			return false
		}
		at += v.before.size
		end := v.check(text, at, &p.steps)
		if end < 0 {
			return false
		}
		if v.role != 0 {
			p.note(v, at, end)
		}
		at = end
	}
	return at+sk.end.size == len(text) && sk.end.isAt(text, at) && p.steps >= 0
}

// note keeps a value that is the kind or a key.
func (p *predicted) note(v *skeletonValue, at, end int) {
	x := extent{int32(at), int32(end)}
	if v.like[kindString] {
		if v.role&isKind != 0 {
			p.kind = x
		}
		x.at, x.end = x.at-1, x.end+1 // the quotes
	}
	for i := range p.keys {
		if v.role>>i&firstKey != 0 {
			p.keys[i] = x
		}
	}
}

// key returns the value of the key field for a kind.
func (p *predicted) key(text, kind []byte, k *keyFields) []byte {
	if k == nil {
		return nil
	}
	place := k.of(kind)
	if place < 0 {
		return nil
	}
	return p.keys[place].of(text)
}

// check returns where the value ends that begins at an offset, less than 0 if it is not like the one of the skeleton.
func (v *skeletonValue) check(text []byte, at int, steps *int) (end int) {
	if v.like[kindString] {
		return v.checkString(text, at, steps)
	}
	if at == len(text) {
		return -1
	}
	switch c := text[at]; {
	case c == '-' || ascii.IsDigit(c):
		return v.checkNumber(text, at)
	case c == 't':
		return v.checkLiteral(text, at, "true", kindTrue)
	case c == 'f':
		return v.checkLiteral(text, at, "false", kindFalse)
	case c == 'n':
		return v.checkLiteral(text, at, "null", kindNull)
	}
	return -1
}

// checkString checks a string without escapes. Its end is where the closing quote must be.
func (v *skeletonValue) checkString(text []byte, at int, steps *int) (end int) {
	end, ascii := plain(text, at)
	value := text[at:end]
	if !ascii && !utf8.Valid(value) {
		return -1
	}
	if (len(value) < v.least || len(value) > v.most) && (v.word == "" || string(value) != v.word) {
		var failed set
		v.edge.plan.testString(value, &failed, steps)
		if failed != v.failed {
			return -1
		}
	}
	return end
}

// checkNumber checks a number as most are written: its value is not beyond 64 bits, and it has no exponent.
func (v *skeletonValue) checkNumber(text []byte, at int) (end int) {
	n, k, end := plainNumber(text, at)
	if end < 0 || !v.like[k] {
		return -1
	}
	if v.edge != nil {
		var failed set
		if !v.edge.plan.testNumber(n, text[at:end], &failed) || failed != v.failed {
			return -1
		}
	}
	return end
}

func (v *skeletonValue) checkLiteral(text []byte, at int, word string, k kind) (end int) {
	if end = at + len(word); !v.like[k] || end > len(text) || string(text[at:end]) != word {
		return -1
	}
	return end
}

// maxPlainDigits is the number of digits that certainly fit into 64 bits.
const maxPlainDigits = 18

// plainNumber returns the number that begins at an offset, its kind, and where it ends, less than 0 if it has an
// exponent, or many digits, or is none.
func plainNumber(text []byte, at int) (n number, k kind, end int) {
	negative := text[at] == '-'
	if negative {
		at++
	}
	first := at
	for ; at < len(text) && ascii.IsDigit(text[at]); at++ {
		n.floor = 10*n.floor + int64(text[at]-'0')
	}
	digits := at - first
	if digits == 0 || digits > 1 && text[first] == '0' {
		return n, k, -1
	}
	k = kindInteger
	if at < len(text) && text[at] == '.' {
		first = at + 1
		for at = first; at < len(text) && ascii.IsDigit(text[at]); at++ {
			n.fractional = n.fractional || text[at] != '0'
		}
		if at == first {
			return n, k, -1
		}
		digits += at - first
		k = kindWhole
		if n.fractional {
			k = kindFraction
		}
	}
	if digits > maxPlainDigits || at < len(text) && text[at]|0x20 == 'e' {
		return n, k, -1
	}
	return n.signed(negative), k, at
}

// piece is a part of a skeleton, compared eight bytes at a time.
type piece struct {
	size  int
	words []uint64 // the first bytes
	mask  uint64   // of the others, at most seven
	last  uint64
	text  string // all of it
}

func newPiece(text []byte) piece {
	p := piece{size: len(text), text: string(text)}
	for ; len(text) >= 8; text = text[8:] {
		p.words = append(p.words, binary.LittleEndian.Uint64(text))
	}
	var last [8]byte
	copy(last[:], text)
	p.mask, p.last = 1<<(8*len(text))-1, binary.LittleEndian.Uint64(last[:])
	return p
}

// isAt reports whether a text has the piece at an offset.
func (p *piece) isAt(text []byte, at int) bool {
	text = text[at:]
	if len(text) < 8*len(p.words)+8 { // it ends soon
		return len(text) >= p.size && string(text[:p.size]) == p.text
	}
	for _, w := range p.words {
		if binary.LittleEndian.Uint64(text) != w {
			return false
		}
		text = text[8:]
	}
	return binary.LittleEndian.Uint64(text)&p.mask == p.last
}
