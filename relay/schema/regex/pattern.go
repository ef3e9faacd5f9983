package regex

// Patterns: matched by an automaton where that is small and the text ASCII, else by the regular expression itself.

import (
	"math"
	"regexp"
	"regexp/syntax"
)

// Pattern is a regular expression. It must not be changed once it is used.
type Pattern struct {
	Written string // as the schema spells it, for people; RE2's spelling unless it is set

	text  *regexp.Regexp
	steps int        // instructions: without the automaton a byte of text takes at most so many steps
	quick *automaton // nil: none
}

// Cache holds the patterns of one schema by their text, so that each is made once.
type Cache map[string]*Pattern

// Of returns the pattern of a regular expression.
func (c Cache) Of(text *regexp.Regexp) *Pattern {
	p, ok := c[text.String()]
	if !ok {
		p = New(text)
		c[text.String()] = p
	}
	return p
}

// New returns a pattern that matches what text matches.
func New(text *regexp.Regexp) *Pattern {
	p := &Pattern{text: text, Written: text.String(), steps: math.MaxInt32}
	parsed, err := syntax.Parse(text.String(), syntax.Perl)
	if err != nil {
		return p // never: it has been compiled
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return p
	}
	p.steps, p.quick = len(program.Inst), newAutomaton(program)
	return p
}

// RE2 returns the expression as RE2 spells it.
func (p *Pattern) RE2() string { return p.text.String() }

// Matches reports whether the pattern matches anywhere in a text, and subtracts the cost from the steps left: one
// step for each byte that an automaton reads, else one for each byte and instruction. If left is less than 0
// afterwards, there were too few steps, and the answer means nothing.
func (p *Pattern) Matches(text []byte, left *int) bool {
	if *left < 0 {
		return false
	}
	if p.quick != nil {
		yes, known, read := p.quick.matches(text[:min(len(text), *left)])
		if *left -= read + 1; known {
			return yes
		}
	}
	*left -= p.steps * (len(text) + 1)
	return *left >= 0 && p.text.Match(text)
}
