// This file finds which patterns of patternProperties match one name together: every such set is an edge.

package schema

import (
	"slices"
	"unicode/utf8"
)

const (
	// maxPatterns is the number of patterns that apply to one value, so that a patternSet holds them.
	maxPatterns = 64
	// maxPatternSets and maxPatternWays bound the sets that are found, beside those of one pattern.
	maxPatternSets = 192
	maxPatternWays = 2048
)

// patternSets returns the sets of one or more patterns that match a name together. It looks at ASCII names alone, and,
// if there are many sets, at short ones. It walks through the automata of the patterns side by side; a pattern without
// one may match whatever the others do.
func patternSets(patterns []*pattern) []patternSet {
	w := &patternWalk{ways: make(map[string]bool), sets: make(map[patternSet]bool)}
	var unknown []int // patterns without an automaton
	for i, p := range patterns {
		w.sets[1<<i] = true
		if p.quick == nil {
			unknown = append(unknown, i)
		} else {
			w.patterns, w.numbers = append(w.patterns, p.quick), append(w.numbers, i)
		}
	}
	w.limit = len(w.sets) + maxPatternSets
	w.walk()
	for _, i := range unknown {
		for _, set := range sorted(w.sets) {
			w.add(set | 1<<i)
		}
	}
	return sorted(w.sets)
}

func sorted(sets map[patternSet]bool) []patternSet {
	all := make([]patternSet, 0, len(sets))
	for set := range sets {
		all = append(all, set)
	}
	slices.Sort(all)
	return all
}

// patternWalk walks through automata side by side.
type patternWalk struct {
	patterns []*automaton
	numbers  []int           // of the patterns
	letters  []byte          // of bytes that no automaton tells apart, one
	ways     map[string]bool // the states of all automata, together
	todo     []string        // of ways, those that are new, shortest name first
	sets     map[patternSet]bool
	limit    int // of sets
}

func (w *patternWalk) walk() {
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
func (w *patternWalk) findLetters() {
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
func (w *patternWalk) visit(states []byte) {
	if w.ways[string(states)] || len(w.ways) == maxPatternWays {
		return
	}
	w.ways[string(states)] = true
	w.todo = append(w.todo, string(states))
	var set patternSet
	for i, p := range w.patterns {
		if p.ends[states[i]] {
			set |= 1 << w.numbers[i]
		}
	}
	w.add(set)
}

func (w *patternWalk) add(set patternSet) {
	if set != 0 && len(w.sets) < w.limit {
		w.sets[set] = true
	}
}
