package schema

// This file holds a small set of numbers: which goals have failed, which properties have been seen.

import "math/bits"

const (
	setWords = 4
	// maxSet is one more than the largest number in a set.
	maxSet = 64 * setWords
)

// set holds numbers from 0 to maxSet-1. The zero set is empty.
type set [setWords]uint64

func (s *set) add(i int) { s[i>>6&(setWords-1)] |= 1 << (i & 63) }

func (s *set) has(i int) bool { return s[i>>6&(setWords-1)]&(1<<(i&63)) != 0 }

// empty reports whether nothing is in s.
func (s *set) empty() bool {
	var some uint64
	for w := range s {
		some |= s[w]
	}
	return some == 0
}

// union adds what is in o.
func (s *set) union(o *set) {
	for w := range s {
		s[w] |= o[w]
	}
}

// covers reports whether all of o is in s.
func (s *set) covers(o *set) bool {
	for w := range s {
		if o[w]&^s[w] != 0 {
			return false
		}
	}
	return true
}

// missing counts what is in o and not in s.
func (s *set) missing(o *set) int {
	n := 0
	for w := range s {
		n += bits.OnesCount64(o[w] &^ s[w])
	}
	return n
}
