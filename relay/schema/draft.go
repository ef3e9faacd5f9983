// This file compiles what schemas say about one value to a plan.

package schema

import (
	"fmt"
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
	done     map[place]*layer     // what has been read
	layers   []*layer             // the same in order: who may ask about members and items
	names    map[string]int       // of properties, numbered
	keys     []string             // the names, by number
	contains []*jsonschema.Schema // by counter
}

// place is a schema that a goal depends on.
type place struct {
	goal   int
	schema *jsonschema.Schema
}

// layer is what has been read at a place.
type layer struct {
	place
	inner    []inner
	counter  int // of its contains; -1: none
	members  int // the rule about unevaluatedProperties; -1: none
	trailing int // the rule about unevaluatedItems; -1: none
}

// inner is a layer of a schema that another one applies to the same value. What it evaluates is evaluated for the
// outer one, too, under a condition.
type inner struct {
	given  given
	number int
	layer  *layer
}

// newDraft reads the schemas that the goals of a plan begin with.
func newDraft(b *builder, p *plan, roots []*jsonschema.Schema) *draft {
	d := &draft{builder: b, plan: p, done: make(map[place]*layer), names: make(map[string]int)}
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
		d.refuse(s, "", fmt.Sprintf("is the %dth alternative for one value", maxSet+1))
		return 0
	}
	d.goals++
	return d.goals - 1
}

// read adds all that a schema says about the value itself to the plan.
func (d *draft) read(goal int, s *jsonschema.Schema) *layer {
	if slices.Contains(d.open, s) {
		d.refuse(s, "$ref", "leads in a circle") // an examination refuses such a circle when it comes to it
	}
	at := place{goal, s}
	if l := d.done[at]; l != nil || d.refused != "" {
		return l
	}
	l := &layer{place: at, counter: -1, members: -1, trailing: -1}
	d.done[at] = l
	d.layers = append(d.layers, l)
	d.spend(s, 1)
	d.open = append(d.open, s)
	d.readTypes(goal, s)
	d.readConstants(goal, s)
	d.readString(goal, s)
	d.readNumber(goal, s)
	d.readObject(l)
	d.readArray(l)
	d.readBranches(l)
	d.readUnevaluated(l)
	d.open = d.open[:len(d.open)-1]
	return l
}

// refuseKind makes a goal fail for every value of a kind.
func (d *draft) refuseKind(goal int, k kind) { d.plan.initial[k].add(goal) }

func (d *draft) readTypes(goal int, s *jsonschema.Schema) {
	never := s.Always != nil && !*s.Always
	for k := range kinds {
		if never || !k.allowedBy(s) {
			d.refuseKind(goal, k)
		}
	}
}

// allowedBy reports whether the keyword type of a schema allows values of the kind. In draft 4 what is written as 1.0
// is no integer.
func (k kind) allowedBy(s *jsonschema.Schema) bool {
	if k == kindWhole && s.Draft == jsonschema.Draft4 {
		k = kindFraction
	}
	return len(s.Types) == 0 || slices.ContainsFunc(s.Types, k.isA)
}

// numberKinds are the kinds of numbers.
var numberKinds = []kind{kindInteger, kindWhole, kindFraction}

// isA reports whether values of the kind are of a type, as the keyword type names it.
func (k kind) isA(typ string) bool {
	switch k {
	case kindNull:
		return typ == "null"
	case kindFalse, kindTrue:
		return typ == "boolean"
	case kindInteger, kindWhole:
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
		d.refuse(s, "format", "")
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
		d.ask(numberKinds...)
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
		d.ask(numberKinds...)
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
func (d *draft) readBranches(l *layer) {
	s := l.schema
	if s.Ref != nil {
		d.include(l, s.Ref)
	}
	for _, branch := range s.AllOf {
		d.include(l, branch)
	}
	d.readAlternatives(l, anyOf, s.AnyOf)
	d.readAlternatives(l, oneOf, s.OneOf)
	if s.Not != nil {
		test, _ := d.branch(s.Not)
		d.rule(rule{goal: l.goal, how: not, test: test})
	}
	if s.If != nil {
		d.readIf(l)
	}
}

// include reads a schema that must hold where the layer's does.
func (d *draft) include(l *layer, s *jsonschema.Schema) { l.include(always, 0, d.read(l.goal, s)) }

func (l *layer) include(given given, number int, other *layer) {
	if other != nil {
		l.inner = append(l.inner, inner{given, number, other})
	}
}

func (d *draft) readAlternatives(l *layer, how how, branches []*jsonschema.Schema) {
	if len(branches) == 0 {
		return
	}
	r := rule{goal: l.goal, how: how}
	for _, s := range branches {
		goal, branch := d.branch(s)
		r.of.add(goal)
		l.include(held, goal, branch)
	}
	d.rule(r)
}

// readIf reads if, then and else. That one of the last two holds needs no condition: else the layer's goal fails.
func (d *draft) readIf(l *layer) {
	s := l.schema
	r := rule{goal: l.goal, how: ifThenElse}
	var test, then, otherwise *layer
	r.test, test = d.branch(s.If)
	r.then, then = d.branch(s.Then)
	r.otherwise, otherwise = d.branch(s.Else)
	d.rule(r)
	l.include(held, r.test, test)
	l.include(held, r.test, then)
	l.include(lost, r.test, otherwise)
}

// branch reads a schema under a goal of its own and returns the goal, -1 without a schema.
func (d *draft) branch(s *jsonschema.Schema) (int, *layer) {
	if s == nil {
		return -1, nil
	}
	goal := d.goal(s)
	return goal, d.read(goal, s)
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
