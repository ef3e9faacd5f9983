package schema

// This file compiles the library's schemas to plans: which plans there are, and how they are linked.

import (
	"encoding/binary"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"redis-relay/relay/schema/regex"
)

// maxCost bounds what one schema compiles to: the schemas that are read, the names, and where values lead, each
// counted once for each plan. That many take some 25 MB, and a second to compile; real schemas need a tenth.
const maxCost = 1 << 18

// build compiles a schema, with all that it refers to, to an edge that leads to it from goal 0 of an
// outermost frame. If it cannot, it returns nil and says why: the place of a keyword that prevents it, which is file,
// "#" and JSON pointer, and the limit that it meets.
func build(sch *jsonschema.Schema) (program *edge, refused string) {
	b := &builder{
		plans: make(map[string]*plan), numbers: make(map[*jsonschema.Schema]int), patterns: make(regex.Cache),
		referred: make(map[*jsonschema.Schema]*jsonschema.Schema),
	}
	resolved, prevents, limit := resolveDynamic(sch)
	if resolved == nil {
		b.refuse(prevents, "$dynamicRef", limit)
		return nil, b.refused
	}
	program = b.edge([]demand{{schema: resolved}})
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
	numbers  map[*jsonschema.Schema]int                // of the schemas, in the order in which they were met
	referred map[*jsonschema.Schema]*jsonschema.Schema // by those that stand for them
	patterns regex.Cache                               // by their text
	cost     int
	refused  string // why the first keyword that cannot be compiled cannot
}

// refuse says that a keyword of a schema, or without one the schema, cannot be compiled, because of a limit.
func (b *builder) refuse(s *jsonschema.Schema, keyword, limit string) {
	if b.refused != "" {
		return
	}
	b.refused = placeOf(s)
	if keyword != "" {
		b.refused += "/" + keyword
	}
	if limit == "" {
		limit = "cannot be compiled"
	}
	b.refused += " " + limit
}

// spend counts what is made on behalf of a schema.
func (b *builder) spend(s *jsonschema.Schema, n int) {
	if b.cost += n; b.cost > maxCost {
		b.refuse(s, "", "makes the schema too large to compile")
	}
}

// demand says that a schema is asked about a value: goal fails with it, or counter counts it.
type demand struct {
	schema  *jsonschema.Schema
	goal    int
	counted bool // contains
	counter int
	unless  []*jsonschema.Schema // goal fails only if all of these fail, too
}

// edge returns the edge on which all demands are met, nil if there are none.
func (b *builder) edge(demands []demand) *edge {
	if len(demands) == 0 || b.refused != "" {
		return nil
	}
	roots := b.roots(demands)
	b.spend(roots[0], len(demands)+len(roots))
	e := &edge{fails: make([]set, len(roots)), plan: b.plan(roots)}
	b.edges = append(b.edges, e)
	for _, d := range demands {
		root := slices.Index(roots, b.refer(d.schema))
		switch {
		case d.counted:
			e.hits = append(e.hits, hit{root, d.counter})
		case len(d.unless) > 0:
			var j joint
			j.goals.add(d.goal)
			j.roots.add(root)
			for _, s := range d.unless {
				j.roots.add(slices.Index(roots, b.refer(s)))
			}
			e.joint = append(e.joint, j)
		default:
			e.fails[root].add(d.goal)
		}
	}
	return e
}

// roots returns the schemas that demands ask about, each once, in the order of their numbers.
func (b *builder) roots(demands []demand) []*jsonschema.Schema {
	seen := make(map[*jsonschema.Schema]bool)
	var roots []*jsonschema.Schema
	for _, d := range demands {
		for _, s := range append([]*jsonschema.Schema{d.schema}, d.unless...) {
			if s = b.refer(s); !seen[s] {
				seen[s] = true
				roots = append(roots, s)
			}
		}
	}
	slices.SortFunc(roots, func(x, y *jsonschema.Schema) int { return b.number(x) - b.number(y) })
	return roots
}

// refer returns the schema that one with nothing but a $ref stands for, else the schema itself. So a value that
// many schemas describe by one reference is checked once.
func (b *builder) refer(s *jsonschema.Schema) *jsonschema.Schema {
	if known := b.referred[s]; known != nil {
		return known
	}
	const steps = 100 // in a circle there is no end
	to := s
	for range steps {
		if to.Ref == nil || onlyKeyword(to) != "Ref" {
			break
		}
		to = to.Ref
	}
	b.referred[s] = to
	return to
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
	if b.refused == "" {
		newPlanBuilder(b, p, roots).complete()
	}
	return p
}

// hush works out when there is nothing to report. All plans must be complete.
func (e *edge) hush() {
	for k := range kinds {
		settled := &e.plan.final[k]
		e.quiet[k] = len(e.hits) == 0
		for root := range e.fails {
			e.quiet[k] = e.quiet[k] && !settled.has(root)
		}
	}
}
