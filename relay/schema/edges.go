package schema

// This file compiles the keywords about members and items, and links their plans to the outer one.

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"redis-relay/relay/schema/regex"
)

// newSizeTest takes limits as the library holds them: -1 is none.
func newSizeTest(goal, least, most int) sizeTest {
	if most == -1 {
		most = math.MaxInt
	}
	return sizeTest{goal, least, most}
}

// note returns the number of a property whose presence matters, on behalf of a schema. Others are numbered later, so
// that a set holds it.
func (d *planBuilder) note(s *jsonschema.Schema, name string) int {
	if n, ok := d.names.numbers[name]; ok {
		return n
	}
	if len(d.names.list) == maxSet {
		d.refuse(s, "", fmt.Sprintf("requires the %dth name of one value", maxSet+1))
		return 0
	}
	return d.names.number(name)
}

func (d *planBuilder) readObject(l *layer) {
	goal, s := l.goal, l.schema
	if s.MinProperties != -1 || s.MaxProperties != -1 {
		d.plan.object.sizes = append(d.plan.object.sizes, newSizeTest(goal, s.MinProperties, s.MaxProperties))
	}
	d.require(goal, s, -1, s.Required)
	for _, given := range slices.Sorted(maps.Keys(s.DependentRequired)) {
		d.require(goal, s, d.note(s, given), s.DependentRequired[given])
	}
	for _, given := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
		d.depend(l, given, s.DependentSchemas[given])
	}
	for _, given := range slices.Sorted(maps.Keys(s.Dependencies)) {
		switch dependency := s.Dependencies[given].(type) {
		case []string:
			d.require(goal, s, d.note(s, given), dependency)
		case *jsonschema.Schema:
			d.depend(l, given, dependency)
		}
	}
}

// require makes a goal fail if one of the names is missing where the name numbered given is there.
func (d *planBuilder) require(goal int, s *jsonschema.Schema, given int, required []string) {
	if len(required) == 0 {
		return
	}
	t := requiredTest{goal: goal, given: given}
	for _, name := range required {
		t.names.add(d.note(s, name))
	}
	d.plan.object.required = append(d.plan.object.required, t)
}

// depend makes a goal fail if the name given is there and the dependent schema fails.
func (d *planBuilder) depend(l *layer, given string, dependency *jsonschema.Schema) {
	name := d.note(l.schema, given)
	goal, branch := d.branch(dependency)
	d.rule(rule{goal: l.goal, how: dependent, test: name, then: goal})
	l.include(present, name, branch)
}

// linkMembers finds where each member of an object goes.
func (d *planBuilder) linkMembers() {
	o := &d.plan.object
	for _, l := range d.layers {
		for _, name := range slices.Sorted(maps.Keys(l.schema.Properties)) {
			d.names.number(name)
		}
	}
	o.names = newNames(d.names.list)
	for _, name := range d.names.list {
		o.known = append(o.known, d.memberEdge(&name, func(p *regexp.Regexp) bool { return p.MatchString(name) }))
	}
	d.collectPatterns()
	if d.refused != "" {
		return
	}
	o.rest = d.memberEdge(nil, func(*regexp.Regexp) bool { return false })
	for _, matching := range regex.Sets(o.patterns) {
		e := d.memberEdge(nil, func(p *regexp.Regexp) bool { return matching>>d.patternNumber(p)&1 == 1 })
		o.others = append(o.others, otherEdge{matching, e})
	}
	var naming []demand
	for _, l := range d.layers {
		if l.schema.PropertyNames != nil {
			naming = append(naming, demand{schema: l.schema.PropertyNames, goal: l.goal})
		}
	}
	o.naming = d.edge(naming)
}

// collectPatterns lists the patterns of properties that no schema names.
func (d *planBuilder) collectPatterns() {
	o := &d.plan.object
	for _, l := range d.layers {
		for _, text := range patternsOf(l.schema) {
			if d.patternNumber(text) < 0 {
				o.patterns = append(o.patterns, d.patterns.Of(text))
			}
		}
		if len(o.patterns) > regex.MaxPatterns {
			d.refuse(l.schema, "patternProperties", fmt.Sprintf("has the %dth pattern of one value", regex.MaxPatterns+1))
			return
		}
	}
}

// patternsOf returns the patterns of properties in an order that is always the same.
func patternsOf(s *jsonschema.Schema) []*regexp.Regexp {
	return slices.SortedFunc(maps.Keys(s.PatternProperties), func(p, q *regexp.Regexp) int {
		return strings.Compare(p.String(), q.String())
	})
}

// patternNumber returns the position of a pattern with the same text, -1 without one.
func (d *planBuilder) patternNumber(text *regexp.Regexp) int {
	return slices.IndexFunc(d.plan.object.patterns, func(p *regex.Pattern) bool { return p.RE2() == text.String() })
}

// memberEdge returns where a property goes that matches the patterns given. Without a name it is one
// that no schema names.
func (d *planBuilder) memberEdge(name *string, matches func(*regexp.Regexp) bool) *edge {
	var demands []demand
	for _, l := range d.layers {
		for _, s := range memberSchemas(l.schema, name, matches) {
			demands = append(demands, demand{schema: s, goal: l.goal})
		}
		if l.members >= 0 {
			demands = d.unevaluatedMember(demands, l, name, matches)
		}
	}
	return d.edge(demands)
}

var never = &jsonschema.Schema{Always: new(bool)}

// memberSchemas returns the schemas that a schema applies to a property.
func memberSchemas(s *jsonschema.Schema, name *string, matches func(*regexp.Regexp) bool) []*jsonschema.Schema {
	var all []*jsonschema.Schema
	if name != nil && s.Properties[*name] != nil {
		all = append(all, s.Properties[*name])
	}
	for _, pattern := range patternsOf(s) {
		if matches(pattern) {
			all = append(all, s.PatternProperties[pattern])
		}
	}
	if len(all) > 0 {
		return all
	}
	return appendAdditional(nil, s.AdditionalProperties)
}

// appendAdditional appends a schema that the library holds as nil, bool or *Schema.
func appendAdditional(all []*jsonschema.Schema, additional any) []*jsonschema.Schema {
	switch additional := additional.(type) {
	case *jsonschema.Schema:
		return append(all, additional)
	case bool:
		if !additional {
			return append(all, never)
		}
	}
	return all
}

func (d *planBuilder) readArray(l *layer) {
	goal, s := l.goal, l.schema
	a := &d.plan.array
	if s.MinItems != -1 || s.MaxItems != -1 {
		a.sizes = append(a.sizes, newSizeTest(goal, s.MinItems, s.MaxItems))
	}
	if s.UniqueItems {
		a.unique = append(a.unique, goal)
	}
	if s.Contains == nil {
		return
	}
	l.counter = len(a.contains)
	a.contains = append(a.contains, newSizeTest(goal, s.MinContains, s.MaxContains))
	d.contains = append(d.contains, s.Contains)
}

// linkItems finds where each item of an array goes.
func (d *planBuilder) linkItems() {
	a := &d.plan.array
	first := 0
	for _, l := range d.layers {
		tuple, _ := l.schema.Items.([]*jsonschema.Schema)
		first = max(first, len(tuple), len(l.schema.PrefixItems))
	}
	for i := range first {
		a.first = append(a.first, d.itemEdge(i))
	}
	a.rest = d.itemEdge(first)
}

// itemEdge returns where the item at i goes.
func (d *planBuilder) itemEdge(i int) *edge {
	var demands []demand
	for _, l := range d.layers {
		for _, s := range itemSchemas(l.schema, i) {
			demands = append(demands, demand{schema: s, goal: l.goal})
		}
		if l.trailing >= 0 {
			demands = d.unevaluatedItem(demands, l, i)
		}
	}
	for counter, s := range d.contains {
		demands = append(demands, demand{schema: s, counted: true, counter: counter})
	}
	return d.edge(demands)
}

// itemSchemas returns the schemas that a schema applies to the item at i.
func itemSchemas(s *jsonschema.Schema, i int) []*jsonschema.Schema {
	var all []*jsonschema.Schema
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		all = append(all, items)
	case []*jsonschema.Schema:
		if i < len(items) {
			all = append(all, items[i])
		} else {
			all = appendAdditional(all, s.AdditionalItems)
		}
	}
	switch {
	case i < len(s.PrefixItems):
		all = append(all, s.PrefixItems[i])
	case s.Items2020 != nil:
		all = append(all, s.Items2020)
	}
	return all
}
