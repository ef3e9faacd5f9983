package schema

// This file holds the checker to the library's verdict on random schemas and random documents.

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// The words that schemas and documents share, so that they often meet.
var (
	genNames   = []string{`a`, `b`, `c`, `type`, `ab`, ``, `é`, `a/b~`, `\u0061b`, `zz`}
	genStrings = []string{
		`""`, `"a"`, `"ab"`, `"\u0061"`, `"é"`, `"\ud83d\ude00"`, `"😀😀"`, `"a\nb"`, `"1"`, `"2026-02-28T23:59:59.5Z"`,
		`"2026-02-29"`, `"2024-02-29"`, `"23:59:60Z"`, `"12:00:00+01:00"`, `"123e4567-e89b-12d3-a456-426614174000"`,
		`"127.0.0.1"`, `"a@b.c"`, `"2026-02-28T23:59:59+1:00"`, `"0000-01-01T00:00:00z"`,
		`"[1,[\"a\"],{\"a\":{\"b\":1}}]"`, `"eyJhIjpbMSwxXX0="`, `"{\"a\":1"`,
	}
	genNumbers = []string{
		`0`, `-0`, `1`, `-1`, `1.0`, `1.5`, `-1.5`, `0.1`, `0.10`, `1e-1`, `10`, `1e1`, `1E+2`, `100`, `3`, `0.3`, `-2`,
		`9223372036854775807`, `-9223372036854775808`, `9223372036854775806`, `12345678901234567890`,
		`1e400`, `-1e400`, `1e-400`, `0e400`, `0.0000000000000000001`, `9007199254740993`, `123.456e-2`, `0.0`, `1.000e2`,
	}
	genFormats  = []string{"date-time", "date", "time", "uuid", "ipv4", "email", "regex", "none-such"}
	genPatterns = []string{`^a`, `b$`, `.`, `^$`, `^[a-c]+$`, `é`}
	genTypes    = []string{"null", "boolean", "integer", "number", "string", "array", "object"}
	genRefs     = []string{`"#/definitions/x"`, `"#/definitions/y"`, `"#"`, `"z.json"`, `"z.json#/definitions/x"`, `"#d"`}
	genLiterals = []string{`null`, `true`, `false`}
)

var allDrafts = []*jsonschema.Draft{
	jsonschema.Draft7, jsonschema.Draft2019, jsonschema.Draft2020, jsonschema.Draft6, jsonschema.Draft4,
}

// generator makes schemas and documents from bytes: each choice takes one, and after the last all take
// the simplest.
type generator struct {
	data  []byte
	draft *jsonschema.Draft
	depth int
	focus bool // on keywords about what is evaluated
}

func (g *generator) pick(n int) int {
	if len(g.data) == 0 {
		return 0
	}
	c := g.data[0]
	g.data = g.data[1:]
	return int(c) % n
}

func (g *generator) one(from []string) string { return from[g.pick(len(from))] }

// list returns up to most texts of a maker, joined by commas.
func (g *generator) list(least, most int, make func() string) string {
	var all []string
	for range least + g.pick(most-least+1) {
		all = append(all, make())
	}
	return strings.Join(all, ",")
}

func quoteName(name string) string { return `"` + name + `"` }

// members returns members of distinct names, escapes apart: the name \u0061b is ab.
func (g *generator) members(most int, names []string, value func() string) string {
	seen := make(map[string]bool)
	var all []string
	for range g.pick(most + 1) {
		name := g.one(names)
		plain := strings.ReplaceAll(name, `\u0061`, "a")
		if seen[plain] {
			continue
		}
		seen[plain] = true
		all = append(all, quoteName(name)+":"+value())
	}
	return "{" + strings.Join(all, ",") + "}"
}

// number returns a number; for draft 4, of which the library takes 1.0 for an integer, none that is written so.
func (g *generator) number() string {
	text := g.one(genNumbers)
	if g.draft == jsonschema.Draft4 && scaled([]byte(text), 0).kind([]byte(text)) == kindWhole {
		return "1"
	}
	return text
}

// document returns a JSON text.
func (g *generator) document() string {
	g.depth++
	defer func() { g.depth-- }()
	if g.focus {
		return g.simpleDocument()
	}
	n := 8
	if g.depth > 4 {
		n = 4
	}
	switch g.pick(n) {
	case 0:
		return g.one(genLiterals)
	case 1:
		return g.one(genStrings)
	case 2, 3:
		return g.number()
	case 4, 5:
		return "[" + g.list(0, 4, g.document) + "]"
	default:
		return g.members(5, genNames, g.document)
	}
}

// simpleDocument returns an object or array of values that the schemas know.
func (g *generator) simpleDocument() string {
	switch n := g.pick(4); {
	case g.depth > 2 || n == 0 && g.depth > 1:
		return g.one([]string{`null`, `1`, `2`, `"a"`})
	case n == 1:
		return "[" + g.list(0, 4, g.document) + "]"
	default:
		return g.members(4, genNames[:5], g.document)
	}
}

// root returns a schema with definitions, of which some are resources or have anchors.
func (g *generator) root() string {
	if g.focus {
		return fmt.Sprintf(`{"definitions":{"x":{%s},"y":{%s},"z":{}},"allOf":[{%s},{%s}],%s}`,
			g.keywords(), g.keywords(), g.keywords(), g.keywords(), g.unevaluated())
	}
	heads := []string{`"description":""`, `"$dynamicAnchor":"d"`, `"$recursiveAnchor":true`, `"$dynamicAnchor":"d","$recursiveAnchor":true`}
	x := g.one(heads) + `,` + g.keywords()
	y := g.one(heads) + `,` + g.keywords()
	z := g.one(heads) + `,"$id":"z.json","definitions":{"x":{` + g.one(heads) + `,` + g.keywords() + `}},` + g.keywords()
	return fmt.Sprintf(`{"definitions":{"x":{%s},"y":{%s},"z":{%s}},%s,%s}`, x, y, z, g.one(heads), g.keywords())
}

// unevaluated returns keywords about what a schema and another one leave unevaluated.
func (g *generator) unevaluated() string {
	s := g.one([]string{`false`, `{"type":"null"}`, `{"const":1}`, `{"properties":{"a":true},"unevaluatedProperties":false}`})
	return fmt.Sprintf(`"$ref":"#/definitions/x","unevaluatedProperties":%s,"unevaluatedItems":%s`, s, s)
}

func (g *generator) schema() string {
	g.depth++
	defer func() { g.depth-- }()
	if g.focus && g.depth > 2 {
		return g.one([]string{`true`, `false`, `{"type":"null"}`, `{"const":1}`, `{"type":["integer","string"]}`})
	}
	switch n := g.pick(10); {
	case n == 0:
		return "true"
	case n == 1:
		return "false"
	case g.depth > 3:
		return `{"type":` + quoteName(g.one(genTypes)) + "}"
	}
	return "{" + g.keywords() + "}"
}

// keywords returns up to three keywords with their values.
func (g *generator) keywords() string {
	seen := make(map[string]bool)
	var all []string
	for range 1 + g.pick(3) {
		keyword, value := g.keyword()
		if !seen[keyword] {
			seen[keyword] = true
			all = append(all, quoteName(keyword)+":"+value)
		}
		if keyword == "if" {
			all = append(all, `"then":`+g.schema(), `"else":`+g.schema())
		}
	}
	return strings.Join(all, ",")
}

func (g *generator) name() string  { return quoteName(g.one(genNames)) }
func (g *generator) small() string { return fmt.Sprint(g.pick(4)) }
func (g *generator) value() string { return g.document() }

func (g *generator) keyword() (keyword, value string) {
	array := func(of func() string) string { return "[" + g.list(1, 3, of) + "]" }
	makers := []struct {
		keyword string
		value   func() string
	}{
		{"type", func() string { return quoteName(g.one(genTypes)) }},
		{"type", func() string { return `["integer","` + g.one([]string{"null", "string", "object", "array"}) + `"]` }},
		{"enum", func() string { return array(g.value) }},
		{"const", g.value},
		{"required", func() string { return `["a","` + g.one([]string{"b", "ab", "é", ""}) + `"]` }},
		{"properties", func() string { return g.members(3, genNames, g.schema) }},
		{"properties", func() string { return g.members(3, genNames, g.schema) }},
		{"patternProperties", func() string { return g.members(3, genPatterns, g.schema) }},
		{"additionalProperties", g.schema},
		{"propertyNames", g.schema},
		{"minProperties", g.small},
		{"maxProperties", g.small},
		{"items", g.schema},
		{"items", func() string { return array(g.schema) }},
		{"additionalItems", g.schema},
		{"prefixItems", func() string { return array(g.schema) }},
		{"contains", g.schema},
		{"minContains", g.small},
		{"maxContains", g.small},
		{"minItems", g.small},
		{"maxItems", g.small},
		{"uniqueItems", func() string { return "true" }},
		{"minLength", g.small},
		{"maxLength", g.small},
		{"pattern", func() string { return quoteName(g.one(genPatterns)) }},
		{"format", func() string { return quoteName(g.one(genFormats)) }},
		{"minimum", func() string { return g.one(genNumbers) }},
		{"maximum", func() string { return g.one(genNumbers) }},
		{"exclusiveMinimum", func() string { return g.one(genNumbers) }},
		{"exclusiveMaximum", func() string { return g.one(genNumbers) }},
		{"multipleOf", func() string { return g.one([]string{"1", "3", "0.1", "1.5", "1e-400", "1e30", "2.0"}) }},
		{"$ref", func() string { return g.one(genRefs) }},
		{"$dynamicRef", func() string { return g.one([]string{`"#d"`, `"#/definitions/x"`, `"z.json#d"`}) }},
		{"$recursiveRef", func() string { return `"#"` }},
		{"allOf", func() string { return array(g.schema) }},
		{"anyOf", func() string { return array(g.schema) }},
		{"oneOf", func() string { return array(g.schema) }},
		{"not", g.schema},
		{"if", g.schema},
		{"dependentRequired", func() string { return `{` + g.name() + `:["a","b"]}` }},
		{"dependentSchemas", func() string { return g.members(2, genNames, g.schema) }},
		{"dependencies", func() string { return `{"b":["a"],"c":` + g.schema() + `}` }},
		{"unevaluatedProperties", g.schema},
		{"unevaluatedItems", g.schema},
	}
	m := makers[g.pick(len(makers))]
	for g.focus && !evaluating[m.keyword] {
		m = makers[g.pick(len(makers))]
		if len(g.data) == 0 {
			return "type", `["array","object"]`
		}
	}
	return m.keyword, m.value()
}

// evaluating are the keywords that evaluate members or items, or decide which schemas do.
var evaluating = map[string]bool{
	"properties": true, "patternProperties": true, "additionalProperties": true, "required": true, "items": true, "additionalItems": true,
	"prefixItems": true, "contains": true, "minContains": true, "maxContains": true, "$ref": true, "allOf": true, "anyOf": true,
	"oneOf": true, "not": true, "if": true, "dependentSchemas": true, "dependencies": true, "unevaluatedProperties": true, "unevaluatedItems": true,
}

// differ makes a schema and documents from data and compares. It reports what came of them.
func differ(t *testing.T, data []byte) (compiled bool, decided int) {
	t.Helper()
	g := &generator{data: data}
	g.focus = g.pick(2) == 1
	g.draft = allDrafts[g.pick(len(allDrafts))]
	text := g.root()
	sch, err := compileText(text, g.draft, true)
	if err != nil {
		return false, 0
	}
	program, _ := build(sch)
	x := newExaminer(sch)
	for range 8 {
		doc := g.document()
		if _, refused := guard([]byte(doc), ""); refused.why != none {
			t.Errorf("the guard refuses %s: %s", doc, refused.text([]byte(doc)))
		}
		if compare(t, x, program, []byte(doc)) {
			decided++
		}
	}
	if t.Failed() {
		t.Logf("%s: %s", g.draft, text)
	}
	return program != nil, decided
}

// TestRandomSchemas draws the same schemas every time.
func TestRandomSchemas(t *testing.T) {
	const schemas = 4000
	source := rand.NewChaCha8([32]byte{})
	compiled, decided := 0, 0
	for range schemas {
		data := make([]byte, 400)
		if _, err := source.Read(data); err != nil {
			t.Fatal(err)
		}
		ok, n := differ(t, data)
		if t.Failed() {
			return
		}
		if ok {
			compiled++
		}
		decided += n
	}
	t.Logf("%d schemas, %d compiled, %d documents decided", schemas, compiled, decided)
	if compiled < schemas/5 || decided < schemas {
		t.Errorf("%d compiled and %d decided of %d: too few to tell", compiled, decided, schemas)
	}
}

func FuzzDiffer(f *testing.F) {
	f.Add([]byte("\x00\x00\x05\x01\x02\x03\x04"))
	source := rand.NewChaCha8([32]byte{1})
	for range 20 {
		data := make([]byte, 200)
		_, _ = source.Read(data) // never fails
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { differ(t, data) })
}

// FuzzShipped compares on any bytes, under the schemas that come with the relay.
func FuzzShipped(f *testing.F) {
	set, err := Load(shippedFolder, "")
	if err != nil {
		f.Fatal(err)
	}
	for _, payload := range shippedPayloads {
		f.Add([]byte(payload))
	}
	for _, seed := range []string{
		`{"type":"typing","roomId":"","userId":"\u0075"}`, `{"\u0074ype":"cursor","position":{"line":1.0,"column":-0.0}}`,
		`{"type":"message","type":"typing"}`, `{"type":"message","timestamp":1e-3,"timestamp2":[{"type":1}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, sch := range set.schemas {
			compare(t, sch.examiner, sch.program, text)
		}
	})
}
