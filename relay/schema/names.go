package schema

// This file finds the properties that a schema names.

import (
	"encoding/binary"
	"math/bits"
)

// names numbers the property names of a plan, from 0: an open-addressed table, at most half full. A name is
// looked for by its first bytes and its length, which is cheaper than a hash and mostly decides. Who chooses
// keys that share a slot gains nothing: there are no more steps than names. It never changes after
// construction.
type names struct {
	slots []slot
	shift int // of a mixed head, to a slot
	keys  []string
}

// slot holds one name.
type slot struct {
	head   uint64
	size   int
	number int // -1: empty
}

func newNames(keys []string) names {
	width := bits.Len(uint(2 * len(keys)))
	n := names{keys: keys, slots: make([]slot, 1<<width), shift: 64 - width}
	for i := range n.slots {
		n.slots[i].number = -1
	}
	for i, name := range keys {
		h := head([]byte(name))
		at := n.first(h, len(name))
		for ; n.slots[at].number >= 0; at = n.after(at) {
		}
		n.slots[at] = slot{h, len(name), i}
	}
	return n
}

// first returns the slot where a name is looked for at first.
func (n *names) first(head uint64, size int) int {
	const mix = 0x9e3779b97f4a7c15
	return int((head ^ uint64(size)) * mix >> n.shift)
}

func (n *names) after(at int) int { return (at + 1) & (len(n.slots) - 1) }

// find returns the number of a name, -1 if it has none.
func (n *names) find(text []byte) int {
	h := head(text)
	for at := n.first(h, len(text)); ; at = n.after(at) {
		s := &n.slots[at]
		if s.number < 0 || s.head == h && s.size == len(text) && (s.size <= headLen || n.keys[s.number] == string(text)) {
			return s.number
		}
	}
}

const headLen = 8

// head returns the first bytes of a text as a number. It reads what stands behind a shorter text in the same memory,
// and ignores it: that must not be written to meanwhile, which holds for what a scan is given.
func head(text []byte) uint64 {
	if cap(text) < headLen {
		var b [headLen]byte
		copy(b[:], text)
		return binary.LittleEndian.Uint64(b[:])
	}
	h := binary.LittleEndian.Uint64(text[:headLen])
	if missing := headLen - len(text); missing > 0 {
		h &= 1<<(64-8*missing) - 1
	}
	return h
}

// nameNumbers gives names numbers, from 0, in the order in which they are met.
type nameNumbers struct {
	list    []string // by number
	numbers map[string]int
}

func newNameNumbers() nameNumbers { return nameNumbers{numbers: make(map[string]int)} }

// number returns the number of a name. A new name gets the next one.
func (n *nameNumbers) number(name string) int {
	number, ok := n.numbers[name]
	if !ok {
		number = len(n.list)
		n.numbers[name] = number
		n.list = append(n.list, name)
	}
	return number
}
