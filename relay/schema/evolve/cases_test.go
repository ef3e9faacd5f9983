package evolve

// Changes that are known from guides to the evolution of schemas, and what is delicate.

import (
	"strings"
	"testing"
)

func TestCases(t *testing.T) {
	t.Parallel()
	const (
		ok, no, open = Compatible, Incompatible, Undecided
		closed       = `{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}`
		shapes       = `{"type":"object","oneOf":[{"properties":{"type":{"const":"a"},"x":{"type":"integer"}},"required":["type","x"]},` +
			`{"properties":{"type":{"const":"b"}},"required":["type"]}]}`
		tree  = `{"properties":{"v":{"type":"integer"},"kids":{"items":{"$ref":"#"}}},"additionalProperties":false}`
		list  = `{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["next"]}`
		never = `{"type":"object","properties":{"next":{"$ref":"#"}},"required":["next"]}`
	)
	for name, c := range map[string]struct {
		old, next         string
		backward, forward Verdict
	}{
		// As Confluent's and Snowplow's guides name them, for open and closed content models.
		"add optional to closed":   {closed, strings.Replace(closed, `"}}`, `"},"b":{"type":"string"}}`, 1), ok, no},
		"add optional to open":     {`{"properties":{"a":{}}}`, `{"properties":{"a":{},"b":{"type":"string"}}}`, no, ok},
		"add required":             {`{"type":"object"}`, `{"type":"object","required":["a"]}`, no, ok},
		"required to optional":     {`{"required":["a"]}`, `{}`, ok, no},
		"open to closed":           {`{"properties":{"a":{}}}`, `{"properties":{"a":{}},"additionalProperties":false}`, no, ok},
		"widen type":               {`{"type":"integer"}`, `{"type":"number"}`, ok, no},
		"union type":               {`{"type":"string"}`, `{"type":["string","null"]}`, ok, no},
		"narrow enum":              {`{"enum":["a","b"]}`, `{"enum":["a"]}`, no, ok},
		"const to enum":            {`{"const":1}`, `{"enum":[1.0,2]}`, ok, no},
		"raise minimum":            {`{"minimum":1}`, `{"minimum":2}`, no, ok},
		"longer texts":             {`{"maxLength":5}`, `{"maxLength":6}`, ok, no},
		"other pattern":            {`{"pattern":"^a"}`, `{"pattern":"^b"}`, no, no},
		"pattern gone":             {`{"pattern":"^a"}`, `{}`, ok, no},
		"same pattern in words":    {`{"pattern":"^a+$"}`, `{"pattern":"^aa*$"}`, open, open},
		"sum of alternatives":      {`{"anyOf":[{"type":"string"}]}`, `{"anyOf":[{"type":"string"},{"type":"null"}]}`, ok, no},
		"product gets a condition": {`{"allOf":[{"minimum":1}]}`, `{"allOf":[{"minimum":1},{"maximum":9}]}`, no, ok},
		"negation narrowed":        {`{"not":{"type":["string","null"]}}`, `{"not":{"type":"null"}}`, ok, no},
		"dependency added":         {`{}`, `{"dependentRequired":{"a":["b"]}}`, no, ok},
		"unique items":             {`{"type":"array","uniqueItems":true}`, `{"type":"array"}`, ok, no},
		"tuple gets an item": {
			`{"prefixItems":[{"type":"string"}],"items":false}`,
			`{"prefixItems":[{"type":"string"},{"type":"null"}],"items":false}`, ok, no,
		},
		"multiples": {`{"type":"integer","multipleOf":6}`, `{"multipleOf":1.5}`, ok, no},

		"integers by bounds":      {`{"type":"integer","exclusiveMinimum":0,"maximum":3.5}`, `{"enum":[1,2,3]}`, ok, ok},
		"numbers by bounds":       {`{"type":"number","minimum":0,"maximum":3}`, `{"enum":[0,1,2,3]}`, no, ok},
		"booleans":                {`{"type":"boolean"}`, `{"enum":[true,false]}`, ok, ok},
		"new kind":                {shapes, strings.Replace(shapes, `]}`, `]},{"properties":{"type":{"const":"c"}},"required":["type"]}`, 1), ok, no},
		"kind gone":               {shapes, `{"type":"object","properties":{"type":{"const":"b"}},"required":["type"]}`, no, ok},
		"oneOf to anyOf":          {shapes, strings.Replace(shapes, "oneOf", "anyOf", 1), ok, ok},
		"oneOf of one member":     {`{"type":"object","required":["type"],"properties":{"type":{"enum":["a","b"]},"x":{"type":"integer"}}}`, `{"oneOf":[{"properties":{"type":{"const":"b"}}},{"properties":{"type":{"const":"a"},"x":{"minimum":-1}}}]}`, no, no},
		"if to oneOf":             {`{"type":"object","required":["type","x"],"properties":{"type":{"enum":["a","b"]}},"if":{"properties":{"type":{"const":"a"}}},"then":{"properties":{"x":{"type":"integer"}}}}`, shapes, ok, no},
		"recursion":               {tree, strings.Replace(tree, "integer", "number", 1), ok, no},
		"recursion by another":    {tree, `{"properties":{"v":{},"kids":{"items":{"properties":{"kids":{"items":{"$ref":"#"}},"v":{}}}}}}`, ok, no},
		"recursion with an end":   {list, strings.Replace(list, `"null"`, `["null","string"]`, 1), ok, no},
		"recursion without end":   {never, `{"type":"string"}`, ok, no},
		"references written out":  {`{"$ref":"#/$defs/x","$defs":{"x":{"type":"string"}}}`, `{"type":"string"}`, ok, ok},
		"descriptions":            {`{"type":"string","description":"x"}`, `{"type":"string","title":"y"}`, ok, ok},
		"unevaluated":             {closed, `{"allOf":[{"properties":{"a":{"type":"integer"}}}],"type":"object","unevaluatedProperties":false}`, ok, ok},
		"unevaluated of branches": {closed, `{"anyOf":[{"properties":{"a":{"type":"integer"}}},true],"type":"object","unevaluatedProperties":false}`, open, open},
		"required of patterns":    {`{"patternProperties":{"^a":{"type":"integer"}},"additionalProperties":false}`, `{"propertyNames":{"pattern":"^a"}}`, ok, no},
		"not required":            {`{"not":{"required":["a"]}}`, `{"properties":{"a":false}}`, ok, no},
		"drafts 4 and 2020-12":    {`{"$schema":"http://json-schema.org/draft-04/schema#","type":"integer"}`, `{"type":"integer"}`, ok, no},
		"draft 4 of constants":    {`{"enum":[1]}`, `{"$schema":"http://json-schema.org/draft-04/schema#","type":"integer"}`, no, no},
		"nothing is valid":        {`false`, `{"type":"string"}`, ok, no},
		"empty by bounds":         {`{"type":"object","required":["a"],"properties":{"a":{"type":"integer","minimum":5,"maximum":4}}}`, `{"type":"null"}`, ok, no},
		"contains":                {`{"contains":{"const":1},"minContains":2}`, `{"contains":{"type":"integer"}}`, ok, no},
		"formats":                 {`{"format":"date"}`, `{"format":"date-time"}`, no, no},
		"dependent schemas":       {`{"dependentSchemas":{"a":{"required":["b","c"]}}}`, `{"dependentRequired":{"a":["c"]}}`, ok, no},
	} {
		t.Run(name, func(t *testing.T) {
			both := load(t, c.old, c.next)
			if both == nil {
				t.Fatal("not valid")
			}
			a, b := Side{both[0]}, Side{both[1]}
			for way, want := range map[string]Verdict{"backward": c.backward, "forward": c.forward} {
				from, to := a, b
				if way == "forward" {
					from, to = b, a
				}
				answer := Implies(from, to)
				if answer.Verdict != want {
					t.Errorf("%s: %d by %s%s, want %d", way, answer.Verdict, answer.Message, answer.Keyword, want)
				}
			}
		})
	}
}

func TestSides(t *testing.T) {
	t.Parallel()
	c := load(t, `{"type":"string"}`, `{"type":"null"}`, `{"type":["string","null"]}`, `true`)
	text, null, both, any := c[0], c[1], c[2], c[3]
	for i, tt := range []struct {
		from, to Side
		want     Verdict
	}{
		{Side{both}, Side{text, null}, Compatible},
		{Side{text, null}, Side{both}, Compatible},
		{Side{both}, Side{text}, Incompatible},
		{Side{text}, Side{null, text}, Compatible},
		{Side{any}, nil, Compatible},
		{nil, Side{any}, Incompatible}, // which wants JSON
		{nil, nil, Compatible},
	} {
		answer := Implies(tt.from, tt.to)
		if answer.Verdict != tt.want {
			t.Errorf("%d: %+v", i, answer)
		}
		if tt.want == Incompatible && (tt.from.Accepts(answer.Message) != nil || answer.Reason == "") {
			t.Errorf("%d: %s breaks nothing", i, answer.Message)
		}
	}
}

// TestMessagesAreSmall has messages that cannot be smaller.
func TestMessagesAreSmall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, next, want string }{
		{`{"type":"object"}`, `{"required":["a"]}`, `{}`},
		{`{"properties":{"a":{"minimum":10}},"required":["a","b"]}`, `{"properties":{"a":{"minimum":20}}}`, `{"a":19,"b":null}`},
		{`{"items":{"maxLength":5}}`, `{"items":{"maxLength":2}}`, `["aaa"]`},
		{`{"type":"object","additionalProperties":{"type":"string"}}`, `{"additionalProperties":false}`, `{"other":""}`},
	} {
		both := load(t, c.old, c.next)
		if answer := Implies(Side{both[0]}, Side{both[1]}); string(answer.Message) != c.want {
			t.Errorf("%s to %s: %s, want %s", c.old, c.next, answer.Message, c.want)
		}
	}
}
