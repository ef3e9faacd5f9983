// This file compiles what schemas say about one value to a plan.

package schema

import (
	"math/big"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// draft is a plan in the making.
type draft struct {
	*builder
	plan *plan

	goals    int
	open     []*jsonschema.Schema // the way to the schema being read, to find references in a circle
	done     map[layer]bool       // what has been read
	layers   []layer              // the same in order: who may ask about members and items
	names    map[string]int       // of properties, numbered
	keys     []string             // the names, by number
	contains []*jsonschema.Schema // by counter
}

// layer is a schema that a goal depends on.
type layer struct {
	goal   int
	schema *jsonschema.Schema
}

// newDraft reads the schemas that the goals of a plan begin with.
func newDraft(b *builder, p *plan, roots []*jsonschema.Schema) *draft {
	d := &draft{builder: b, plan: p, done: make(map[layer]bool), names: make(map[string]int)}
	for _, s := range roots {
		d.goal(s)
	}
	for goal, s := range roots {
		d.read(goal, s)
	}
	return d
}

// goal returns a new goal, on behalf of a schema.
func (d *draft) goal(s *jsonschema.Schema) int {
	if d.goals == maxSet {
		d.refuse(s, "")
		return 0
	}
	d.goals++
	return d.goals - 1
}

// read adds all that a schema says about the value itself to the plan.
func (d *draft) read(goal int, s *jsonschema.Schema) {
	if slices.Contains(d.open, s) {
		d.refuse(s, "$ref") // an examination refuses such a circle when it comes to it
	}
	if d.refused != "" || d.done[layer{goal, s}] {
		return
	}
	d.done[layer{goal, s}] = true
	d.layers = append(d.layers, layer{goal, s})
	d.open = append(d.open, s)
	d.refuseUnsupported(s)
	d.readTypes(goal, s)
	d.readConstants(goal, s)
	d.readString(goal, s)
	d.readNumber(goal, s)
	d.readObject(goal, s)
	d.readArray(goal, s)
	d.readBranches(goal, s)
	d.open = d.open[:len(d.open)-1]
}

// refuseUnsupported refuses the keywords that are never compiled.
func (d *draft) refuseUnsupported(s *jsonschema.Schema) {
	switch {
	case s.RecursiveRef != nil:
		d.refuse(s, "$recursiveRef")
	case s.DynamicRef != nil:
		d.refuse(s, "$dynamicRef")
	case restricts(s.UnevaluatedProperties):
		d.refuse(s, "unevaluatedProperties")
	case restricts(s.UnevaluatedItems):
		d.refuse(s, "unevaluatedItems")
	case s.RegexProperties:
		d.refuse(s, "regexProperties")
	case s.ContentEncoding != "" && d.asserts(s, "decoder"):
		d.refuse(s, "contentEncoding")
	case s.ContentMediaType != "" && d.asserts(s, "mediaType"):
		d.refuse(s, "contentMediaType")
	case len(s.Extensions) > 0:
		d.refuse(s, "extensions")
	}
}

// asserts is whether the library asserts what it keeps in a private field; in doubt, it does.
func (d *draft) asserts(s *jsonschema.Schema, field string) bool {
	asserted, known := asserts(s, field)
	return asserted || !known
}

// restricts reports whether a schema, perhaps absent, may refuse anything.
func restricts(s *jsonschema.Schema) bool {
	return s != nil && (s.Always == nil || !*s.Always)
}

// refuseKind makes a goal fail for every value of a kind.
func (d *draft) refuseKind(goal int, k kind) { d.plan.initial[k].add(goal) }

func (d *draft) readTypes(goal int, s *jsonschema.Schema) {
	never := s.Always != nil && !*s.Always
	for k := range kinds {
		typed := len(s.Types) == 0 || slices.ContainsFunc(s.Types, k.isA)
		if never || !typed {
			d.refuseKind(goal, k)
		}
	}
}

// isA reports whether values of the kind are of a type, as the keyword type names it.
func (k kind) isA(typ string) bool {
	switch k {
	case kindNull:
		return typ == "null"
	case kindFalse, kindTrue:
		return typ == "boolean"
	case kindInteger:
		return typ == "integer" || typ == "number"
	case kindFraction:
		return typ == "number"
	case kindString:
		return typ == "string"
	case kindArray:
		return typ == "array"
	default:
		return typ == "object"
	}
}

func (d *draft) readString(goal int, s *jsonschema.Schema) {
	p := d.plan
	if s.MinLength != -1 || s.MaxLength != -1 {
		p.lengths = append(p.lengths, newSizeTest(goal, s.MinLength, s.MaxLength))
	}
	if s.Pattern != nil {
		p.patterns = append(p.patterns, patternTest{goal, d.pattern(s.Pattern)})
	}
	if s.Format == "" {
		return
	}
	asserted, known := asserts(s, "format")
	if !known || asserted && jsonschema.Formats[s.Format] == nil {
		d.refuse(s, "format")
	}
	if asserted {
		p.formats = append(p.formats, formatTest{goal, newFormat(s.Format)})
	}
}

func (d *draft) readNumber(goal int, s *jsonschema.Schema) {
	d.bound(goal, s.Minimum, atLeast)
	d.bound(goal, s.ExclusiveMinimum, above)
	d.bound(goal, s.Maximum, atMost)
	d.bound(goal, s.ExclusiveMaximum, below)
	if s.MultipleOf == nil {
		return
	}
	of, fits := newDecimal(s.MultipleOf)
	if !fits || of.value == 0 {
		d.ask(kindInteger, kindFraction)
		return
	}
	d.plan.multiples = append(d.plan.multiples, multipleTest{goal, of})
}

// bound adds a bound, if there is one.
func (d *draft) bound(goal int, r *big.Rat, holds func(number, int64) bool) {
	if r == nil {
		return
	}
	limit, fits := newDecimal(r)
	if !fits {
		d.ask(kindInteger, kindFraction)
		return
	}
	d.plan.bounds = append(d.plan.bounds, boundTest{goal, holds, limit})
}

// ask leaves every document with a value of one of the kinds here to an examination.
func (d *draft) ask(all ...kind) {
	for _, k := range all {
		d.plan.ask[k] = true
	}
}

// readBranches reads the keywords that hold schemas for the same value.
func (d *draft) readBranches(goal int, s *jsonschema.Schema) {
	if s.Ref != nil {
		d.read(goal, s.Ref)
	}
	for _, branch := range s.AllOf {
		d.read(goal, branch)
	}
	d.readAlternatives(goal, anyOf, s.AnyOf)
	d.readAlternatives(goal, oneOf, s.OneOf)
	if s.Not != nil {
		d.rule(rule{goal: goal, how: not, test: d.branch(s.Not)})
	}
	if s.If != nil {
		d.rule(rule{goal: goal, how: ifThenElse, test: d.branch(s.If), then: d.branch(s.Then), otherwise: d.branch(s.Else)})
	}
}

func (d *draft) readAlternatives(goal int, how how, branches []*jsonschema.Schema) {
	if len(branches) == 0 {
		return
	}
	r := rule{goal: goal, how: how}
	for _, branch := range branches {
		r.of.add(d.branch(branch))
	}
	d.rule(r)
}

// branch reads a schema under a goal of its own and returns the goal, -1 without a schema.
func (d *draft) branch(s *jsonschema.Schema) int {
	if s == nil {
		return -1
	}
	goal := d.goal(s)
	d.read(goal, s)
	return goal
}

// rule adds a rule. Those of the branches it reads come before it.
func (d *draft) rule(r rule) { d.plan.rules = append(d.plan.rules, r) }

// complete links the plan to those of members and items, and works out what can be known beforehand.
func (d *draft) complete() {
	if d.refused != "" {
		return
	}
	d.linkMembers()
	d.linkItems()
	p := d.plan
	for k := range kinds {
		p.settled[k] = p.initial[k]
		p.apply(&p.settled[k], &nothing)
	}
}
