package schema

// This file tests what compiles and what does not, and each kind of keyword in one pass.

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"redis-relay/relay/schema/regex"
)

const shippedFolder = "../../schemas"

// loadText loads a folder of one schema and returns its checker.
func loadText(tb testing.TB, text string) *Checker {
	tb.Helper()
	return loadFiles(tb, map[string]string{"a.json": text})
}

// loadFiles loads a folder and returns the checker of its a.json.
func loadFiles(tb testing.TB, files map[string]string) *Checker {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	set, err := Load(dir, "")
	if err != nil {
		tb.Fatal(err)
	}
	c, err := set.Checker("a.json", "type")
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestShippedSchemasCompile(t *testing.T) {
	set, err := Load(shippedFolder, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range set.Names() {
		c, err := set.Checker(name, "type")
		if err != nil {
			t.Fatal(err)
		}
		if ok, keyword := c.Compiled(); !ok || keyword != "" || c.program == nil {
			t.Errorf("%s falls back on %q", name, keyword)
		}
		if shippedPayloads[name] == "" && name != "status.json" { // of which there are no messages
			t.Errorf("no benchmark for %s", name)
		}
	}
}

// notCompiled is a schema that does not compile, and why.
const (
	notCompiled = `{"unevaluatedItems":false,"anyOf":[{"contains":{"const":0}},{"contains":{"const":1}},` +
		`{"contains":{"const":2}},{"contains":{"const":3}},{"contains":{"const":4}}]}`
	notCompiledWhy = "/unevaluatedItems depends on more than 4 contains"
)

func TestCompiled(t *testing.T) {
	const draft7 = `"$schema":"http://json-schema.org/draft-07/schema#",`
	many := func(keyword, format string, n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(format, i))
		}
		return fmt.Sprintf(keyword, strings.Join(all, ","))
	}
	tests := map[string]struct{ schema, why string }{
		"everything":  {`{"items":{"$ref":"#"},"properties":{"a":{"$ref":"#/$defs/a"}},"$defs":{"a":true}}`, ""},
		"boolean":     {`false`, ""},
		"recursive":   {`{"properties":{"a":{"$ref":"#"},"b":{"anyOf":[{"$ref":"#"},{"type":"null"}]}}}`, ""},
		"unevaluated": {`{"properties":{"a b":{"unevaluatedProperties":false}}}`, ""},
		"items":       {`{"allOf":[{"unevaluatedItems":{"type":"null"}}]}`, ""},
		"dynamic":     {`{"$dynamicAnchor":"x","properties":{"a":{"$dynamicRef":"#x"}}}`, ""},
		"meta-schema": {`{"items":{"$ref":"https://json-schema.org/draft/2020-12/schema"}}`, ""},
		"older one":   {`{"items":{"$ref":"https://json-schema.org/draft/2019-09/schema"}}`, ""},
		"content":     {`{` + draft7 + `"contentEncoding":"base64"}`, ""},
		"media type":  {`{` + draft7 + `"contentMediaType":"application/json"}`, ""},
		"patterns":    {many(`{"patternProperties":{%s}}`, `"%d":{}`, regex.MaxPatterns), ""},
		"names":       {many(`{"properties":{%s}}`, `"%d":{}`, 2000), ""},
		"contains":    {many(`{"allOf":[%s]}`, `{"contains":{"const":%d}}`, 100), ""},
		"values":      {many(`{"prefixItems":[%s]}`, `{"const":%d}`, 3000), ""},
		"branches":    {many(`{"anyOf":[%s]}`, `{"const":%d}`, maxSet-1), ""},
		"few excuses": {many(`{"unevaluatedItems":false,"anyOf":[%s]}`, `{"contains":{"const":%d}}`, maxExcuses), ""},
		"many patterns": {
			many(`{"patternProperties":{%s}}`, `"%d":{}`, regex.MaxPatterns+1),
			"/patternProperties has the 65th pattern of one value",
		},
		"many branches": {
			many(`{"anyOf":[%s]}`, `{"const":%d}`, maxSet), "/anyOf/255 is the 257th alternative for one value",
		},
		"many required names": {
			many(`{"required":[%s]}`, `"%d"`, maxSet+1), " requires the 257th name of one value",
		},
		"many excuses": {notCompiled, notCompiledWhy},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := loadText(t, tt.schema)
			ok, why := c.Compiled()
			if ok != (tt.why == "") || why != tt.why {
				t.Errorf("Compiled() = %v, %q; want %q", ok, why, tt.why)
			}
			if ok != (c.program != nil) {
				t.Errorf("program %v", c.program)
			}
		})
	}
}

// TestCompiledSaysTheSameEachTime has two keywords that cannot be compiled, in an object of which Go mixes the order.
func TestCompiledSaysTheSameEachTime(t *testing.T) {
	text := `{"patternProperties":{"a":` + notCompiled + `,"b":` + notCompiled + `}}`
	for range 20 {
		if _, why := loadText(t, text).Compiled(); why != "/patternProperties/a"+notCompiledWhy {
			t.Fatalf("falls back on %q", why)
		}
	}
}

func TestCompiledElsewhere(t *testing.T) {
	c := loadFiles(t, map[string]string{
		"a.json": `{"$ref":"b.txt#/$defs/x"}`, "b.txt": `{"$defs":{"x":` + notCompiled + `}}`,
	})
	if ok, why := c.Compiled(); ok || why != "b.txt#/$defs/x"+notCompiledWhy {
		t.Errorf("Compiled() = %v, %q", ok, why)
	}
}

func TestCompiledWithoutSchema(t *testing.T) {
	c, err := new(Set).Checker("", "type")
	if err != nil {
		t.Fatal(err)
	}
	if ok, keyword := c.Compiled(); !ok || keyword != "" {
		t.Errorf("Compiled() = %v, %q", ok, keyword)
	}
}

// TestVerdicts names the cases that a single pass makes delicate. The library must agree with each.
func TestVerdicts(t *testing.T) {
	const late = `{"if":{"properties":{"type":{"const":"a"}},"required":["type"]},` +
		`"then":{"properties":{"x":{"type":"string"}}},"else":{"properties":{"x":{"type":"null"}}}}`
	const tree = `{"properties":{"v":{"type":"integer"},"kids":{"items":{"$ref":"#"}}},"additionalProperties":false}`
	tests := []struct {
		schema, text string
		want         verdict
	}{
		{late, `{"x":"s","type":"a"}`, accepted},
		{late, `{"x":null,"type":"a"}`, rejected},
		{late, `{"x":null,"type":"b"}`, accepted},
		{late, `{"x":"s"}`, rejected},
		{tree, `{"v":1,"kids":[{"v":2},{"kids":[{"v":3}]}]}`, accepted},
		{tree, `{"v":1,"kids":[{"v":2},{"kids":[{"v":3.5}]}]}`, rejected},
		{tree, `{"v":1,"kids":[{"w":2}]}`, rejected},
		{`{"not":{"minimum":3}}`, `2`, accepted},
		{`{"not":{"minimum":3}}`, `3`, rejected},
		{`{"properties":{"a":{"minLength":2}}}`, `{"\u0061":"\u00e9"}`, rejected},
		{`{"properties":{"a":{"minLength":2}}}`, `{"\u0061":"\ud83d\ude00."}`, accepted},
		{`{"minLength":2,"maxLength":2}`, `"😀😀"`, accepted},
		{`{"pattern":"^a\nb$"}`, `"a\nb"`, accepted},
		{`{"enum":["a",1,null,true]}`, `1.0`, accepted},
		{`{"enum":["a",1,null,true]}`, `false`, rejected},
		{`{"enum":["a",1,null,true]}`, `[]`, rejected},
		{`{"enum":["a",{}]}`, `{}`, undecided},
		{`{"enum":["a",{}]}`, `"a"`, accepted},
		{`{"const":1e300}`, `1e300`, undecided},
		{`{"minimum":0.5}`, `0.49999999999999999999`, rejected},
		{`{"minimum":0.5}`, `0.50000000000000000000001`, accepted},
		{`{"exclusiveMinimum":0.5}`, `0.5`, rejected},
		{`{"maximum":9007199254740992}`, `9007199254740993`, rejected},
		{`{"maximum":5}`, `1e30`, rejected},
		{`{"minimum":-1e30}`, `1`, undecided},
		{`{"multipleOf":0.01}`, `19.99`, accepted},
		{`{"multipleOf":0.01}`, `19.999`, rejected},
		{`{"multipleOf":3}`, `1e30`, undecided},
		{`{"type":"integer"}`, `123456789012345678901234567890`, accepted},
		{`{"uniqueItems":true}`, `[1,"1",true,"true",null,"null",1.5]`, accepted},
		{`{"uniqueItems":true}`, `["1e0",1,"0",0]`, accepted},
		{`{"uniqueItems":true}`, `["\u0061",0,"a"]`, rejected},
		{`{"uniqueItems":true}`, `[10,{"k":1},1e1]`, rejected},
		{`{"uniqueItems":true}`, `[10,{"k":1},[]]`, undecided},
		{`{"contains":{"const":1},"minContains":2,"maxContains":2}`, `[1,2,1]`, accepted},
		{`{"contains":{"const":1},"minContains":2,"maxContains":2}`, `[1,1,1]`, rejected},
		{`{"patternProperties":{"^x":{"type":"null"}},"additionalProperties":{"type":"string"}}`, `{"xa":null,"b":""}`, accepted},
		{`{"patternProperties":{"^x":{"type":"null"}},"additionalProperties":{"type":"string"}}`, `{"xa":"","b":""}`, rejected},
		{`{"properties":{"":false}}`, `{"a":1}`, accepted},
		{`{"properties":{"":false}}`, `{"":1}`, rejected},
		{`{"propertyNames":{"maxLength":1}}`, `{"\u00e9":1}`, accepted},
		{`{"propertyNames":{"maxLength":1}}`, `{"ab":1}`, rejected},
		{`{"dependentSchemas":{"a":{"required":["b"]}},"type":["object","string"]}`, `"no object"`, accepted},
		{`{"dependentSchemas":{"a":{"required":["b"]}}}`, `{"a":1}`, rejected},
		{`{"dependentSchemas":{"a":{"required":["b"]}},"minimum":3}`, `1`, rejected},
		{`{"dependentRequired":{"a":["b"]}}`, `{"b":1}`, accepted},
		{`{"oneOf":[{"minimum":2},{"maximum":3}]}`, `2.5`, rejected},
		{`{"$ref":"#/$defs/x","maxItems":0,"$defs":{"x":true}}`, `[1]`, rejected},
		{`{"items":{"$ref":"#/$defs/x","maxLength":0},"$defs":{"x":true}}`, `["a"]`, rejected},
		{`false`, `{"a":[1]}`, rejected},
	}
	for _, tt := range tests {
		c := loadText(t, tt.schema)
		_, got, refused := scan([]byte(tt.text), "type", c.program)
		if got != tt.want || refused.why != none {
			t.Errorf("%s, %s: %d; want %d", tt.schema, tt.text, got, tt.want)
		}
		compare(t, c.examiner, c.program, []byte(tt.text))
	}
}

// TestReferencesShareAPlan checks that what is referred to is checked once for all who do.
func TestReferencesShareAPlan(t *testing.T) {
	for _, draft := range []string{
		"http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2019-09/schema", "https://json-schema.org/draft/2020-12/schema",
	} {
		c := loadText(t, `{"$schema":"`+draft+`","definitions":{"x":{"type":"string"},"y":{"description":"x","$ref":"#/definitions/x"}},`+
			`"properties":{"a":{"$ref":"#/definitions/x"},"b":{"$ref":"#/definitions/y"},"c":{"allOf":[{"$ref":"#/definitions/x"}]}},`+
			`"oneOf":[{"properties":{"a":{"$ref":"#/definitions/y"}}},{"properties":{"d":{"$ref":"#/definitions/x","minLength":2}}}]}`)
		known := c.program.plan.object.known
		if known[0].plan != known[1].plan || len(known[0].fails) != 1 {
			t.Errorf("%s: plans of a and b differ, or a has %d roots", draft, len(known[0].fails))
		}
	}
}

// TestWideSchemas covers what one word of a set cannot hold.
func TestWideSchemas(t *testing.T) {
	const n = 200
	var branches, properties, words []string
	for i := range n {
		branches = append(branches, fmt.Sprintf(`{"properties":{"type":{"const":"k%d"}},"required":["type","p%d"]}`, i, i))
		properties = append(properties, fmt.Sprintf(`"p%d":{"type":"integer"}`, i))
		words = append(words, fmt.Sprintf(`"k%d"`, i))
	}
	c := loadText(t, fmt.Sprintf(`{"oneOf":[%s],"properties":{%s,"word":{"enum":[%s]}}}`,
		strings.Join(branches, ","), strings.Join(properties, ","), strings.Join(words, ",")))
	for i := range n {
		for text, want := range map[string]verdict{
			fmt.Sprintf(`{"type":"k%d","p%d":1}`, i, i):                 accepted,
			fmt.Sprintf(`{"p%d":1,"word":"k%d","type":"k%d"}`, i, i, i): accepted,
			fmt.Sprintf(`{"type":"k%d","p%d":1}`, i, (i+1)%n):           rejected,
			fmt.Sprintf(`{"type":"k%d","p%d":"1"}`, i, i):               rejected,
			fmt.Sprintf(`{"type":"k%d","p%d":1,"word":"k"}`, i, i):      rejected,
		} {
			if _, got, _ := scan([]byte(text), "", c.program); got != want {
				t.Errorf("%s: %d; want %d", text, got, want)
			}
		}
	}
}

// TestCircleFallsBack covers references in a circle that the library finds only in a document.
func TestCircleFallsBack(t *testing.T) {
	empty := func() *jsonschema.Schema {
		return &jsonschema.Schema{
			Location: fileURL("a.json") + "#/x", MinProperties: -1, MaxProperties: -1, MinItems: -1, MaxItems: -1,
			MinContains: 1, MaxContains: -1, MinLength: -1, MaxLength: -1,
		}
	}
	outer, inner := empty(), empty()
	outer.DependentSchemas = map[string]*jsonschema.Schema{"a": inner}
	inner.AllOf = []*jsonschema.Schema{outer}
	if program, keyword := build(outer); program != nil || keyword != "a.json#/x/$ref leads in a circle" {
		t.Errorf("build = %v, %q", program, keyword)
	}
}

func TestDuplicateOfKnownName(t *testing.T) {
	c := loadText(t, `{"properties":{"a":true}}`)
	for _, text := range []string{`{"a":1,"a":2}`, `{"a":1,"b":1,"\u0061":2}`, `{"b":1,"a":1,"b":2}`} {
		if _, err := c.Check([]byte(text)); err == nil || !strings.Contains(err.Error(), "duplicate key") {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

// TestScan checks that a scan decides what one pass can decide, and finds the kind in any case.
func TestScan(t *testing.T) {
	const fallback = `{"type":"object","properties":{"a":` + notCompiled + `}}`
	tests := map[string]struct {
		schema, text string
		decided      bool
		says         string // by the scan; empty: nothing
	}{
		"accepted":              {`{"type":"object"}`, `{"type":"k"}`, true, ""},
		"refused by the guard":  {`{"type":"object"}`, `{"type":"k"`, true, "invalid JSON"},
		"rejected":              {`{"required":["a"]}`, `{"type":"k"}`, false, ""},
		"not compiled":          {fallback, `{"type":"k"}`, false, ""},
		"not compiled, no JSON": {fallback, `{"type":"k"`, true, "invalid JSON"},
		"equal objects":         {`{"properties":{"a":{"uniqueItems":true}}}`, `{"type":"k","a":[{},{}]}`, false, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := loadText(t, tt.schema)
			kind, _, decided, err := c.Scan([]byte(tt.text))
			if decided != tt.decided || (err != nil) != (tt.says != "") {
				t.Fatalf("decided %v, error %v", decided, err)
			}
			if err != nil {
				if !strings.Contains(err.Error(), tt.says) {
					t.Errorf("error %v, want %s", err, tt.says)
				}
				return
			}
			if string(kind) != "k" {
				t.Errorf("kind %q", kind)
			}
		})
	}
}

// patternsOfA returns a schema with so many patterns, each with an automaton that reads all of aaa…
func patternsOfA(n int) string {
	all := []string{`true`}
	for i := range n {
		all = append(all, fmt.Sprintf(`{"pattern":"^a*b{0,%d}$"}`, i+1))
	}
	return `{"allOf":[` + strings.Join(all, ",") + `]}`
}

// TestPatternsAreBounded has patterns that would take the scan too long, on strings, on names, and on many
// strings that are short each; and those that are cheap, on much text.
func TestPatternsAreBounded(t *testing.T) {
	long := `"` + strings.Repeat("a", 2000) + `"`
	huge := `"` + strings.Repeat("a", 2*scanSteps) + `"`
	const wide = `"^(a{0,9}){50}$"` // hundreds of instructions
	for _, tt := range []struct {
		schema, text string
		want         verdict
	}{
		{`{"pattern":` + wide + `}`, `"aaaa"`, accepted},
		{`{"pattern":` + wide + `}`, long, undecided},
		{`{"pattern":"^a*$"}`, long, accepted},
		{`{"pattern":"^a*$"}`, huge, accepted},
		{`{"pattern":"^[^b]*$"}`, strings.ReplaceAll(huge, "a", "é"), undecided}, // no automaton can tell
		{`{"pattern":"^[^b]*$"}`, strings.ReplaceAll(long, "a", "é"), accepted},
		{`{"patternProperties":{"^a*$":{"type":"null"}}}`, `{` + long[:900] + `":1}`, rejected},
		{patternsOfA(50), long, accepted},
		{patternsOfA(50), huge, undecided},
		{`{"items":` + patternsOfA(50) + `}`, `["aaaa"` + strings.Repeat(`,"aaaa"`, 500) + `]`, accepted},
		{`{"items":` + patternsOfA(50) + `}`, `["aaaa"` + strings.Repeat(`,"aaaa"`, 2000) + `]`, undecided},
		{`{"propertyNames":{"pattern":` + wide + `}}`, `{` + long[:900] + `":1}`, undecided},
		{`{"patternProperties":{` + wide + `:{"type":"null"}}}`, `{` + long[:900] + `":1}`, undecided},
		{`{"patternProperties":{` + wide + `:{"type":"null"}}}`, `{"aa":1}`, rejected},
		{`{"items":{"pattern":` + wide + `}}`, `["aaaa"` + strings.Repeat(`,"aaaa"`, 100) + `]`, undecided},
	} {
		c := loadText(t, tt.schema)
		_, got, refused := scan([]byte(tt.text), "", c.program)
		if got != tt.want || refused.why != none {
			t.Errorf("%.60s, %.20s...: %d; want %d", tt.schema, tt.text, got, tt.want)
		}
		compare(t, c.examiner, c.program, []byte(tt.text))
	}
}

// TestExaminerConfirms checks that a payload is refused only if an examination finds the cause.
func TestExaminerConfirms(t *testing.T) {
	c := loadText(t, `{"type":"string"}`)
	c.examiner = loadText(t, `true`).examiner
	if _, err := c.Check([]byte(`1`)); err != nil {
		t.Errorf("error %v, though the examiner accepts", err)
	}
}
