// This file finds the properties that a schema names.

package schema

import (
	"hash/maphash"
	"math/bits"
)

// names numbers the property names of a plan, from 0: an open-addressed table, at most half full, by the
// hash that the scan makes of every key anyway. It never changes after construction.
type names struct {
	slots  []int16 // positions in keys, -1 where empty
	keys   []string
	hashes []uint64
}

func newNames(keys []string) names {
	n := names{keys: keys, slots: make([]int16, 1<<bits.Len(uint(2*len(keys))))}
	for i := range n.slots {
		n.slots[i] = -1
	}
	for i, name := range keys {
		hash := maphash.String(hashSeed, name)
		n.hashes = append(n.hashes, hash)
		slot := n.slot(hash)
		for ; n.slots[slot] >= 0; slot = n.slot(uint64(slot) + 1) {
		}
		n.slots[slot] = int16(i)
	}
	return n
}

func (n *names) slot(hash uint64) int { return int(hash & uint64(len(n.slots)-1)) }

// find returns the number of a name, -1 if it has none.
func (n *names) find(hash uint64, text []byte) int {
	for slot := n.slot(hash); ; slot = n.slot(uint64(slot) + 1) {
		i := int(n.slots[slot])
		if i < 0 || n.hashes[i] == hash && n.keys[i] == string(text) {
			return i
		}
	}
}
