package schema

// The plan builder: what schemas say about one value becomes a plan.

import (
	"fmt"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// planBuilder makes one plan.
type planBuilder struct {
	valueTests

	goals    int
	open     []*jsonschema.Schema // the way to the schema being read, to find references in a circle
	done     map[place]*layer     // what has been read
	layers   []*layer             // the same in order: who may ask about members and items
	names    nameNumbers          // of properties
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

// newPlanBuilder reads the schemas that the goals of a plan begin with.
func newPlanBuilder(b *builder, p *plan, roots []*jsonschema.Schema) *planBuilder {
	d := &planBuilder{valueTests: valueTests{b, p}, done: make(map[place]*layer), names: newNameNumbers()}
	for _, s := range roots {
		d.goal(s)
	}
	for goal, s := range roots {
		d.read(goal, s)
	}
	return d
}

// goal returns a new goal, on behalf of a schema.
func (d *planBuilder) goal(s *jsonschema.Schema) int {
	if d.goals == maxSet {
		d.refuse(s, "", fmt.Sprintf("is the %dth alternative for one value", maxSet+1))
		return 0
	}
	d.goals++
	return d.goals - 1
}

// read adds all that a schema says about the value itself to the plan.
func (d *planBuilder) read(goal int, s *jsonschema.Schema) *layer {
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

// readBranches reads the keywords that hold schemas for the same value.
func (d *planBuilder) readBranches(l *layer) {
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
func (d *planBuilder) include(l *layer, s *jsonschema.Schema) {
	l.include(always, 0, d.read(l.goal, s))
}

func (l *layer) include(given given, number int, other *layer) {
	if other != nil {
		l.inner = append(l.inner, inner{given, number, other})
	}
}

func (d *planBuilder) readAlternatives(l *layer, how how, branches []*jsonschema.Schema) {
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
func (d *planBuilder) readIf(l *layer) {
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
func (d *planBuilder) branch(s *jsonschema.Schema) (int, *layer) {
	if s == nil {
		return -1, nil
	}
	goal := d.goal(s)
	return goal, d.read(goal, s)
}

// rule adds a rule. Those of the branches it reads come before it.
func (d *planBuilder) rule(r rule) { d.plan.rules = append(d.plan.rules, r) }

// complete links the plan to those of members and items, and works out what can be known beforehand.
func (d *planBuilder) complete() {
	if d.refused != "" {
		return
	}
	d.linkMembers()
	d.linkItems()
	p := d.plan
	for k := range kinds {
		p.final[k] = p.initial[k]
		p.apply(&p.final[k], &nothing)
	}
}
