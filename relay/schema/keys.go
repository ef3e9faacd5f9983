// This file finds duplicate keys: small objects by comparing pairs, larger ones by a hash table.

package schema

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// fewKeys is the largest number of keys that are compared pair by pair.
const fewKeys = 16

// hashSeed differs from process to process, so that no sender can aim at collisions.
var hashSeed = maphash.MakeSeed()

// key is a key of an open object.
type key struct {
	hash    uint64 // of the key with its escapes resolved
	token          // as written
	textAt  int    // keys written with escapes: offsets of the resolved key in scanner.text
	textEnd int
}

// pushKey notes a key of the innermost object and returns it with its escapes resolved.
func (s *scanner) pushKey(t token) []byte {
	text := s.buf[t.start:t.end]
	k := key{token: t}
	if t.escaped {
		k.textAt = len(s.text)
		s.text = appendUnescaped(s.text, text)
		k.textEnd = len(s.text)
		text = s.text[k.textAt:k.textEnd]
	}
	k.hash = maphash.Bytes(hashSeed, text)
	s.keys = append(s.keys, k)
	return text
}

// same reports whether two keys are equal, their escapes resolved.
func (s *scanner) same(a, b *key) bool {
	return a.hash == b.hash && bytes.Equal(s.keyText(a), s.keyText(b))
}

func (s *scanner) keyText(k *key) []byte {
	if k.escaped {
		return s.text[k.textAt:k.textEnd]
	}
	return s.buf[k.start:k.end]
}

// unique refuses an object that names a key twice. It looks at all keys of the object at once, so that
// one table serves objects within objects.
func (s *scanner) unique(keys []key) bool {
	if len(keys) > fewKeys {
		return s.uniqueHashed(keys)
	}
	for i := range keys {
		for j := range i {
			if s.same(&keys[i], &keys[j]) {
				return s.duplicate(&keys[i])
			}
		}
	}
	return true
}

// uniqueHashed is unique for many keys: an open-addressed table, at most half full, of positions in
// keys, counted from 1.
func (s *scanner) uniqueHashed(keys []key) bool {
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
				return s.duplicate(&keys[i])
			}
		}
		table[slot] = int32(i + 1)
	}
	return true
}

func (s *scanner) duplicate(k *key) bool {
	return s.fail(duplicateKey, k.start-1, k.end+1)
}
