package evolve

// Random schemas, random changes of them, and random documents.

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
)

// generator makes schemas and documents of a small vocabulary, so that they often meet.
type generator struct{ *rand.Rand }

var (
	genNames    = []string{"a", "b", "ab", "type", "x-a"}
	genWords    = []any{"a", "b", "ab", "", "abc", "2024-02-29", "127.0.0.1"}
	genNumbers  = []any{0, 1, -1, 2, 3, 1.5, 0.5, 10, -2.5, 7}
	genPatterns = []string{"^a", "b$", "^x-", "^[ab]+$"}
	genTypes    = []string{"null", "boolean", "integer", "number", "string", "array", "object"}
)

type object = map[string]any

func pick[T any](g generator, from []T) T { return from[g.IntN(len(from))] }

// document makes any document.
func (g generator) document(depth int) any {
	kinds := 7
	if depth > 3 {
		kinds = 5
	}
	switch g.IntN(kinds) {
	case 0:
		return pick(g, []any{nil, true, false})
	case 1, 2:
		return pick(g, genNumbers)
	case 3, 4:
		return pick(g, genWords)
	case 5:
		items := make([]any, g.IntN(4))
		for i := range items {
			items[i] = g.document(depth + 1)
		}
		return items
	}
	members := object{}
	for range g.IntN(4) {
		members[pick(g, genNames)] = g.document(depth + 1)
	}
	return members
}

// schema makes a schema.
func (g generator) schema(depth int) any {
	if g.IntN(12) == 0 {
		return g.IntN(3) > 0
	}
	s := object{}
	for range 1 + g.IntN(3) {
		maps.Copy(s, g.keyword(depth))
	}
	return s
}

// keyword makes one keyword, mostly with the type to which it belongs.
func (g generator) keyword(depth int) object {
	if depth > 3 {
		return g.scalarKeyword()
	}
	switch g.IntN(3) {
	case 0:
		return g.scalarKeyword()
	case 1:
		return g.branch(depth)
	}
	return g.container(depth)
}

func (g generator) scalarKeyword() object {
	switch g.IntN(13) {
	case 0, 1:
		return object{"type": pick(g, genTypes)}
	case 2:
		return object{"type": []any{genTypes[g.IntN(3)], genTypes[3+g.IntN(4)]}}
	case 3:
		return object{"const": g.document(3)}
	case 4, 5:
		list := make([]any, 1+g.IntN(4))
		for i := range list {
			list[i] = g.document(2)
		}
		return object{"enum": list}
	case 6:
		return object{"type": "string", "minLength": g.IntN(4)}
	case 7:
		return object{"type": "string", "maxLength": g.IntN(4)}
	case 8:
		return object{"type": "string", "pattern": pick(g, genPatterns)}
	case 9:
		return object{"type": "string", "format": pick(g, []string{"date", "ipv4"})}
	case 10:
		return object{"type": pick(g, []string{"integer", "number"}), "minimum": pick(g, genNumbers)}
	case 11:
		return object{
			"type":    pick(g, []string{"integer", "number"}),
			"maximum": pick(g, genNumbers), "exclusiveMinimum": pick(g, genNumbers),
		}
	}
	return object{"type": pick(g, []string{"integer", "number"}), "multipleOf": pick(g, []any{1, 2, 0.5, 3, 1.5})}
}

func (g generator) branch(depth int) object {
	list := func() []any {
		all := make([]any, 1+g.IntN(3))
		for i := range all {
			all[i] = g.schema(depth + 1)
		}
		return all
	}
	switch g.IntN(8) {
	case 0:
		return object{"allOf": list()}
	case 1:
		return object{"anyOf": list()}
	case 2:
		return object{"oneOf": list()}
	case 3:
		return object{"oneOf": g.tagged(depth)}
	case 4:
		return object{"anyOf": g.tagged(depth)}
	case 5:
		return object{"not": g.schema(depth + 2)}
	case 6:
		return object{"if": g.schema(depth + 1), "then": g.schema(depth + 1), "else": g.schema(depth + 1)}
	}
	return object{"$ref": pick(g, []string{"#", "#/$defs/d", "#/$defs/e"})}
}

// tagged makes alternatives that the value of a member tells apart.
func (g generator) tagged(depth int) (list []any) {
	for i := range 1 + g.IntN(3) {
		list = append(list, object{
			"type": "object", "required": []any{"type"},
			"properties": object{"type": object{"const": genWords[i]}, "a": g.schema(depth + 2)},
		})
	}
	return list
}

func (g generator) container(depth int) object {
	some := func() object {
		all := object{}
		for range 1 + g.IntN(3) {
			all[pick(g, genNames)] = g.schema(depth + 1)
		}
		return all
	}
	switch g.IntN(16) {
	case 0, 1, 2:
		return object{"type": "object", "properties": some()}
	case 3, 4:
		return object{"type": "object", "required": []any{pick(g, genNames)}}
	case 5:
		return object{"additionalProperties": g.schema(depth + 1)}
	case 6:
		return object{"properties": some(), "additionalProperties": false}
	case 7:
		return object{"patternProperties": object{pick(g, genPatterns): g.schema(depth + 1)}}
	case 8:
		return object{"propertyNames": g.schema(depth + 2)}
	case 9:
		return object{"type": "object", "minProperties": g.IntN(3), "maxProperties": g.IntN(4)}
	case 10:
		return object{"dependentRequired": object{pick(g, genNames): []any{pick(g, genNames)}}}
	case 11:
		return object{"dependentSchemas": object{pick(g, genNames): g.schema(depth + 1)}}
	case 12:
		return object{"type": "array", "items": g.schema(depth + 1), "minItems": g.IntN(3)}
	case 13:
		return object{"prefixItems": []any{g.schema(depth + 1)}, "maxItems": g.IntN(4), "uniqueItems": g.IntN(2) == 0}
	case 14:
		return object{"contains": g.schema(depth + 1), "minContains": g.IntN(3), "maxContains": 1 + g.IntN(3)}
	}
	keyword := pick(g, []string{"unevaluatedProperties", "unevaluatedItems"})
	return object{"allOf": []any{object{"properties": some()}}, keyword: g.schema(depth + 2)}
}

// root makes a schema that others of its own may refer to.
func (g generator) root() object {
	s, ok := g.schema(0).(object)
	for !ok {
		s, ok = g.schema(0).(object)
	}
	s["$defs"] = object{"d": g.plain(), "e": object{"properties": object{"a": object{"$ref": "#/$defs/e"}, "b": g.plain()}}}
	return s
}

// plain makes a schema without references.
func (g generator) plain() any { return g.scalarKeyword() }

// mutate changes a schema at one place.
func (g generator) mutate(schema any) any {
	s, ok := schema.(object)
	if !ok {
		return pick(g, []any{true, false, g.scalarKeyword()})
	}
	s = maps.Clone(s)
	names := slices.Sorted(maps.Keys(s))
	if len(names) == 0 || g.IntN(6) == 0 {
		maps.Copy(s, g.keyword(2))
		return s
	}
	name := pick(g, names)
	s[name] = g.mutateKeyword(name, s[name])
	if s[name] == nil || g.IntN(8) == 0 && name != "$defs" {
		delete(s, name)
	}
	return s
}

// mutateKeyword changes what a keyword says; nil takes it away.
func (g generator) mutateKeyword(name string, value any) any {
	switch name {
	case "minimum", "maximum", "exclusiveMinimum":
		return pick(g, genNumbers)
	case "multipleOf":
		return pick(g, []any{1, 2, 0.5, 3, 1.5, 6})
	case "pattern":
		return pick(g, genPatterns)
	case "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains":
		return g.IntN(4)
	case "type":
		return pick(g, []any{pick(g, genTypes), []any{"integer", "string"}, "number", nil})
	case "required":
		return []any{pick(g, genNames)}
	case "const", "format", "uniqueItems", "$ref", "dependentRequired":
		return nil
	case "properties", "patternProperties", "dependentSchemas", "$defs":
		return g.mutateMap(name, value.(object))
	case "enum":
		return g.mutateList(value.([]any), func() any { return g.document(2) }, func(v any) any { return v })
	case "allOf", "anyOf", "oneOf", "prefixItems":
		return g.mutateList(value.([]any), func() any { return g.schema(3) }, g.mutate)
	}
	return g.mutate(value)
}

func (g generator) mutateMap(keyword string, schemas object) object {
	changed := maps.Clone(schemas)
	name := pick(g, slices.Sorted(maps.Keys(schemas)))
	switch {
	case keyword != "$defs" && g.IntN(4) == 0:
		changed[pick(g, genNames)] = g.schema(3)
	case keyword != "$defs" && g.IntN(4) == 0 && len(changed) > 1:
		delete(changed, name)
	default:
		changed[name] = g.mutate(schemas[name])
	}
	return changed
}

func (g generator) mutateList(list []any, fresh func() any, mutate func(any) any) []any {
	changed := slices.Clone(list)
	i := g.IntN(len(list))
	switch {
	case g.IntN(3) == 0:
		return append(changed, fresh())
	case g.IntN(3) == 0 && len(list) > 1:
		return slices.Delete(changed, i, i+1)
	}
	changed[i] = mutate(changed[i])
	return changed
}

func jsonOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}
