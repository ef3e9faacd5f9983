package evolve

// The proof that all values of a context are accepted by a schema.

import (
	"math"
	"time"

	"redis-relay/relay/schema"
)

// maxGoals bounds a proof.
const maxGoals = 20_000

// prover proves goals about the values of two schemas.
type prover struct {
	reader
	equal equality

	open   map[string]opened // goals that are being proved
	proved map[string]bool   // goals that hold, whatever becomes of others
	failed map[string]string // why not
	goals  int
	until  time.Time // nothing is proved from then on; zero: there is no such time

	lowest int // the outermost open goal that was taken for granted
}

// opened is a goal that is being proved.
type opened struct{ depth, order int }

func newProver(from, to []*schema.Shape) *prover {
	p := &prover{
		reader: reader{vocabulary: vocabulary{map[*schema.Shape]int{}, map[string]*schema.Shape{}}}, equal: equality{},
		open: make(map[string]opened), proved: make(map[string]bool), failed: make(map[string]string),
		lowest: math.MaxInt,
	}
	for s := range reachable(append(from, to...)) {
		p.draft4 = p.draft4 || s.Draft4
	}
	return p
}

// notProved is why a goal could not be proved: the place of a keyword. Empty: it is proved.
type notProved = string

// implies proves that all values of a context are accepted by a schema. depth counts how far the value lies inside
// of the message.
func (p *prover) implies(c *context, to *schema.Shape, depth int) notProved {
	if c.kinds == 0 || to != never && len(to.Keywords) == 0 {
		return ""
	}
	key := p.key(c, to)
	if p.proved[key] {
		return ""
	}
	if why := p.failed[key]; why != "" {
		return why
	}
	if at, ok := p.open[key]; ok {
		if at.depth >= depth {
			return "references that lead in a circle at " + to.Place
		}
		p.lowest = min(p.lowest, at.order)
		return ""
	}
	if p.goals++; p.goals > maxGoals || isLate(p.until) {
		return "the size of the schemas"
	}
	order, before := len(p.open), p.lowest
	p.open[key], p.lowest = opened{depth, order}, math.MaxInt
	why := p.decide(c, to, depth)
	delete(p.open, key)
	switch {
	case why != "":
		p.failed[key], p.lowest = why, before
	case p.lowest >= order:
		p.proved[key], p.lowest = true, before
	default:
		p.lowest = min(p.lowest, before)
	}
	return why
}

// decide proves a goal that is not known yet.
func (p *prover) decide(c *context, to *schema.Shape, depth int) notProved {
	if p.knows(c, to) {
		return ""
	}
	for _, kinds := range groups {
		part := c.ofKinds(kinds)
		if part.kinds == 0 {
			continue
		}
		if why := p.decideGroup(part, to, depth); why != "" {
			return why
		}
	}
	return ""
}

// knows reports whether a context knows a schema that is equal.
func (p *prover) knows(c *context, to *schema.Shape) bool {
	for _, s := range c.holds {
		if p.equal.shapes(s, to) {
			return true
		}
	}
	return false
}

// decideGroup proves a goal about values of one group of kinds.
func (p *prover) decideGroup(c *context, to *schema.Shape, depth int) notProved {
	if values, few := p.values(c); few {
		return tryAll(c, values, to)
	}
	why := p.meets(c, to, depth)
	if why == "" {
		return ""
	}
	if cases := p.cases(c, to); cases != nil {
		for _, one := range cases {
			if inner := p.implies(one, to, depth); inner != "" {
				return inner
			}
		}
		return ""
	}
	if to != never && p.implies(c, never, depth) == "" {
		return ""
	}
	return why
}

// meets proves a goal keyword by keyword.
func (p *prover) meets(c *context, to *schema.Shape, depth int) notProved {
	if to.Never {
		if p.isEmpty(c, depth) {
			return ""
		}
		return keyword(to, "")
	}
	if rest := c.ofKinds(^to.Kinds); rest.kinds != 0 {
		if why := p.implies(rest, never, depth); why != "" {
			return keyword(to, "type")
		}
		if c = c.ofKinds(to.Kinds); c.kinds == 0 {
			return ""
		}
	}
	if len(to.Values) > 0 {
		return keyword(to, "enum")
	}
	for _, inner := range to.All {
		if why := p.implies(c, inner, depth); why != "" {
			return why
		}
	}
	if why := p.meetsBranches(c, to, depth); why != "" {
		return why
	}
	switch {
	case c.kinds&numbers != 0:
		return p.meetsNumber(c, to)
	case c.kinds&schema.KindString != 0:
		return p.meetsString(c, to)
	case c.kinds&schema.KindArray != 0:
		return p.meetsArray(c, to, depth)
	case c.kinds&schema.KindObject != 0:
		return p.meetsObject(c, to, depth)
	}
	return ""
}

// keyword names a keyword of a schema.
func keyword(s *schema.Shape, name string) notProved {
	switch {
	case name == "" && s.Place == "":
		return "a value that must not be"
	case name == "":
		return s.Place
	}
	return s.Place + "/" + name
}

// isEmpty proves that a context of one group of kinds has no value.
func (p *prover) isEmpty(c *context, depth int) bool {
	for i, s := range c.fails {
		less := *c
		less.fails = append(append([]*schema.Shape(nil), c.fails[:i]...), c.fails[i+1:]...)
		if p.implies(&less, s, depth) == "" {
			return true
		}
	}
	switch {
	case c.kinds&numbers != 0:
		return rangeOf(c).empty(c.kinds)
	case c.kinds&schema.KindString != 0:
		least, most := lengths(c)
		return most >= 0 && least > most
	case c.kinds&schema.KindArray != 0:
		return p.hasNoArray(c, depth)
	case c.kinds&schema.KindObject != 0:
		return p.hasNoObject(c, depth)
	}
	return false // literals are tried one by one
}
