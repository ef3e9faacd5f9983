package evolve

// anyOf, oneOf, not and if: of the schema of a goal, and of its context.

import (
	"maps"
	"slices"
	"strings"

	"redis-relay/relay/schema"
)

// meetsBranches proves what a schema asks by others of the same value.
func (p *prover) meetsBranches(c *context, to *schema.Shape, depth int) notProved {
	if len(to.AnyOf) > 0 && !p.meetsAny(c, to.AnyOf, depth) {
		return keyword(to, "anyOf")
	}
	if len(to.OneOf) > 0 && !p.meetsOne(c, to, depth) {
		return keyword(to, "oneOf")
	}
	if to.Not != nil && !p.apart(c, to.Not, depth) {
		return keyword(to, "not")
	}
	if to.If == nil {
		return ""
	}
	if to.Then != nil && p.implies(c.with(to.If), to.Then, depth) != "" {
		return keyword(to, "then")
	}
	if to.Else != nil && p.implies(p.without(c, to.If), to.Else, depth) != "" {
		return keyword(to, "else")
	}
	return ""
}

func (p *prover) meetsAny(c *context, branches []*schema.Shape, depth int) bool {
	for _, s := range c.holds {
		if p.allAmong(s.AnyOf, branches) || p.allAmong(s.OneOf, branches) {
			return true
		}
	}
	return slices.ContainsFunc(branches, func(b *schema.Shape) bool { return p.implies(c, b, depth) == "" })
}

// allAmong reports whether each of the alternatives, and there are some, is equal to one of others.
func (p *prover) allAmong(alternatives, others []*schema.Shape) bool {
	for _, one := range alternatives {
		if !slices.ContainsFunc(others, func(o *schema.Shape) bool { return p.equal.shapes(one, o) }) {
			return false
		}
	}
	return len(alternatives) > 0
}

// meetsOne proves that one alternative accepts all values, and that the others accept none.
func (p *prover) meetsOne(c *context, to *schema.Shape, depth int) bool {
	for _, s := range c.holds {
		if p.equal.lists(s.OneOf, to.OneOf) {
			return true
		}
	}
	for i, branch := range to.OneOf {
		if p.implies(c, branch, depth) != "" {
			continue
		}
		others := slices.Delete(slices.Clone(to.OneOf), i, i+1)
		return !slices.ContainsFunc(others, func(o *schema.Shape) bool { return !p.apart(c, o, depth) })
	}
	return false
}

// apart proves that a schema accepts no value of a context.
func (p *prover) apart(c *context, s *schema.Shape, depth int) bool {
	return slices.Contains(c.fails, s) || p.implies(c.with(s), never, depth) == ""
}

// cases splits a context into others that have all its values; nil if there is nothing left by which to split it.
func (r *reader) cases(c *context, to *schema.Shape) []*context {
	for _, s := range c.holds {
		if at := (choice{s, "not"}); s.Not != nil && !c.wasSplit(at) {
			return []*context{r.without(c.chosen(at), s.Not)}
		}
		if at := (choice{s, "anyOf"}); len(s.AnyOf) > 0 && !c.wasSplit(at) {
			return r.alternatives(c.chosen(at), s.AnyOf, false)
		}
		if at := (choice{s, "oneOf"}); len(s.OneOf) > 0 && !c.wasSplit(at) {
			return r.alternatives(c.chosen(at), s.OneOf, true)
		}
		if at := (choice{s, "if"}); s.If != nil && (s.Then != nil || s.Else != nil) && !c.wasSplit(at) {
			c = c.chosen(at)
			return []*context{c.with(s.If, s.Then), r.without(c, s.If).with(s.Else)}
		}
	}
	if c.kinds == schema.KindObject {
		return r.casesByMember(c, to)
	}
	return nil
}

// alternatives returns a context for each alternative. With apart, no value belongs to two.
func (r *reader) alternatives(c *context, shapes []*schema.Shape, apart bool) (list []*context) {
	for i, s := range shapes {
		one := c.with(s)
		for j, other := range shapes {
			if apart && i != j && other != s {
				one = r.without(one, other)
			}
		}
		list = append(list, one)
	}
	return list
}

// casesByMember splits a context by the values of a member that tells the alternatives of a goal apart.
func (r *reader) casesByMember(c *context, to *schema.Shape) (list []*context) {
	for _, name := range telling(c, to) {
		at := choice{nil, "." + name}
		if c.wasSplit(at) {
			continue
		}
		values, few := r.memberValues(c, name)
		if !few {
			continue
		}
		split := c.chosen(at)
		if !slices.Contains(c.required(), name) {
			list = append(list, split.with(r.lacking(name)))
		}
		for _, v := range values {
			list = append(list, split.with(r.pinned(name, v)))
		}
		return list
	}
	return nil
}

// memberValues lists the values that a member may have, if they are few.
func (r *reader) memberValues(c *context, name string) (values []string, few bool) {
	member := c.member(name)
	for _, kinds := range groups {
		part := member.ofKinds(kinds)
		if part.kinds == 0 {
			continue
		}
		some, few := r.values(part)
		if values = append(values, some...); !few || len(values) > maxValues {
			return nil, false
		}
	}
	return values, true
}

// telling lists the members by whose values the alternatives of a goal, or those that a context refuses, differ.
func telling(c *context, to *schema.Shape) []string {
	found := make(map[string]bool)
	seen := make(map[*schema.Shape]bool)
	var look func(s *schema.Shape, alternative bool)
	look = func(s *schema.Shape, alternative bool) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		for name, member := range s.Members {
			if alternative && (len(member.Values) > 0 || member.Kinds&^literals == 0 || len(member.All) > 0) {
				found[name] = true
			}
		}
		for _, inner := range s.All {
			look(inner, alternative)
		}
		for _, inner := range slices.Concat(s.AnyOf, s.OneOf, []*schema.Shape{s.If, s.Then, s.Else, s.Not}) {
			look(inner, true)
		}
		for _, inner := range s.Depends {
			look(inner, true)
		}
	}
	look(to, false)
	for _, s := range c.fails {
		look(s, true)
	}
	return slices.SortedFunc(maps.Keys(found), strings.Compare)
}
