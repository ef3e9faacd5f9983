package schema

// What a schema asks of a value by itself: its type, and the tests of strings and numbers.

import (
	"math/big"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"redis-relay/relay/schema/format"
)

// valueTests adds to a plan what schemas ask of a value by itself.
type valueTests struct {
	*builder
	plan *plan
}

// refuseKind makes a goal fail for every value of a kind.
func (d *valueTests) refuseKind(goal int, k kind) { d.plan.initial[k].add(goal) }

func (d *valueTests) readTypes(goal int, s *jsonschema.Schema) {
	never := s.Always != nil && !*s.Always
	for k := range kinds {
		if never || !k.allowedBy(s) {
			d.refuseKind(goal, k)
		}
	}
}

func (d *valueTests) readString(goal int, s *jsonschema.Schema) {
	p := d.plan
	if s.MinLength != -1 || s.MaxLength != -1 {
		p.lengths = append(p.lengths, newSizeTest(goal, s.MinLength, s.MaxLength))
	}
	if s.Pattern != nil {
		p.patterns = append(p.patterns, patternTest{goal, d.patterns.Of(s.Pattern)})
	}
	if s.Format == "" {
		return
	}
	asserted, known := asserts(s, "format")
	if !known || asserted && jsonschema.Formats[s.Format] == nil {
		d.refuse(s, "format", "")
	}
	if asserted {
		p.formats = append(p.formats, formatTest{goal, format.Of(s.Format)})
	}
}

func (d *valueTests) readNumber(goal int, s *jsonschema.Schema) {
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
func (d *valueTests) bound(goal int, r *big.Rat, holds func(number, int64) bool) {
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
func (d *valueTests) ask(all ...kind) {
	for _, k := range all {
		d.plan.ask[k] = true
	}
}
