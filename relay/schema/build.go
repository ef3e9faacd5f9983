// This file compiles the library's schemas to plans: which plans there are, and how they are linked.

package schema

import (
	"encoding/binary"
	"reflect"
	"regexp"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// Limits of what is compiled; beyond them payloads are examined.
const (
	maxPlans    = 2048
	maxPatterns = 4 // of patternProperties that apply to one value; every subset of them is an edge
)

// build compiles a schema, with all that it refers to, to an edge that leads to it from goal 0 of an
// outermost frame. If it cannot, it returns nil and the place of a keyword that prevents it: file, "#" and
// JSON pointer.
func build(sch *jsonschema.Schema) (program *edge, refused string) {
	b := &builder{
		plans: make(map[string]*plan), numbers: make(map[*jsonschema.Schema]int), patterns: make(map[string]*pattern),
	}
	program = b.edge([]demand{{schema: sch}})
	if b.refused != "" {
		return nil, b.refused
	}
	for _, e := range b.edges {
		e.hush()
	}
	return program, ""
}

// builder makes the plans of one schema.
type builder struct {
	plans    map[string]*plan // by the numbers of the schemas that they check
	edges    []*edge
	numbers  map[*jsonschema.Schema]int // of the schemas, in the order in which they were met
	patterns map[string]*pattern        // by their text
	refused  string                     // the first keyword that cannot be compiled
}

// refuse says that a keyword of a schema, or without one the schema, cannot be compiled.
func (b *builder) refuse(s *jsonschema.Schema, keyword string) {
	if b.refused == "" {
		b.refused = placeOf(s)
		if keyword != "" {
			b.refused += "/" + keyword
		}
	}
}

// demand says that a schema is asked about a value: goal fails with it, or counter counts it.
type demand struct {
	schema  *jsonschema.Schema
	goal    int
	counted bool // contains
	counter int
}

// edge returns the edge on which all demands are met, nil if there are none.
func (b *builder) edge(demands []demand) *edge {
	if len(demands) == 0 || b.refused != "" {
		return nil
	}
	var roots []*jsonschema.Schema
	for i := range demands {
		d := &demands[i]
		if d.schema = referred(d.schema); !slices.Contains(roots, d.schema) {
			roots = append(roots, d.schema)
		}
	}
	slices.SortFunc(roots, func(x, y *jsonschema.Schema) int { return b.number(x) - b.number(y) })
	e := &edge{fails: make([]set, len(roots)), plan: b.plan(roots)}
	b.edges = append(b.edges, e)
	for _, d := range demands {
		root := slices.Index(roots, d.schema)
		if d.counted {
			e.hits = append(e.hits, hit{root, d.counter})
		} else {
			e.fails[root].add(d.goal)
		}
	}
	return e
}

// referred returns the schema that one with nothing but a $ref stands for, else the schema itself. So a value that
// many schemas describe by one reference is checked once.
func referred(s *jsonschema.Schema) *jsonschema.Schema {
	const steps = 100 // in a circle there is no end
	for range steps {
		if s.Ref == nil || !isReference(s) {
			break
		}
		s = s.Ref
	}
	return s
}

// isReference reports whether a schema has no keyword but $ref.
func isReference(s *jsonschema.Schema) bool {
	v := reflect.ValueOf(s).Elem()
	for _, field := range reflect.VisibleFields(v.Type()) {
		switch field.Name {
		case "Location", "Draft", "Ref", "MinContains", "ContainsEval": // the last two mean nothing by themselves
			continue
		}
		if field.IsExported() && !isAbsent(v.FieldByIndex(field.Index)) {
			return false
		}
	}
	return true
}

// isAbsent reports whether a field of a schema says nothing: limits, which may be 0, are then -1.
func isAbsent(field reflect.Value) bool {
	if field.Kind() == reflect.Int {
		return field.Int() == -1
	}
	return field.IsZero()
}

// number returns the number of a schema.
func (b *builder) number(s *jsonschema.Schema) int {
	n, ok := b.numbers[s]
	if !ok {
		n = len(b.numbers)
		b.numbers[s] = n
	}
	return n
}

// plan returns the plan that checks the given schemas. Plans are shared, so that references in a circle,
// as those of a tree, end.
func (b *builder) plan(roots []*jsonschema.Schema) *plan {
	var id []byte
	for _, s := range roots {
		id = binary.AppendUvarint(id, uint64(b.number(s)))
	}
	if p, ok := b.plans[string(id)]; ok {
		return p
	}
	p := new(plan)
	b.plans[string(id)] = p
	if len(b.plans) > maxPlans {
		b.refuse(roots[0], "")
		return p
	}
	newDraft(b, p, roots).complete()
	return p
}

// hush works out when there is nothing to report. All plans must be complete.
func (e *edge) hush() {
	for k := range kinds {
		settled := &e.plan.settled[k]
		e.quiet[k] = len(e.hits) == 0
		for root := range e.fails {
			e.quiet[k] = e.quiet[k] && !settled.has(root)
		}
	}
}

// pattern returns the pattern of a regular expression.
func (b *builder) pattern(text *regexp.Regexp) *pattern {
	p, ok := b.patterns[text.String()]
	if !ok {
		p = newPattern(text)
		b.patterns[text.String()] = p
	}
	return p
}
