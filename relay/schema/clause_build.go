package schema

// This file prepares the library's schemas for examinations.

import (
	"maps"
	"net/url"
	"slices"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"redis-relay/relay/schema/drafts"
	"redis-relay/relay/schema/format"
	"redis-relay/relay/schema/regex"
)

// newExaminer prepares a schema with all that it refers to.
func newExaminer(sch *jsonschema.Schema) *examiner {
	b := &clauseBuilder{
		examiner: &examiner{labels: slices.Clone(keywordNames[:])}, numbers: make(map[string]label),
		known: make(map[*jsonschema.Schema]*clause), patterns: make(regex.Cache),
	}
	b.root = b.clause(sch)
	for n := 0; n < len(b.clauses); n++ {
		b.fill(b.clauses[n])
	}
	for _, c := range b.clauses {
		if c.unevaluatedMembers.to != nil || c.unevaluatedItems.to != nil {
			b.track(c)
		}
	}
	return b.examiner
}

// clauseBuilder makes the clauses of an examiner.
type clauseBuilder struct {
	*examiner
	known    map[*jsonschema.Schema]*clause
	patterns regex.Cache
	numbers  map[string]label
	anchored []*clause // those to which a reference may lead by their anchors
}

// way returns the way to a schema, to nil without one. It leads past schemas that are nothing but a $ref.
func (b *clauseBuilder) way(text string, s *jsonschema.Schema) way {
	if s == nil {
		return way{}
	}
	const steps = 100 // in a circle there is no end
	for range steps {
		if s.Ref == nil || onlyKeyword(s) != "Ref" || len(dynamicAnchors(s)) > 0 {
			break
		}
		text, s = text+"/$ref", s.Ref
	}
	return way{b.label(text), b.clause(s)}
}

// label returns the number of a label.
func (b *clauseBuilder) label(text string) label {
	n, ok := b.numbers[text]
	if !ok {
		n = label(len(b.labels))
		b.numbers[text] = n
		b.labels = append(b.labels, text)
	}
	return n
}

// clause returns the clause of a schema, nil without one. A new one is filled in later.
func (b *clauseBuilder) clause(s *jsonschema.Schema) *clause {
	if s == nil {
		return nil
	}
	if c, ok := b.known[s]; ok {
		c.shared = true
		return c
	}
	c := &clause{schema: s, number: int32(len(b.clauses))}
	b.known[s] = c
	b.clauses = append(b.clauses, c)
	return c
}

// fill reads the schema of a clause.
func (b *clauseBuilder) fill(c *clause) {
	s := c.schema
	for k := range kinds {
		c.kinds[k] = k.allowedBy(s)
	}
	if len(s.Constant) > 0 {
		c.constants = append(c.constants, newConstants(keyConst, s.Constant))
	}
	if len(s.Enum) > 0 {
		c.constants = append(c.constants, newConstants(keyEnum, s.Enum))
	}
	c.limits = newLimits(s)
	b.fillString(c, s)
	b.fillMembers(c, s)
	b.fillItems(c, s)
	b.fillReferences(c, s)
	b.fillBranches(c, s)
	c.unevaluatedMembers = b.way("unevaluatedProperties", s.UnevaluatedProperties)
	c.unevaluatedItems = b.way("unevaluatedItems", s.UnevaluatedItems)
	for _, anchored := range dynamicAnchors(s) {
		c.anchors = append(c.anchors, b.anchor(b.clause(anchored)))
	}
	if s.RecursiveAnchor {
		b.anchor(c)
	}
	c.plain = !slices.ContainsFunc(fieldsOf(s), func(field string) bool {
		return field != "Types" && (field != "Always" || !*s.Always)
	})
}

// anchor notes a clause to which references may lead by its anchor.
func (b *clauseBuilder) anchor(c *clause) *clause {
	c.shared = true
	b.anchored = append(b.anchored, c)
	return c
}

func (b *clauseBuilder) fillString(c *clause, s *jsonschema.Schema) {
	if s.Pattern != nil {
		c.pattern = b.patterns.Of(s.Pattern)
	}
	if asserted, _ := asserts(s, "format"); asserted {
		c.format = format.Of(s.Format)
	}
}

func (b *clauseBuilder) fillReferences(c *clause, s *jsonschema.Schema) {
	add := func(keyword string, to *jsonschema.Schema, recursive, dynamic bool) {
		if to != nil {
			r := reference{way{b.label(keyword), b.clause(to)}, recursive, dynamic}
			if !recursive && !dynamic {
				r.way = b.way(keyword, to)
			}
			c.refs = append(c.refs, r)
			b.dynamic = b.dynamic || recursive || dynamic
		}
	}
	add("$ref", s.Ref, false, false)
	add("$recursiveRef", s.RecursiveRef, s.RecursiveRef != nil && s.RecursiveRef.RecursiveAnchor, false)
	anchor := dynamicRefAnchor(s)
	add("$dynamicRef", s.DynamicRef, false, s.DynamicRef != nil && anchor != "" && s.DynamicRef.DynamicAnchor == anchor)
}

func (b *clauseBuilder) fillBranches(c *clause, s *jsonschema.Schema) {
	if s.Not != nil {
		c.not, c.notWords = b.way("not", s.Not), wordsOfNot(s.Not)
	}
	c.allOf, c.anyOf, c.oneOf = b.ways("allOf", s.AllOf), b.ways("anyOf", s.AnyOf), b.ways("oneOf", s.OneOf)
	if s.If != nil {
		c.test, c.then, c.otherwise = b.way("if", s.If), b.way("then", s.Then), b.way("else", s.Else)
	}
	c.inPlace = len(c.refs)+len(c.allOf)+len(c.anyOf)+len(c.oneOf) > 0 || c.not.to != nil || c.test.to != nil
}

// ways returns the ways to the schemas of a keyword that lists them.
func (b *clauseBuilder) ways(keyword string, schemas []*jsonschema.Schema) (ways []way) {
	for i, s := range schemas {
		ways = append(ways, b.way(keyword+"/"+strconv.Itoa(i), s))
	}
	return ways
}

// memberBuilder makes a memberClause.
type memberBuilder struct {
	*memberClause
	clauses *clauseBuilder
	known   nameNumbers
}

// name returns the number of a name, for which there is a place in properties.
func (b *memberBuilder) name(name string) int {
	n := b.known.number(name)
	if n == len(b.properties) {
		b.properties = append(b.properties, way{})
	}
	return n
}

func (b *clauseBuilder) fillMembers(c *clause, s *jsonschema.Schema) {
	m := memberBuilder{memberClause: &memberClause{}, clauses: b, known: newNameNumbers()}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		m.properties[m.name(name)] = b.way("properties/"+escapeLabel(name), s.Properties[name])
	}
	for _, text := range patternsOf(s) {
		to := b.way("patternProperties/"+escapeLabel(text.String()), s.PatternProperties[text])
		m.patterns = append(m.patterns, patternWay{to, b.patterns.Of(text)})
	}
	m.additional = b.additional("additionalProperties", s.AdditionalProperties)
	m.naming = b.way("propertyNames", s.PropertyNames)
	for _, name := range s.Required {
		m.required = append(m.required, m.name(name))
	}
	m.fillDependencies(s)
	m.names = newNames(m.known.list)
	asks := len(m.known.list)+len(m.patterns) > 0 || m.additional.present || m.naming.to != nil
	if asks || s.MinProperties != -1 || s.MaxProperties != -1 {
		c.members = m.memberClause
	}
}

func (b *memberBuilder) fillDependencies(s *jsonschema.Schema) {
	for _, given := range slices.Sorted(maps.Keys(s.Dependencies)) {
		switch dependency := s.Dependencies[given].(type) {
		case []string:
			b.require("dependencies", given, dependency)
		case *jsonschema.Schema:
			b.depend("dependencies", given, dependency)
		}
	}
	for _, given := range slices.Sorted(maps.Keys(s.DependentRequired)) {
		b.require("dependentRequired", given, s.DependentRequired[given])
	}
	for _, given := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
		b.depend("dependentSchemas", given, s.DependentSchemas[given])
	}
}

func (b *memberBuilder) require(keyword, given string, required []string) {
	for i, name := range required {
		at := b.clauses.label(keyword + "/" + escapeLabel(given) + "/" + strconv.Itoa(i))
		b.requires = append(b.requires, requirement{at, b.name(given), b.name(name)})
	}
}

func (b *memberBuilder) depend(keyword, given string, dependency *jsonschema.Schema) {
	to := b.clauses.way(keyword+"/"+escapeLabel(given), dependency)
	b.dependent = append(b.dependent, dependentWay{to, b.name(given)})
}

// additional reads what the library holds as nil, bool or *Schema.
func (b *clauseBuilder) additional(keyword string, value any) additional {
	switch value := value.(type) {
	case bool:
		return additional{present: true, denied: !value}
	case *jsonschema.Schema:
		return additional{present: true, way: b.way(keyword, value)}
	default:
		return additional{}
	}
}

func (b *clauseBuilder) fillItems(c *clause, s *jsonschema.Schema) {
	m := &itemClause{contains: b.way("contains", s.Contains)}
	switch items := s.Items.(type) {
	case *jsonschema.Schema:
		m.rest = b.way("items", items)
	case []*jsonschema.Schema:
		m.first, m.additional = b.ways("items", items), b.additional("additionalItems", s.AdditionalItems)
	}
	if len(s.PrefixItems) > 0 {
		m.first = b.ways("prefixItems", s.PrefixItems)
	}
	if s.Items2020 != nil {
		m.rest = b.way("items", s.Items2020)
	}
	asks := len(m.first) > 0 || m.additional.present || m.rest.to != nil || m.contains.to != nil || s.UniqueItems
	if asks || s.MinItems != -1 || s.MaxItems != -1 {
		c.items = m
	}
}

// track notes that somebody asks what a clause leaves unevaluated, and so what all do that apply to the same value.
func (b *clauseBuilder) track(c *clause) {
	if c == nil || c.tracked {
		return
	}
	c.tracked = true
	for _, r := range c.refs {
		b.track(r.to)
		if r.recursive || r.dynamic {
			for _, to := range b.anchored {
				b.track(to)
			}
		}
	}
	for _, ways := range [][]way{c.allOf, c.anyOf, c.oneOf} {
		for _, w := range ways {
			b.track(w.to)
		}
	}
	for _, w := range []way{c.not, c.test, c.then, c.otherwise} {
		b.track(w.to)
	}
	if c.members != nil {
		for _, d := range c.members.dependent {
			b.track(d.to)
		}
	}
}

// escapeLabel escapes a name as the library does in the location of a keyword.
func escapeLabel(name string) string { return url.PathEscape(drafts.EscapeToken(name)) }
