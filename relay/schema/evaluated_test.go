package schema

// This file tests what takes more than one look at a value: what is unevaluated, what many schemas ask at once, and
// references that depend on the way that led to them.

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/schema/regex"
)

// verdictCase is a schema with texts: that are accepted, and that are rejected.
type verdictCase struct {
	schema             string
	accepted, rejected []string
}

// check checks every text, and that the library and an examination agree.
func (v verdictCase) check(t *testing.T) {
	t.Helper()
	c := loadText(t, v.schema)
	if ok, why := c.Compiled(); !ok {
		t.Errorf("%.300s: %s", v.schema, why)
	}
	for want, texts := range map[verdict][]string{accepted: v.accepted, rejected: v.rejected} {
		for _, text := range texts {
			if _, got, refused := scan([]byte(text), "type", c.program); got != want || refused.why != none {
				t.Errorf("%.300s, %.300s: %d; want %d", v.schema, text, got, want)
			}
			compare(t, c.examiner, c.program, []byte(text))
		}
	}
}

func TestUnevaluated(t *testing.T) {
	const pet = `"properties":{"kind":true},"oneOf":[
		{"properties":{"kind":{"const":"cat"},"meows":true}},{"properties":{"kind":{"const":"dog"},"barks":true}}]`
	for name, tt := range map[string]verdictCase{
		"beside": {
			`{"properties":{"a":true},"patternProperties":{"^x":true},"unevaluatedProperties":false}`,
			[]string{`{"a":1,"xb":2}`, `{}`, `1`},
			[]string{`{"b":1}`, `{"a":1,"b":{}}`},
		},
		"through allOf and $ref": {
			`{"allOf":[{"$ref":"#/$defs/a"},{"properties":{"b":true}}],"unevaluatedProperties":{"type":"null"},"$defs":{"a":{"properties":{"a":true}}}}`,
			[]string{`{"a":1,"b":2,"c":null}`},
			[]string{`{"a":1,"b":2,"c":3}`},
		},
		"a cousin sees nothing": {
			`{"allOf":[{"properties":{"a":true}},{"unevaluatedProperties":false}]}`,
			[]string{`{}`},
			[]string{`{"a":1}`},
		},
		"the branch that holds": {
			`{` + pet + `,"unevaluatedProperties":false}`,
			[]string{`{"kind":"cat","meows":1}`, `{"barks":1,"kind":"dog"}`},
			[]string{`{"kind":"cat","barks":1}`, `{"meows":1,"kind":"dog"}`, `{"kind":"cat","x":1}`},
		},
		"a branch of a branch": {
			`{"anyOf":[{"required":["a"],"anyOf":[{"required":["b"],"properties":{"x":true}},true]},true],"unevaluatedProperties":{"const":1}}`,
			[]string{`{"a":1,"b":1,"x":2}`, `{"a":1,"b":1}`},
			[]string{`{"a":1,"x":2}`, `{"b":1,"x":2}`},
		},
		"if, then and else": {
			`{"if":{"properties":{"a":{"const":1}},"required":["a"]},"then":{"properties":{"b":true}},"else":{"properties":{"c":true}},
			"unevaluatedProperties":false}`,
			[]string{`{"a":1,"b":1}`, `{"b":1,"a":1}`, `{"c":1}`},
			[]string{`{"a":2,"c":1}`, `{"c":1,"a":1}`, `{"b":1}`},
		},
		"not evaluates nothing": {
			`{"not":{"not":{"properties":{"a":true}}},"unevaluatedProperties":false}`,
			[]string{`{}`},
			[]string{`{"a":1}`},
		},
		"dependent schemas": {
			`{"properties":{"a":true},"dependentSchemas":{"a":{"properties":{"b":true}}},"unevaluatedProperties":false}`,
			[]string{`{"b":1,"a":1}`, `{"a":1}`},
			[]string{`{"b":1}`},
		},
		"within each other": {
			`{"allOf":[{"properties":{"a":true},"unevaluatedProperties":{"type":"null"}}],"unevaluatedProperties":false}`,
			[]string{`{"a":1,"b":null}`},
			[]string{`{"a":1,"b":1}`},
		},
		"a branch that fails for what is unevaluated": {
			`{"anyOf":[{"properties":{"a":true},"unevaluatedProperties":false},{"properties":{"b":true}}],"unevaluatedProperties":false}`,
			[]string{`{"a":1}`, `{"b":1}`},
			[]string{`{"a":1,"b":1}`, `{"c":1}`},
		},
		"items": {
			`{"prefixItems":[true],"anyOf":[{"prefixItems":[true,{"const":1}]},true],"unevaluatedItems":false}`,
			[]string{`[0]`, `[0,1]`},
			[]string{`[0,2]`, `[0,1,2]`},
		},
		"items that contains fits": {
			`{"contains":{"type":"string"},"unevaluatedItems":{"type":"null"}}`,
			[]string{`["a",null,"b"]`},
			[]string{`["a",1]`, `[null]`},
		},
		"items that a contains of a branch fits": {
			`{"anyOf":[{"contains":{"const":1}},{"contains":{"const":2},"minItems":3}],"unevaluatedItems":{"type":"null"}}`,
			[]string{`[1]`, `[1,2,null]`, `[2,2,2]`},
			[]string{`[1,2]`, `[2,2,2,1,3]`, `[2]`},
		},
		"items in 2019-09, where contains evaluates nothing": {
			`{"$schema":"https://json-schema.org/draft/2019-09/schema","items":[true],"contains":{"const":1},"unevaluatedItems":false}`,
			[]string{`[1]`},
			[]string{`[1,1]`},
		},
		"items and additionalItems in 2019-09": {
			`{"$schema":"https://json-schema.org/draft/2019-09/schema","allOf":[{"items":[true],"additionalItems":{"type":"number"}}],"unevaluatedItems":false}`,
			[]string{`["a",1,2]`},
			[]string{`["a","b"]`},
		},
		"a tree": {
			`{"properties":{"kids":{"items":{"$ref":"#"}}},"anyOf":[{"properties":{"name":{"type":"string"}}},true],"unevaluatedProperties":false}`,
			[]string{`{"kids":[{"name":"a","kids":[{}]}]}`},
			[]string{`{"kids":[{"name":1}]}`, `{"kids":[{"kids":[{"x":1}]}]}`},
		},
	} {
		t.Run(name, func(t *testing.T) { tt.check(t) })
	}
}

// TestDynamicReferences covers references that depend on the way that led to them.
func TestDynamicReferences(t *testing.T) {
	const (
		list    = `"list":{"$id":"list","items":{"$dynamicRef":"#item"},"$defs":{"any":{"$dynamicAnchor":"item"}}}`
		draft19 = `"$schema":"https://json-schema.org/draft/2019-09/schema"`
	)
	deep := `{"properties":{"a":{"items":{"anyOf":[{"minLength":%s}]}}}}`
	for name, tt := range map[string]verdictCase{
		"the outermost anchor": {
			`{"$ref":"list","$defs":{"mine":{"$dynamicAnchor":"item","type":"string"},` + list + `}}`,
			[]string{`["a"]`},
			[]string{`[1]`},
		},
		"the anchor nearby": {
			`{"$ref":"list","$defs":{` + list + `}}`, []string{`["a",1]`}, nil,
		},
		"a tree that is extended": {
			`{"$id":"http://x.y/strict","$dynamicAnchor":"node","$ref":"tree","unevaluatedProperties":false,"$defs":{"tree":{"$id":"tree",` +
				`"$dynamicAnchor":"node","properties":{"v":true,"kids":{"items":{"$dynamicRef":"#node"}}}}}}`,
			[]string{`{"kids":[{"v":1,"kids":[]}]}`},
			[]string{`{"kids":[{"w":1}]}`, `{"kids":[{"kids":[{"w":1}]}]}`},
		},
		"the meta-schema": {
			`{"$ref":"https://json-schema.org/draft/2020-12/schema"}`,
			[]string{fmt.Sprintf(deep, "1"), `true`},
			[]string{fmt.Sprintf(deep, `"1"`), `{"type":"strin"}`, `[]`},
		},
		"the meta-schema of 2019-09": {
			`{` + draft19 + `,"properties":{"schema":{"$ref":"https://json-schema.org/draft/2019-09/schema"}}}`,
			[]string{`{"schema":` + fmt.Sprintf(deep, "1") + `}`},
			[]string{`{"schema":` + fmt.Sprintf(deep, `"1"`) + `}`},
		},
		"recursive": {
			`{` + draft19 + `,"$id":"http://x.y/strict","$recursiveAnchor":true,"$ref":"tree","unevaluatedProperties":false,"$defs":{"tree":{` +
				`"$id":"tree","$recursiveAnchor":true,"properties":{"v":true,"kids":{"items":{"$recursiveRef":"#"}}}}}}`,
			[]string{`{"kids":[{"v":1,"kids":[]}]}`},
			[]string{`{"kids":[{"w":1}]}`},
		},
	} {
		t.Run(name, func(t *testing.T) { tt.check(t) })
	}
}

func TestManyNames(t *testing.T) {
	const n = 3 * maxSet
	var properties, required, members []string
	for i := range n {
		properties = append(properties, fmt.Sprintf(`"p%d":{"type":"integer"}`, i))
		if i%3 == 0 {
			required = append(required, fmt.Sprintf(`"p%d"`, i))
		}
		members = append(members, fmt.Sprintf(`"p%d":1`, i))
	}
	all := "{" + strings.Join(members, ",") + "}"
	schema := `{"properties":{` + strings.Join(properties, ",") + `},"additionalProperties":false`
	verdictCase{schema + `}`, []string{all, `{}`}, []string{`{"p767":"1"}`, `{"p768":1}`}}.check(t)
	verdictCase{
		schema + `,"required":[` + strings.Join(required, ",") + `]}`,
		[]string{all},
		[]string{`{}`, strings.Replace(all, `"p699":1,`, "", 1), strings.Replace(all, `"p3":1,`, "", 1)},
	}.check(t)
	c := loadText(t, schema+`}`)
	for i := range n {
		text := fmt.Sprintf(`{"p%d":1,"p0":1,"p%d":1}`, i, i)
		if _, err := c.Check([]byte(text)); err == nil || !strings.Contains(err.Error(), "duplicate key") {
			t.Fatalf("%s: error %v", text, err)
		}
	}
}

func TestManyContains(t *testing.T) {
	var all, numbers []string
	for i := range 100 {
		all = append(all, fmt.Sprintf(`{"contains":{"const":%d},"maxContains":2}`, i))
		numbers = append(numbers, fmt.Sprint(i))
	}
	list := strings.Join(numbers, ",")
	verdictCase{
		`{"properties":{"a":{"$ref":"#/$defs/all"}},"$defs":{"all":{"allOf":[` + strings.Join(all, ",") + `],"items":{"$ref":"#/$defs/all"}}}}`,
		[]string{`{"a":[` + list + `]}`, `{"a":[` + list + `,[` + list + `,` + list + `],7]}`},
		[]string{`{"a":[` + list + `,[1]]}`, `{"a":[` + list + `,99,99]}`, `{"a":[]}`},
	}.check(t)
}

func TestManyPatterns(t *testing.T) {
	verdictCase{
		`{"patternProperties":{"^a":{"type":"string"},"^b":{"type":"null"},"b$":{"maxLength":2},"^[^.]+$":{"minLength":1},"c":false,` +
			`"^d.*d":{"const":1},"\\bword\\b":{"type":"integer"}},"additionalProperties":{"const":"other"}}`,
		[]string{`{"ab":"xy","b":null,"d.d":1,".":"other","é":"e","a ward":"s"}`, `{"-word-":3}`},
		[]string{`{"ab":"xyz"}`, `{"ab":""}`, `{"abc":"x"}`, `{".":"x"}`, `{"é":""}`, `{"dd":2}`, `{"-word-":"s"}`, `{"a word":"s"}`, `{"a word":1}`},
	}.check(t)
	// Every set of these patterns matches some name.
	for n, tests := range map[int]map[string]verdict{
		6: {
			`{"cc":98}`: accepted, `{"cc":99}`: rejected, `{"ccdd":97}`: accepted, `{"ccdd":98}`: rejected, `{"x":1000}`: accepted,
			`{"aabbccddeeff":95}`: accepted, `{"aabbccddeeff":96}`: rejected,
		},
		20: { // too many sets: names that match several patterns are left to the library
			`{"cc":98}`: accepted, `{"cc":99}`: rejected, `{"x":1000}`: accepted, `{"aabbccddeeff":95}`: undecided,
		},
	} {
		var patterns []string
		for i := range n {
			patterns = append(patterns, fmt.Sprintf(`"%c%[1]c":{"maximum":%d}`, 'a'+i, 100-i))
		}
		c := loadText(t, `{"patternProperties":{`+strings.Join(patterns, ",")+`}}`)
		for text, want := range tests {
			if _, got, _ := scan([]byte(text), "", c.program); got != want {
				t.Errorf("%s: %d; want %d", text, got, want)
			}
			compare(t, c.examiner, c.program, []byte(text))
		}
	}
}

// TestPatternSets checks that no set is found that no name matches.
func TestPatternSets(t *testing.T) {
	for text, want := range map[string][]regex.Set{
		``:                      nil,
		`^a$`:                   {1},
		`^a$ ^b$ ^c$`:           {1, 2, 4},
		`^a ^ab ^abc`:           {1, 2, 3, 4, 7},
		`^a b$`:                 {1, 2, 3},
		`^[^b]*$ b`:             {1, 2},
		`^a \bx`:                {1, 2, 3},
		`^(a{0,9}){50}$ ^b$ ^c`: {1, 2, 3, 4, 5}, // without an automaton: it may match beside the others
	} {
		c := loadText(t, `{"patternProperties":{`+patternMembers(strings.Fields(text))+`}}`)
		var got []regex.Set
		for _, other := range c.program.plan.object.others {
			got = append(got, other.matching)
		}
		// The patterns are numbered in the order of their texts.
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func patternMembers(patterns []string) string {
	var members []string
	for _, p := range patterns {
		members = append(members, fmt.Sprintf("%q:{}", p))
	}
	return strings.Join(members, ",")
}
