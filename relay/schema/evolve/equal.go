package evolve

// Whether two schemas ask the same.

import (
	"iter"
	"maps"
	"math/big"
	"regexp"
	"slices"

	"redis-relay/relay/schema"
)

// pair is two schemas that may ask the same.
type pair struct{ a, b *schema.Shape }

// equality knows pairs: true, if nothing speaks against their asking the same, not even in what they refer to.
type equality map[pair]bool

// shapes reports whether two schemas ask the same in the same words. Schemas that refer to themselves are equal if no
// difference can be reached.
func (e equality) shapes(a, b *schema.Shape) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil {
		return false
	}
	if known, ok := e[pair{a, b}]; ok {
		return known
	}
	assumed := make(map[pair]bool)
	same := e.alike(a, b, assumed)
	if same {
		for at := range assumed {
			e[at] = true
		}
	}
	e[pair{a, b}] = same
	return same
}

// alike compares two schemas, and takes for granted those that are being compared.
func (e equality) alike(a, b *schema.Shape, assumed map[pair]bool) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil {
		return false
	}
	at := pair{a, b}
	if known, ok := e[at]; ok {
		return known
	}
	if assumed[at] {
		return true
	}
	assumed[at] = true
	return sameWords(a, b) && e.sameParts(a, b, assumed)
}

// sameWords compares what does not refer to other schemas.
func sameWords(a, b *schema.Shape) bool {
	return slices.Equal(a.Keywords, b.Keywords) && a.Never == b.Never && a.Kinds == b.Kinds && a.Draft4 == b.Draft4 &&
		a.Evaluates == b.Evaluates && a.EvaluatesItems == b.EvaluatesItems &&
		slices.EqualFunc(a.Values, b.Values, sameValues) &&
		sameNumber(a.Min, b.Min) && sameNumber(a.Max, b.Max) && sameNumber(a.Above, b.Above) &&
		sameNumber(a.Below, b.Below) && sameNumber(a.MultipleOf, b.MultipleOf) &&
		a.MinLength == b.MinLength && a.MaxLength == b.MaxLength && samePattern(a.Pattern, b.Pattern) &&
		a.Format == b.Format && a.MinItems == b.MinItems && a.MaxItems == b.MaxItems && a.Unique == b.Unique &&
		a.MinContains == b.MinContains && a.MaxContains == b.MaxContains &&
		a.MinMembers == b.MinMembers && a.MaxMembers == b.MaxMembers && sameTexts(a.Required, b.Required) &&
		maps.EqualFunc(a.Requires, b.Requires, sameTexts)
}

// sameParts compares the schemas to which two schemas refer.
func (e equality) sameParts(a, b *schema.Shape, assumed map[pair]bool) bool {
	same := func(x, y *schema.Shape) bool { return e.alike(x, y, assumed) }
	return slices.EqualFunc(a.All, b.All, same) && slices.EqualFunc(a.AnyOf, b.AnyOf, same) &&
		slices.EqualFunc(a.OneOf, b.OneOf, same) && slices.EqualFunc(a.Prefix, b.Prefix, same) &&
		same(a.Not, b.Not) && same(a.If, b.If) && same(a.Then, b.Then) && same(a.Else, b.Else) &&
		same(a.Rest, b.Rest) && same(a.Contains, b.Contains) && same(a.UnevaluatedItems, b.UnevaluatedItems) &&
		same(a.Additional, b.Additional) && same(a.Names, b.Names) && same(a.Unevaluated, b.Unevaluated) &&
		maps.EqualFunc(a.Members, b.Members, same) && maps.EqualFunc(a.Depends, b.Depends, same) &&
		slices.EqualFunc(a.Patterns, b.Patterns, func(x, y schema.PatternShape) bool {
			return samePattern(x.Pattern, y.Pattern) && same(x.Shape, y.Shape)
		})
}

// lists compares lists of schemas, in their order; empty ones are not equal.
func (e equality) lists(a, b []*schema.Shape) bool {
	return len(a) > 0 && slices.EqualFunc(a, b, e.shapes)
}

func sameNumber(a, b *big.Rat) bool { return a == b || a != nil && b != nil && a.Cmp(b) == 0 }

func samePattern(a, b *regexp.Regexp) bool {
	return a == b || a != nil && b != nil && a.String() == b.String()
}

// sameTexts compares sets.
func sameTexts(a, b []string) bool { return sameSets(a, b, func(text string) string { return text }) }

// sameValues compares sets of values.
func sameValues(a, b []string) bool { return sameSets(a, b, normal) }

// sameSets compares sets of texts, each by what a function makes of it.
func sameSets(a, b []string, form func(string) string) bool {
	inA, inB := make(map[string]bool, len(a)), make(map[string]bool, len(b))
	for _, text := range a {
		inA[form(text)] = true
	}
	for _, text := range b {
		inB[form(text)] = true
	}
	return maps.Equal(inA, inB)
}

// reachable yields schemas and all to which they refer.
func reachable(from []*schema.Shape) iter.Seq[*schema.Shape] {
	return func(yield func(*schema.Shape) bool) {
		seen := map[*schema.Shape]bool{nil: true}
		for todo := slices.Clone(from); len(todo) > 0; {
			s := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if seen[s] {
				continue
			}
			seen[s] = true
			if !yield(s) {
				return
			}
			todo = append(todo, parts(s)...)
		}
	}
}

// parts lists the schemas to which a schema refers; some may be nil.
func parts(s *schema.Shape) []*schema.Shape {
	list := slices.Concat(s.All, s.AnyOf, s.OneOf, s.Prefix, []*schema.Shape{
		s.Not, s.If, s.Then, s.Else, s.Rest, s.Contains, s.UnevaluatedItems, s.Additional, s.Names, s.Unevaluated,
	})
	for _, name := range slices.Sorted(maps.Keys(s.Members)) {
		list = append(list, s.Members[name])
	}
	for _, name := range slices.Sorted(maps.Keys(s.Depends)) {
		list = append(list, s.Depends[name])
	}
	for _, pattern := range s.Patterns {
		list = append(list, pattern.Shape)
	}
	return list
}
