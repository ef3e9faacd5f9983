package evolve

// Objects.

import (
	"encoding/json"
	"maps"
	"slices"

	"redis-relay/relay/schema"
)

// maxPatterns bounds the patterns of names that are considered together.
const maxPatterns = 6

// meetsObject proves what a schema asks of objects.
func (p *prover) meetsObject(c *context, to *schema.Shape, depth int) notProved {
	if more := c.dependents(); more != c {
		return p.implies(more, to, depth)
	}
	required := c.required()
	for _, name := range to.Required {
		if !slices.Contains(required, name) {
			return keyword(to, "required")
		}
	}
	least, most := c.memberCounts()
	switch {
	case to.MinMembers > least:
		return keyword(to, "minProperties")
	case to.MaxMembers >= 0 && (most < 0 || most > to.MaxMembers):
		return keyword(to, "maxProperties")
	}
	if why := p.meetsDependents(c, to, depth); why != "" {
		return why
	}
	if to.Names != nil && !p.meetsNames(c, to.Names, depth) {
		return keyword(to, "propertyNames")
	}
	return p.meetsMembers(c, to, depth)
}

// required lists the names that all objects of a context have.
func (c *context) required() (names []string) {
	for _, s := range c.holds {
		names = append(names, s.Required...)
	}
	for i := 0; i < len(names); i++ { // it grows
		for _, s := range c.holds {
			for _, name := range s.Requires[names[i]] {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// dependents returns the context with the schemas that its required names bring; itself if there are none.
func (c *context) dependents() *context {
	more := c
	for _, name := range c.required() {
		for _, s := range c.holds {
			if d := s.Depends[name]; d != nil && len(d.Keywords) > 0 && !slices.Contains(more.holds, d) {
				more = more.with(d)
			}
		}
	}
	return more
}

// meetsDependents proves what follows from members that may be given.
func (p *prover) meetsDependents(c *context, to *schema.Shape, depth int) notProved {
	for _, given := range slices.Sorted(maps.Keys(to.Requires)) {
		with := c.with(p.having(given))
		for _, name := range to.Requires[given] {
			if p.implies(with, p.having(name), depth) != "" {
				return keyword(to, "dependentRequired")
			}
		}
	}
	for _, given := range slices.Sorted(maps.Keys(to.Depends)) {
		if p.implies(c.with(p.having(given)), to.Depends[given], depth) != "" {
			return keyword(to, "dependentSchemas")
		}
	}
	return ""
}

// memberCounts returns how many members the objects of a context have.
func (c *context) memberCounts() (least, most int) {
	most = -1
	for _, s := range c.holds {
		least, most = tighter(least, most, s.MinMembers, s.MaxMembers)
	}
	least = max(least, len(c.required()))
	if names, closed := c.onlyNames(); closed {
		_, most = tighter(0, most, 0, len(names))
	}
	return least, most
}

// onlyNames lists the names that members may have, if no others can be.
func (c *context) onlyNames() (names []string, closed bool) {
	for _, s := range c.holds {
		if s.Additional != nil && s.Additional.Kinds == 0 && len(s.Patterns) == 0 {
			closed = true
		}
	}
	if !closed {
		return nil, false
	}
	for _, name := range named(c, nil) {
		if c.member(name).kinds != 0 {
			names = append(names, name)
		}
	}
	return names, true
}

// named lists the names of members that schemas describe.
func named(c *context, to *schema.Shape) []string {
	all := make(map[string]bool)
	for _, s := range c.holds {
		for name := range s.Members {
			all[name] = true
		}
	}
	if to != nil {
		for name := range to.Members {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// asked lists what a schema asks of the member of a name.
func asked(s *schema.Shape, name string) (list []*schema.Shape) {
	described := false
	if member := s.Members[name]; member != nil {
		list, described = append(list, member), true
	}
	for _, pattern := range s.Patterns {
		if pattern.Pattern.MatchString(name) {
			list, described = append(list, pattern.Shape), true
		}
	}
	if !described && s.Additional != nil {
		list = append(list, s.Additional)
	}
	return list
}

// askedOfOthers lists what a schema asks of members that no schema names, of which some patterns match.
func askedOfOthers(s *schema.Shape, matching []string) (list []*schema.Shape) {
	described := false
	for _, pattern := range s.Patterns {
		if slices.Contains(matching, pattern.Pattern.String()) {
			list, described = append(list, pattern.Shape), true
		}
	}
	if !described && s.Additional != nil {
		list = append(list, s.Additional)
	}
	return list
}

// member returns what a context knows of the member of a name, if there is one.
func (c *context) member(name string) *context {
	quoted, err := json.Marshal(name)
	member := anything
	for _, s := range c.holds {
		member = member.with(asked(s, name)...)
		if s.Unevaluated != nil && !mayEvaluate(s, name) {
			member = member.with(s.Unevaluated)
		}
		if s.Names == nil || err != nil {
			continue
		}
		if ok, decided := accepts(s.Names, string(quoted)); decided && !ok {
			return member.with(never)
		}
	}
	return member
}

// others returns what a context knows of members that no schema names, of which some patterns match.
func (c *context) others(matching []string) *context {
	member := anything
	for _, s := range c.holds {
		member = member.with(askedOfOthers(s, matching)...)
		if s.Unevaluated != nil && !mayEvaluateOthers(s) {
			member = member.with(s.Unevaluated)
		}
	}
	return member
}

// meetsMembers proves what a schema asks of members.
func (p *prover) meetsMembers(c *context, to *schema.Shape, depth int) notProved {
	if _, most := c.memberCounts(); most == 0 || !asksMembers(to) {
		return ""
	}
	for _, name := range named(c, to) {
		wanted := asked(to, name)
		if to.Unevaluated != nil && !surelyEvaluates(to, name) {
			wanted = append(wanted, to.Unevaluated)
		}
		if why := p.all(c.member(name), wanted, depth+1); why != "" {
			return why
		}
	}
	sets, ok := matchings(c, to)
	if !ok {
		return keyword(to, "patternProperties")
	}
	for _, matching := range sets {
		wanted := askedOfOthers(to, matching)
		if to.Unevaluated != nil && !surelyEvaluatesOthers(to) {
			wanted = append(wanted, to.Unevaluated)
		}
		if why := p.all(c.others(matching), wanted, depth+1); why != "" {
			return why
		}
	}
	return ""
}

func asksMembers(s *schema.Shape) bool {
	return len(s.Members)+len(s.Patterns) > 0 || s.Additional != nil || s.Unevaluated != nil
}

// all proves several goals about one context.
func (p *prover) all(c *context, shapes []*schema.Shape, depth int) notProved {
	for _, s := range shapes {
		if why := p.implies(c, s, depth); why != "" {
			return why
		}
	}
	return ""
}

// matchings lists all sets of patterns that might match a name together, also those that no name can match.
func matchings(c *context, to *schema.Shape) (sets [][]string, ok bool) {
	var patterns []string
	for _, s := range append(slices.Clip(c.holds), to) {
		for _, pattern := range s.Patterns {
			if text := pattern.Pattern.String(); !slices.Contains(patterns, text) {
				patterns = append(patterns, text)
			}
		}
	}
	if len(patterns) > maxPatterns {
		return nil, false
	}
	for set := range 1 << len(patterns) {
		var matching []string
		for i, text := range patterns {
			if set&(1<<i) != 0 {
				matching = append(matching, text)
			}
		}
		sets = append(sets, matching)
	}
	return sets, true
}

// hasNoObject proves that a context has no object.
func (p *prover) hasNoObject(c *context, depth int) bool {
	if more := c.dependents(); more != c {
		return p.implies(more, never, depth) == ""
	}
	least, most := c.memberCounts()
	if most >= 0 && least > most {
		return true
	}
	for _, name := range c.required() {
		if p.implies(c.member(name), never, depth+1) == "" {
			return true
		}
	}
	return false
}
