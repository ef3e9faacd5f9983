package schema

// This file compiles unevaluatedProperties and unevaluatedItems. Which schemas evaluate a member is known when the
// plan is made, by its name; which of those apply is known at the end of the object. So a member that perhaps
// nothing evaluates is checked against the schema for the unevaluated, too. If it fails, so does the goal of its
// class, and at the end of the object a rule asks for each class whether one of its covers holds. Likewise for
// items.

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// maxExcuses is the number of contains that may evaluate an item for one unevaluatedItems; each set of them that
// the item may fit is a class.
const maxExcuses = 4

// restricts reports whether a schema, perhaps absent, may refuse anything.
func restricts(s *jsonschema.Schema) bool {
	return s != nil && (s.Always == nil || !*s.Always)
}

// readUnevaluated adds rules, whose classes are found when the plan is linked. They come behind the rules of all that
// the schema applies.
func (d *planBuilder) readUnevaluated(l *layer) {
	if restricts(l.schema.UnevaluatedProperties) {
		l.members = len(d.plan.rules)
		d.rule(rule{goal: l.goal, how: unevaluated})
	}
	if restricts(l.schema.UnevaluatedItems) {
		l.trailing = len(d.plan.rules)
		d.rule(rule{goal: l.goal, how: unevaluated})
	}
}

// unevaluatedMember appends that a layer asks about a property that perhaps nothing evaluates.
func (d *planBuilder) unevaluatedMember(
	demands []demand, l *layer, name *string, matches func(*regexp.Regexp) bool,
) []demand {
	covers, entirely := coverage(l, func(l *layer) ([]cover, bool) {
		s := l.schema
		named := s.AdditionalProperties != nil || name != nil && s.Properties[*name] != nil
		return nil, named || slices.ContainsFunc(patternsOf(s), matches)
	}, func(s *jsonschema.Schema) bool { return s.UnevaluatedProperties != nil }, make(map[*layer]bool))
	if entirely {
		return demands
	}
	return append(demands, demand{schema: l.schema.UnevaluatedProperties, goal: d.class(l, l.members, covers)})
}

// unevaluatedItem does the same for the item at i. Whether it fits a contains is known only when it has been read; so
// for each set of contains there is a class of the items that fit no others.
func (d *planBuilder) unevaluatedItem(demands []demand, l *layer, i int) []demand {
	covers, entirely := coverage(l, func(l *layer) (fitting []cover, _ bool) {
		if l.counter >= 0 && l.schema.ContainsEval {
			fitting = []cover{{given: fits, number: l.counter}}
		}
		return fitting, evaluatesItem(l.schema, i)
	}, func(s *jsonschema.Schema) bool { return s.UnevaluatedItems != nil }, make(map[*layer]bool))
	if entirely {
		return demands
	}
	counters := countersOf(nil, covers)
	if len(counters) > maxExcuses {
		d.refuse(l.schema, "unevaluatedItems", fmt.Sprintf("depends on more than %d contains", maxExcuses))
		return demands
	}
	for set := range 1 << len(counters) {
		rest, entirely := assume(covers, func(counter int) bool { return set>>slices.Index(counters, counter)&1 == 1 })
		if entirely {
			continue
		}
		ask := demand{schema: l.schema.UnevaluatedItems, goal: d.class(l, l.trailing, rest)}
		for n, counter := range counters {
			if set>>n&1 == 0 {
				ask.unless = append(ask.unless, d.contains[counter])
			}
		}
		demands = append(demands, ask)
	}
	return demands
}

// evaluatesItem reports whether a schema, its contains apart, evaluates the item at i.
func evaluatesItem(s *jsonschema.Schema, i int) bool {
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		return true
	case []*jsonschema.Schema:
		if i < len(items) || s.AdditionalItems != nil {
			return true
		}
	}
	return i < len(s.PrefixItems) || s.Items2020 != nil
}

// coverage returns the conditions, any of which is enough, under which a layer with what it includes evaluates
// something, or that it does so entirely. own answers for a layer alone, rest whether a schema evaluates all that is
// left. An allOf may lead to a layer in many ways: it is looked at once.
func coverage(
	l *layer, own func(*layer) ([]cover, bool), rest func(*jsonschema.Schema) bool, seen map[*layer]bool,
) (covers []cover, entirely bool) {
	seen[l] = true
	if covers, entirely = own(l); entirely {
		return nil, true
	}
	for _, in := range l.inner {
		if seen[in.layer] {
			continue
		}
		within, whole := []cover(nil), rest(in.layer.schema)
		if !whole {
			within, whole = coverage(in.layer, own, rest, seen)
		}
		switch {
		case in.given == always && whole:
			return nil, true
		case in.given == always:
			covers = append(covers, within...)
		case whole || len(within) > 0:
			covers = append(covers, cover{in.given, in.number, within})
		}
	}
	return covers, false
}

// class returns the goal of what a rule's schema leaves unevaluated under the same conditions. Where there is no
// condition, that is the schema's own.
func (d *planBuilder) class(l *layer, number int, covers []cover) int {
	if len(covers) == 0 {
		return l.goal
	}
	r := &d.plan.rules[number]
	for i := range r.classes {
		if reflect.DeepEqual(r.classes[i].cover, covers) {
			return r.classes[i].goal
		}
	}
	goal := d.goal(l.schema)
	r.classes = append(r.classes, class{goal, covers})
	return goal
}

// countersOf appends the contains that covers depend on.
func countersOf(counters []int, covers []cover) []int {
	for _, c := range covers {
		if c.given == fits && !slices.Contains(counters, c.number) {
			counters = append(counters, c.number)
		}
		counters = countersOf(counters, c.within)
	}
	return counters
}

// assume returns what is left of covers once it is known which contains an item fits.
func assume(covers []cover, fitting func(counter int) bool) (rest []cover, entirely bool) {
	for _, c := range covers {
		if c.given == fits {
			if fitting(c.number) {
				return nil, true
			}
			continue
		}
		within, whole := assume(c.within, fitting)
		if whole || len(c.within) == 0 || len(within) > 0 {
			rest = append(rest, cover{c.given, c.number, within})
		}
	}
	return rest, false
}
