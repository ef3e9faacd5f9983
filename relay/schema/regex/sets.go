package regex

// Sets of patterns that match one text together, as patternProperties needs them.

import (
	"slices"
	"unicode/utf8"
)

const (
	// MaxPatterns is the largest number of patterns that a Set holds.
	MaxPatterns = 64
	// maxSets and maxWays bound the sets that are found, beside those of one pattern.
	maxSets = 192
	maxWays = 2048
)

// Set holds patterns by their numbers: bit n stands for the pattern at n.
type Set uint64

// Sets returns the sets of one or more patterns, at most MaxPatterns, that can match a text together, in ascending
// order. It considers texts of ASCII only, and, where there are very many sets, short ones only. It walks through the
// automata of the patterns side by side. A pattern without an automaton may join any set.
func Sets(patterns []*Pattern) []Set {
	w := &walk{ways: make(map[string]bool), sets: make(map[Set]bool)}
	var unknown []int // patterns without an automaton
	for i, p := range patterns {
		w.sets[1<<i] = true
		if p.quick == nil {
			unknown = append(unknown, i)
		} else {
			w.patterns, w.numbers = append(w.patterns, p.quick), append(w.numbers, i)
		}
	}
	w.limit = len(w.sets) + maxSets
	w.walk()
	for _, i := range unknown {
		for _, set := range sorted(w.sets) {
			w.add(set | 1<<i)
		}
	}
	return sorted(w.sets)
}

func sorted(sets map[Set]bool) []Set {
	all := make([]Set, 0, len(sets))
	for set := range sets {
		all = append(all, set)
	}
	slices.Sort(all)
	return all
}

// walk walks through automata side by side.
type walk struct {
	patterns []*automaton
	numbers  []int           // of the patterns
	letters  []byte          // of bytes that no automaton tells apart, one
	ways     map[string]bool // the states of all automata, together
	todo     []string        // of ways, those that are new, shortest name first
	sets     map[Set]bool
	limit    int // of sets
}

func (w *walk) walk() {
	if len(w.patterns) == 0 {
		return
	}
	w.findLetters()
	begin := make([]byte, len(w.patterns))
	for i := range begin {
		begin[i] = begins
	}
	w.visit(begin)
	next := make([]byte, len(w.patterns))
	for ; len(w.todo) > 0 && len(w.sets) < w.limit; w.todo = w.todo[1:] {
		for _, c := range w.letters {
			for i, p := range w.patterns {
				if next[i] = w.todo[0][i]; next[i] > matched {
					next[i] = p.next[next[i]][c]
				}
			}
			w.visit(next)
		}
	}
}

// findLetters keeps one of the bytes that lead everywhere to the same states.
func (w *walk) findLetters() {
	seen := make(map[string]bool)
	for c := range utf8.RuneSelf {
		var column []byte
		for _, p := range w.patterns {
			for state := range p.next {
				column = append(column, p.next[state][c])
			}
		}
		if !seen[string(column)] {
			seen[string(column)] = true
			w.letters = append(w.letters, byte(c))
		}
	}
}

// visit notes states that are reached, and what matches if the name ends there.
func (w *walk) visit(states []byte) {
	if w.ways[string(states)] || len(w.ways) == maxWays {
		return
	}
	w.ways[string(states)] = true
	w.todo = append(w.todo, string(states))
	var set Set
	for i, p := range w.patterns {
		if p.ends[states[i]] {
			set |= 1 << w.numbers[i]
		}
	}
	w.add(set)
}

func (w *walk) add(set Set) {
	if set != 0 && len(w.sets) < w.limit {
		w.sets[set] = true
	}
}
