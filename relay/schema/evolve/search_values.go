package evolve

// The values that a search tries.

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"

	"redis-relay/relay/schema"
)

// usual are scalars that are tried everywhere.
var usual = []any{
	nil, false, true, json.Number("0"), json.Number("1"), json.Number("-1"), json.Number("0.5"), json.Number("1.0"),
	"", "a",
}

// candidates lists scalars, and constants of all kinds, of which schemas speak, and those next to them.
func (m *maker) candidates(c *context, eyed []*schema.Shape) []any {
	list := slices.Clone(usual)
	for _, s := range slices.Concat(c.holds, eyed) {
		list = append(list, m.spokenOf(s)...)
	}
	return list
}

// spokenOf lists the candidates of one schema.
func (m *maker) spokenOf(s *schema.Shape) []any {
	if known, ok := m.spoken[s]; ok {
		return known
	}
	list := texts(s)
	for _, values := range s.Values {
		for _, v := range values {
			list = append(list, tree(v))
		}
	}
	for _, n := range []*big.Rat{s.Min, s.Max, s.Above, s.Below, s.MultipleOf} {
		list = append(list, around(n)...)
	}
	if m.spoken == nil {
		m.spoken = make(map[*schema.Shape][]any)
	}
	m.spoken[s] = list
	return list
}

// tree reads a value.
func tree(value string) (v any) {
	d := json.NewDecoder(strings.NewReader(value))
	d.UseNumber()
	_ = d.Decode(&v) // it has been JSON before
	return v
}

// around lists a number, and some near it.
func around(n *big.Rat) (list []any) {
	if n == nil {
		return nil
	}
	for _, step := range []*big.Rat{
		new(big.Rat), big.NewRat(1, 1), big.NewRat(-1, 1), big.NewRat(1, 2), big.NewRat(-1, 2), n, new(big.Rat).Neg(n),
		big.NewRat(10, 1), big.NewRat(-10, 1), big.NewRat(1, 1000), big.NewRat(-1, 1000),
	} {
		sum := new(big.Rat).Add(n, step)
		digits, _ := sum.FloatPrec()
		if text := sum.FloatString(digits); len(text) <= schema.MaxNumberLen {
			list = append(list, json.Number(text))
		}
	}
	return list
}

// texts lists strings at the edges of what a schema asks.
func texts(s *schema.Shape) (list []any) {
	for _, n := range []int{s.MinLength, s.MaxLength} {
		for _, length := range []int{n - 1, n, n + 1} {
			if n >= 0 && length >= 0 && length < 10_000 {
				list = append(list, strings.Repeat("a", length), strings.Repeat("0", length))
			}
		}
	}
	if s.Pattern != nil {
		for seed := range uint64(6) {
			list = append(list, sample(s.Pattern, seed))
		}
	}
	for _, text := range formatted[s.Format] {
		list = append(list, text)
	}
	return list
}

// formatted are texts of formats, and near them.
var formatted = map[string][]string{
	"date-time":     {"2024-02-29T12:00:00Z", "2024-02-29T12:00:00.5+01:00"},
	"date":          {"2024-02-29", "1999-12-31"},
	"time":          {"12:00:00Z", "23:59:59.5+01:00"},
	"duration":      {"P1D", "PT1S"},
	"email":         {"a@b.c", "ann@example.org"},
	"idn-email":     {"ü@b.c", "a@b.c"},
	"hostname":      {"a.b", "localhost"},
	"idn-hostname":  {"ü.de", "a.b"},
	"ipv4":          {"127.0.0.1", "0.0.0.0"},
	"ipv6":          {"::1", "::"},
	"uri":           {"http://a.b/", "urn:a:b"},
	"uri-reference": {"/a", "http://a.b/"},
	"iri":           {"http://a.b/ä"},
	"iri-reference": {"/ä"},
	"uri-template":  {"/{a}"},
	"uuid":          {"123e4567-e89b-12d3-a456-426614174000"},
	"json-pointer":  {"/a"}, "relative-json-pointer": {"1/a"}, "regex": {"a+", "^a$"},
}

// text makes a string.
func (m *maker) text(c *context, eyed []*schema.Shape) any {
	list := []any{""}
	for _, s := range slices.Concat(c.holds, eyed) {
		list = append(list, m.spokenOf(s)...)
	}
	if v, ok := m.choose(c.ofKinds(schema.KindString), list); ok {
		return v
	}
	least, _ := lengths(c)
	return strings.Repeat("b", min(max(least, m.random.IntN(3)), 10_000))
}

// array makes an array.
func (m *maker) array(c *context, eyed []*schema.Shape, depth int) any {
	least, most := itemCounts(c)
	edges := []int{0, 1, 2}
	for _, s := range slices.Concat(c.holds, eyed) {
		edges = append(edges, s.MinItems-1, s.MinItems, s.MaxItems, s.MaxItems+1, len(s.Prefix), len(s.Prefix)+1)
	}
	n := edges[m.random.IntN(len(edges))]
	if !m.chance(m.odd) {
		if n = max(n, least); most >= 0 {
			n = min(n, most)
		}
	}
	if depth > 10 {
		n = least
	}
	items := make([]any, min(max(n, 0), 100))
	for i := range items {
		item := itemOf(c, i)
		var there []*schema.Shape
		for _, s := range eyed {
			there = appendShape(there, itemAt(s, i))
			there = appendShape(there, s.Contains)
		}
		for _, s := range c.holds {
			if s.Contains != nil && m.chance(0.6) {
				item = item.with(s.Contains)
			}
		}
		items[i] = m.value(item, there, depth+1)
	}
	return items
}

func appendShape(list []*schema.Shape, s *schema.Shape) []*schema.Shape {
	if s == nil {
		return list
	}
	return append(list, s)
}

// object makes an object.
func (m *maker) object(c *context, eyed []*schema.Shape, depth int) any {
	object := make(map[string]any)
	required := c.required()
	for _, name := range m.names(c, eyed) {
		needed := slices.Contains(required, name)
		if needed && m.chance(m.odd) || !needed && (depth > 8 || !m.chance(m.filled)) {
			continue
		}
		member := c.member(name)
		if member.kinds == 0 && !m.chance(m.odd) {
			continue
		}
		var there []*schema.Shape
		for _, s := range eyed {
			there = append(there, asked(s, name)...)
		}
		object[name] = m.value(member, there, depth+1)
	}
	least, _ := c.memberCounts()
	for i := 0; len(object) < min(least, 100) && i < 2*least; i++ {
		name := "x" + strings.Repeat("x", i)
		object[name] = m.value(c.member(name), nil, depth+1)
	}
	return object
}

// names lists names of which schemas speak, with some that patterns match, and one of which none speaks.
func (m *maker) names(c *context, eyed []*schema.Shape) []string {
	all := map[string]bool{"other": true}
	for _, s := range slices.Concat(c.holds, eyed) {
		for name := range s.Members {
			all[name] = true
		}
		for _, name := range s.Required {
			all[name] = true
		}
		for given, names := range s.Requires {
			all[given] = true
			for _, name := range names {
				all[name] = true
			}
		}
		for given := range s.Depends {
			all[given] = true
		}
		for _, pattern := range s.Patterns {
			all[sample(pattern.Pattern, uint64(m.random.IntN(4)))] = true
		}
		if s.Names != nil {
			m.namesOf(s.Names, all)
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// namesOf adds names at the edges of what propertyNames asks.
func (m *maker) namesOf(s *schema.Shape, all map[string]bool) {
	for inner := range inPlace(s) {
		for _, v := range m.candidates(anything, []*schema.Shape{inner}) {
			if name, ok := v.(string); ok && m.chance(0.3) && len(name) < 300 {
				all[name] = true
			}
		}
	}
}
