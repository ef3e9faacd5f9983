package schema

// This file applies plans to values: the tests, the rules, and the report to the outer plan.

import (
	"unicode/utf8"

	"redis-relay/relay/schema/regex"
)

// nothing is what scalars have seen of names.
var nothing set

// apply adds the goals that fail by a rule to those that have failed.
func (p *plan) apply(failed, seen *set) {
	for i := range p.rules {
		if r := &p.rules[i]; r.fails(failed, seen) {
			failed.add(r.goal)
		}
	}
}

func (r *rule) fails(failed, seen *set) bool {
	switch r.how {
	case anyOf:
		return failed.covers(&r.of)
	case oneOf:
		return failed.missing(&r.of) != 1
	case not:
		return !failed.has(r.test)
	case dependent:
		return seen.has(r.test) && failed.has(r.then)
	case unevaluated:
		return r.leaves(failed, seen)
	default:
		branch := r.then
		if failed.has(r.test) {
			branch = r.otherwise
		}
		return branch >= 0 && failed.has(branch)
	}
}

// leaves reports whether there is something that nothing has evaluated, and that does not fit the schema for it.
func (r *rule) leaves(failed, seen *set) bool {
	for i := range r.classes {
		if c := &r.classes[i]; failed.has(c.goal) && !anyHolds(c.cover, failed, seen) {
			return true
		}
	}
	return false
}

func anyHolds(all []cover, failed, seen *set) bool {
	for i := range all {
		if c := &all[i]; c.holds(failed, seen) && (len(c.within) == 0 || anyHolds(c.within, failed, seen)) {
			return true
		}
	}
	return false
}

func (c *cover) holds(failed, seen *set) bool {
	switch c.given {
	case held:
		return !failed.has(c.number)
	case lost:
		return failed.has(c.number)
	case present:
		return seen.has(c.number)
	default:
		return c.given == always
	}
}

// testString applies the tests of a string, its escapes resolved, and adds the goals that fail by them. left are the
// steps that patterns may take.
func (p *plan) testString(text []byte, failed *set, left *int) {
	for i := range p.lengths {
		if t := &p.lengths[i]; !t.holdsLength(text) {
			failed.add(t.goal)
		}
	}
	for i := range p.words {
		if t := &p.words[i]; !t.holds(text) {
			failed.add(t.goal)
		}
	}
	for i := range p.patterns {
		if t := &p.patterns[i]; !t.pattern.Matches(text, left) {
			failed.add(t.goal)
		}
	}
	for i := range p.formats {
		if t := &p.formats[i]; !t.format.Accepts(text) {
			failed.add(t.goal)
		}
	}
}

func (t *sizeTest) holds(n int) bool { return t.least <= n && n <= t.most }

// holdsLength counts characters only where bytes leave the answer open.
func (t *sizeTest) holdsLength(text []byte) bool {
	atLeast := (len(text) + utf8.UTFMax - 1) / utf8.UTFMax
	return t.least <= atLeast && len(text) <= t.most || t.holds(utf8.RuneCount(text))
}

func (t *wordTest) holds(text []byte) bool {
	for _, word := range t.any {
		if word == string(text) {
			return true
		}
	}
	_, ok := t.many[string(text)]
	return ok
}

// testNumber does the same for a number, n as raw writes it. It reports false if one of the tests cannot be
// decided.
func (p *plan) testNumber(n number, raw []byte, failed *set) (decided bool) {
	for i := range p.bounds {
		if t := &p.bounds[i]; !t.holds(n.times(raw, t.bound.scale), t.bound.value) {
			failed.add(t.goal)
		}
	}
	for i := range p.constants {
		if t := &p.constants[i]; !t.isOneOf(n, raw) {
			failed.add(t.goal)
		}
	}
	for i := range p.multiples {
		t := &p.multiples[i]
		times := n.times(raw, t.of.scale)
		if times.beyond() {
			return false
		}
		if times.fractional || times.floor%t.of.value != 0 {
			failed.add(t.goal)
		}
	}
	return true
}

func (t *constantTest) isOneOf(n number, raw []byte) bool {
	for _, c := range t.any {
		if times := n.times(raw, c.scale); !times.fractional && times.floor == c.value {
			return true
		}
	}
	return false
}

// What a bound asks of a number.
func atLeast(n number, bound int64) bool { return n.floor >= bound }

func above(n number, bound int64) bool  { return n.floor > bound || n.floor == bound && n.fractional }
func atMost(n number, bound int64) bool { return !above(n, bound) }
func below(n number, bound int64) bool  { return !atLeast(n, bound) }

// testMembers applies the tests of an object whose members have been seen.
func (p *plan) testMembers(f *frame) {
	for i := range p.object.sizes {
		if t := &p.object.sizes[i]; !t.holds(f.members) {
			f.failed.add(t.goal)
		}
	}
	for i := range p.object.required {
		t := &p.object.required[i]
		if (t.given < 0 || f.seen.has(t.given)) && !f.seen.covers(&t.names) {
			f.failed.add(t.goal)
		}
	}
}

// matching returns the set of patterns that match a name.
func (o *objectPlan) matching(name []byte, left *int) regex.Set {
	var m regex.Set
	for i, pattern := range o.patterns {
		if pattern.Matches(name, left) {
			m |= 1 << i
		}
	}
	return m
}

// item returns where the item at i goes.
func (p *plan) item(i int) *edge {
	if p == nil {
		return nil
	}
	if i < len(p.array.first) {
		return p.array.first[i]
	}
	return p.array.rest
}

// testItems applies the tests of an array whose items have been seen; the test that items are unique is
// the scan's.
func (p *plan) testItems(f *frame) {
	for i := range p.array.sizes {
		if t := &p.array.sizes[i]; !t.holds(f.members) {
			f.failed.add(t.goal)
		}
	}
	for i := range p.array.contains {
		if t := &p.array.contains[i]; !t.holds(int(f.counts[i])) {
			f.failed.add(t.goal)
		}
	}
}

// conclude reports a scalar: what all of its kind fail, or, if it has failed tests, what fails with their
// goals.
func (e *edge) conclude(k kind, failed *set, into *frame) {
	switch p := e.plan; {
	case !failed.empty():
		failed.union(&p.initial[k])
		p.apply(failed, &nothing)
		e.report(failed, into)
	case !e.quiet[k]:
		e.report(&p.final[k], into)
	}
}

// report tells the outer plan what became of a value.
func (e *edge) report(failed *set, into *frame) {
	for root := range e.fails {
		if failed.has(root) {
			into.failed.union(&e.fails[root])
		}
	}
	if len(e.hits) > 0 {
		e.reportItem(failed, into)
	}
}

// reportItem tells the outer plan which contains an item fits.
func (e *edge) reportItem(failed *set, into *frame) {
	for _, h := range e.hits {
		if !failed.has(h.root) {
			into.counts[h.counter]++
		}
	}
	for i := range e.joint {
		if j := &e.joint[i]; failed.covers(&j.roots) {
			into.failed.union(&j.goals)
		}
	}
}
