package evolve

// The names of members: propertyNames, and which members others of the same object leave unevaluated.

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"

	"redis-relay/relay/schema"
)

// meetsNames proves that a schema accepts the names of all members.
func (p *prover) meetsNames(c *context, to *schema.Shape, depth int) bool {
	if _, most := c.memberCounts(); most == 0 {
		return true
	}
	for _, name := range named(c, nil) {
		quoted, err := json.Marshal(name)
		if err != nil || !surely(to, string(quoted)) && p.implies(c.member(name), never, depth+1) != "" {
			return false
		}
	}
	sets, ok := matchings(c, to)
	if !ok {
		return false
	}
	text := anything.ofKinds(schema.KindString)
	for _, s := range c.holds {
		text = text.with(s.Names)
	}
	for _, matching := range sets {
		if c.others(matching).kinds == 0 {
			continue
		}
		name := text
		for _, s := range c.holds {
			for _, pattern := range s.Patterns {
				if slices.Contains(matching, pattern.Pattern.String()) {
					name = name.with(p.matching(pattern))
				}
			}
		}
		if p.implies(name, to, depth+1) != "" {
			return false
		}
	}
	return true
}

// matching returns a schema of the strings that a pattern matches.
func (v *vocabulary) matching(pattern schema.PatternShape) *schema.Shape {
	return v.made("matching "+pattern.Pattern.String(), func(s *schema.Shape) {
		s.Pattern, s.Keywords = pattern.Pattern, []string{"pattern"}
	})
}

// inPlace yields a schema and all that it may apply to the same value.
func inPlace(s *schema.Shape) iter.Seq[*schema.Shape] {
	return func(yield func(*schema.Shape) bool) {
		seen := map[*schema.Shape]bool{nil: true}
		for todo := []*schema.Shape{s}; len(todo) > 0; {
			s, todo = todo[0], todo[1:]
			if seen[s] {
				continue
			}
			seen[s] = true
			if !yield(s) {
				return
			}
			todo = append(todo, slices.Concat(s.All, s.AnyOf, s.OneOf, []*schema.Shape{s.If, s.Then, s.Else})...)
			for _, name := range slices.Sorted(maps.Keys(s.Depends)) { // in order, as all that a search looks at
				todo = append(todo, s.Depends[name])
			}
		}
	}
}

// mayEvaluate reports whether a schema may leave a member evaluated, before its own unevaluatedProperties.
func mayEvaluate(s *schema.Shape, name string) bool {
	for inner := range inPlace(s) {
		if len(asked(inner, name)) > 0 || inner != s && inner.Unevaluated != nil || inner.Evaluates {
			return true
		}
	}
	return false
}

// mayEvaluateOthers is mayEvaluate for a member that no schema names.
func mayEvaluateOthers(s *schema.Shape) bool {
	for inner := range inPlace(s) {
		if len(inner.Patterns) > 0 || inner.Additional != nil || inner != s && inner.Unevaluated != nil || inner.Evaluates {
			return true
		}
	}
	return false
}

// applied yields a schema and all that it surely applies to the same value.
func applied(s *schema.Shape) []*schema.Shape { return anything.with(s).holds }

// surelyEvaluates reports whether a schema leaves a member evaluated, whatever the rest of the object is.
func surelyEvaluates(s *schema.Shape, name string) bool {
	return slices.ContainsFunc(applied(s), func(inner *schema.Shape) bool {
		return len(asked(inner, name)) > 0 || inner.Evaluates || inner != s && inner.Unevaluated != nil
	})
}

// surelyEvaluatesOthers is surelyEvaluates for a member that no schema names and no pattern matches.
func surelyEvaluatesOthers(s *schema.Shape) bool {
	return slices.ContainsFunc(applied(s), func(inner *schema.Shape) bool {
		return inner.Additional != nil || inner.Evaluates || inner != s && inner.Unevaluated != nil
	})
}
