package schema

// This file keeps which members and items are left unevaluated, and what came of clauses and values.

// itemSets holds sets of members or items, a bit each. A set is named by the place where it begins.
type itemSets struct {
	words []uint64
}

// has reports whether a member or item is in a set.
func (s *itemSets) has(set int32, i int) bool { return s.words[set+int32(i>>6)]>>(i&63)&1 == 1 }

// full returns a set of so many members or items.
func (s *itemSets) full(b *budget, size int) int32 {
	if size == 0 {
		return allEvaluated
	}
	b.spend(size / 64)
	at := int32(len(s.words))
	for ; size > 64; size -= 64 {
		s.words = append(s.words, ^uint64(0))
	}
	s.words = append(s.words, ^uint64(0)>>(64-size))
	return at
}

// remove takes a member or item out of a set.
func (s *itemSets) remove(set int32, i int) { s.words[set+int32(i>>6)] &^= 1 << (i & 63) }

// intersect takes out of what an outcome leaves, which is not allEvaluated, what another one for the same value, of
// so many members or items, does not leave.
func (s *itemSets) intersect(b *budget, out, other *outcome, size int32) {
	if other.left == allEvaluated {
		out.left = allEvaluated
	} else {
		words := (size + 63) / 64
		b.spend(int(words))
		for w := range words {
			s.words[out.left+w] &= s.words[other.left+w]
		}
	}
}

// memo remembers what came of clauses and values: an open-addressed table, at most half full. The zero memo is empty.
type memo struct {
	table    []remembered
	used     int
	outcomes []outcome // of those that failed, or left something
}

type remembered struct {
	clause, node, scope int32
	outcome             int32 // 0: this is empty; 1: passed; else its place in outcomes, and 2
}

const firstMemo = 64 // entries

// slot returns the entry for a clause, a value and a scope, or the empty one where it belongs.
func (m *memo) slot(clause, node, scope int32) *remembered {
	const mix = 0x9e3779b97f4a7c15
	hash := (uint64(uint32(clause))<<32 | uint64(uint32(node))) * mix
	hash = (hash ^ hash>>29 ^ uint64(scope)) * mix
	mask := uint64(len(m.table) - 1)
	for at := hash >> 20 & mask; ; at = (at + 1) & mask {
		if r := &m.table[at]; r.outcome == 0 || r.clause == clause && r.node == node && r.scope == scope {
			return r
		}
	}
}

// recall reports whether there is something to recall.
func (m *memo) recall(clause, node, scope int32, out *outcome) bool {
	if m.used == 0 {
		return false
	}
	r := m.slot(clause, node, scope)
	switch r.outcome {
	case 0:
		return false
	case 1:
	default:
		*out = m.outcomes[r.outcome-2]
	}
	return true
}

func (m *memo) remember(clause, node, scope int32, o *outcome) {
	if 2*m.used >= len(m.table) {
		m.grow()
	}
	r := m.slot(clause, node, scope)
	*r = remembered{clause, node, scope, 1}
	if o.failed || o.left != allEvaluated {
		m.outcomes = append(m.outcomes, *o)
		r.outcome = int32(len(m.outcomes) + 1)
	}
	m.used++
}

func (m *memo) grow() {
	old := m.table
	m.table = make([]remembered, max(firstMemo, 2*len(old)))
	for i := range old {
		if r := &old[i]; r.outcome != 0 {
			*m.slot(r.clause, r.node, r.scope) = *r
		}
	}
}

func (m *memo) clear() {
	clear(m.table)
	m.used, m.outcomes = 0, m.outcomes[:0]
}
