package regex

// Automata: a regular expression as a table, for ASCII.

import (
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// Limits of automata.
const (
	maxStates       = 64
	maxInstructions = 128
)

// The states that each automaton has: two that more text does not change, and the one before any text is read.
const (
	refuses = iota
	matched
	begins
)

// automaton is a regular expression that is matched by one look into a table for each byte.
type automaton struct {
	next [][utf8.RuneSelf]uint8 // by state and byte
	ends []bool                 // by state: matches if the text ends here
}

// matches reports whether the expression matches anywhere in a text, and how many bytes it read to tell; known is
// false if it came to one that is not ASCII.
func (a *automaton) matches(text []byte) (yes, known bool, read int) {
	state := uint8(begins)
	for i, c := range text {
		if c >= utf8.RuneSelf {
			return false, false, i
		}
		if state = a.next[state][c]; state <= matched {
			return state == matched, true, i + 1
		}
	}
	return a.ends[state], true, len(text)
}

// newAutomaton returns nil for what would be large, and for what asks more of a place in the text than whether
// it is the beginning or the end.
func newAutomaton(program *syntax.Prog) *automaton {
	if len(program.Inst) > maxInstructions {
		return nil
	}
	b := automatonBuilder{program: program, automaton: &automaton{}}
	b.add(nil)                             // refuses
	b.add(nil)                             // matched
	b.add([]uint32{uint32(program.Start)}) // begins
	b.ends[matched] = true
	for state := begins; state < len(b.ways) && !b.failed; state++ {
		b.complete(state)
	}
	if b.failed {
		return nil
	}
	return b.automaton
}

// automatonBuilder makes an automaton. Each of its states is a set of ways, instructions to go on with.
type automatonBuilder struct {
	*automaton
	program *syntax.Prog
	ways    [][]uint32 // by state, sorted
	failed  bool       // it would be too large, or cannot tell
}

func (b *automatonBuilder) add(ways []uint32) {
	b.ways, b.next, b.ends = append(b.ways, ways), append(b.next, [utf8.RuneSelf]uint8{}), append(b.ends, false)
}

// complete works out where a state leads. A match may begin at every byte.
func (b *automatonBuilder) complete(state int) {
	holds := syntax.EmptyOp(0)
	if state == begins {
		holds = syntax.EmptyBeginText
	}
	_, b.ends[state] = b.follow(b.ways[state], holds|syntax.EmptyEndText)
	reading, already := b.follow(b.ways[state], holds)
	if already {
		for c := range b.next[state] {
			b.next[state][c] = matched
		}
		return
	}
	var then, before []uint32 // where this byte leads, and the one before it
	for c := range utf8.RuneSelf {
		then = append(then[:0], uint32(b.program.Start))
		for _, at := range reading {
			if in := &b.program.Inst[at]; in.MatchRune(rune(c)) {
				then = append(then, in.Out)
			}
		}
		if c > 0 && slices.Equal(then, before) {
			b.next[state][c] = b.next[state][c-1]
		} else {
			b.next[state][c] = b.state(then)
		}
		then, before = before, then
	}
}

// state returns the number of the state with the ways given.
func (b *automatonBuilder) state(ways []uint32) uint8 {
	ways = slices.Clone(ways)
	slices.Sort(ways)
	ways = slices.Compact(ways)
	for state := begins + 1; state < len(b.ways); state++ {
		if slices.Equal(b.ways[state], ways) {
			return uint8(state)
		}
	}
	if reading, matches := b.follow(ways, syntax.EmptyEndText); len(reading) == 0 && !matches {
		return refuses
	}
	if len(b.ways) == maxStates {
		b.failed = true
		return refuses
	}
	b.add(ways)
	return uint8(len(b.ways) - 1)
}

// follow goes on from instructions without reading, where the conditions hold that a place in the text meets. It
// returns the instructions that read, and whether the expression has matched.
func (b *automatonBuilder) follow(ways []uint32, holds syntax.EmptyOp) (reading []uint32, matches bool) {
	seen := make([]bool, len(b.program.Inst))
	for todo := slices.Clone(ways); len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		switch in := &b.program.Inst[at]; in.Op {
		case syntax.InstMatch:
			matches = true
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, in.Out, in.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, in.Out)
		case syntax.InstEmptyWidth:
			op := syntax.EmptyOp(in.Arg)
			b.failed = b.failed || op&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0
			if op&^holds == 0 {
				todo = append(todo, in.Out)
			}
		case syntax.InstFail:
		default:
			reading = append(reading, at)
		}
	}
	return reading, matches
}
