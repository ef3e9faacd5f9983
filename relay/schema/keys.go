package schema

// This file finds duplicate keys: small objects by comparing pairs, larger ones by a hash table.

import (
	"bytes"
	"hash/maphash"
	"math/bits"

	"redis-relay/relay/schema/ascii"
)

// keyTable is a tokenizer that keeps the keys of open objects, to find those that come twice.
type keyTable struct {
	tokenizer

	// Kept from text to text for their memory.
	keys  []key   // keys of the open objects and unique items of the open arrays, innermost last
	text  []byte  // decoded text of those that were written with escapes
	table []int32 // of repeatedHashed
}

// fewKeys is the largest number of keys that are compared pair by pair.
const fewKeys = 16

// hashSeed differs from process to process, so that no sender can aim at collisions.
var hashSeed = maphash.MakeSeed()

// key is a key of an open object, or an item of an open array whose items must be unique.
type key struct {
	hash    uint64 // of the key with its escapes resolved
	token          // as written
	textAt  int    // keys written with escapes: offsets of the resolved key in keyTable.text
	textEnd int
}

// resolve returns what t writes, its escapes resolved into s.text.
func (s *keyTable) resolve(t token) []byte {
	if !t.escaped {
		return s.buf[t.start:t.end]
	}
	mark := len(s.text)
	s.text = appendUnescaped(s.text, s.buf[t.start:t.end])
	return s.text[mark:]
}

// pushKey notes a key. If it has escapes, resolve has just resolved them to text.
func (s *keyTable) pushKey(t token, text []byte) {
	k := key{hash: maphash.Bytes(hashSeed, text), token: t}
	if t.escaped {
		k.textAt, k.textEnd = len(s.text)-len(text), len(s.text)
	}
	s.keys = append(s.keys, k)
}

// same reports whether two keys are equal, their escapes resolved.
func (s *keyTable) same(a, b *key) bool {
	return a.hash == b.hash && bytes.Equal(s.keyText(a), s.keyText(b))
}

func (s *keyTable) keyText(k *key) []byte {
	if k.escaped {
		return s.text[k.textAt:k.textEnd]
	}
	return s.buf[k.start:k.end]
}

// unique refuses an object that names a key twice. It looks at all keys of the object at once, so that
// one table serves objects within objects.
func (s *keyTable) unique(keys []key) bool {
	if k := s.repeated(keys); k != nil {
		return s.duplicate(k.token)
	}
	return true
}

// repeated returns the first key that equals one before it, nil without one.
func (s *keyTable) repeated(keys []key) *key {
	if len(keys) > fewKeys {
		return s.repeatedHashed(keys)
	}
	for i := range keys {
		for j := range i {
			if s.same(&keys[i], &keys[j]) {
				return &keys[i]
			}
		}
	}
	return nil
}

// repeatedHashed is repeated for many keys: an open-addressed table, at most half full, of positions in
// keys, counted from 1.
func (s *keyTable) repeatedHashed(keys []key) *key {
	slots := 1 << bits.Len(uint(2*len(keys)))
	if cap(s.table) < slots {
		s.table = make([]int32, slots)
	}
	table, mask := s.table[:slots], uint64(slots-1)
	clear(table)
	for i := range keys {
		slot := keys[i].hash & mask
		for ; table[slot] != 0; slot = (slot + 1) & mask {
			if s.same(&keys[i], &keys[table[slot]-1]) {
				return &keys[i]
			}
		}
		table[slot] = int32(i + 1)
	}
	return nil
}

func (s *keyTable) duplicate(t token) bool {
	return s.fail(duplicateKey, t.start-1, t.end+1)
}

// scalarMark stands before the text of an item that is no string, so that it equals none: it is no UTF-8.
const scalarMark = 0xff

// pushScalar notes a number or literal, from start to pos, by a text that is the same for all that equal
// it.
func (s *keyTable) pushScalar(start int) {
	raw, mark := s.buf[start:s.pos], len(s.text)
	s.text = append(s.text, scalarMark)
	if ascii.IsDigit(raw[0]) || raw[0] == '-' {
		s.text = appendCanonical(s.text, raw)
	} else {
		s.text = append(s.text, raw...)
	}
	text := s.text[mark:]
	s.pushKey(token{start: start, end: s.pos, escaped: true}, text)
}
