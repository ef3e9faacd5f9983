package schema

// This file holds examinations to their budget, on documents and schemas that are made to be costly.

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// numbered returns n texts, each with its number, joined by commas.
func numbered(format string, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = strings.ReplaceAll(format, "%", fmt.Sprint(i))
	}
	return strings.Join(all, ",")
}

func array(format string, n int) string  { return "[" + numbered(format, n) + "]" }
func object(format string, n int) string { return "{" + numbered(format, n) + "}" }

// allOf applies n schemas to each item.
func allOf(format string, n int) string { return `{"items":{"allOf":` + array(format, n) + `}}` }

// costly are schemas with documents that take long, or would if each way to a schema were gone.
var costly = map[string]struct{ schema, text string }{
	"many schemas":      {allOf(`{"type":"boolean"}`, 500), array(`true`, 20000)},
	"many failures":     {allOf(`{"type":"string"}`, 500), array(`true`, 20000)},
	"many alternatives": {`{"items":{"anyOf":` + array(`{"type":"string"}`, 500) + `}}`, array(`true`, 20000)},
	"many values":       {`{"items":{"type":"number"}}`, array(`1`, 500000)},
	"many objects":      {allOf(`{"properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a","c"]}`, 200), array(`{"a":"","b":1}`, 70000)},
	"many names":        {allOf(`{"additionalProperties":false}`, 1000), `[` + object(`"k%":1`, 50000) + `]`},
	"many missing":      {allOf(`{"required":["a","b","c","d","e"]}`, 1000), array(`{}`, 20000)},
	"unevaluated":       {`{"unevaluatedProperties":false,"allOf":` + array(`{"properties":{"k%":true}}`, 1000) + `}`, object(`"k%":1`, 50000)},
	"unique numbers":    {`{"uniqueItems":true}`, array(`%`, 150000)},
	"unique objects":    {`{"allOf":` + array(`{"uniqueItems":true}`, 100) + `}`, array(`{"a":%}`, 70000)},
	"unique at each level": {
		`{"uniqueItems":true,"items":{"$ref":"#"}}`, strings.Repeat("[", 60) + array(`%`, 100000) + strings.Repeat("]", 60),
	},
	"constant object":  {allOf(`{"const":{"a":1}}`, 1000), `[` + object(`"%":1`, 80000) + `]`},
	"numbers":          {allOf(`{"minimum":0.1,"maximum":5e17,"multipleOf":0.5}`, 1000), array(`123456789012.123456789e3`, 20000)},
	"large numbers":    {allOf(`{"multipleOf":1.2345678901234567890123e-399}`, 1000), array(`12345678901234567890123456789012345678901234567890e350`, 2000)},
	"patterns":         {allOf(`{"pattern":"(a|b|ab|é)*%c"}`, 100), `["` + strings.Repeat("abé", 5000) + `"]`},
	"pattern of names": {`{"patternProperties":` + object(`"^(é|a|b){3}%$":{}`, 100) + `}`, object(`"éab%":1`, 50000)},
	"escapes":          {allOf(`{"minLength":1,"enum":["x%"]}`, 1000), array(`"\u0061\u0062"`, 20000)},
	"long text":        {allOf(`{"maxLength":100000}`, 1000), `["` + strings.Repeat(`\u0061`, 100000) + `"]`},
	"format date-time": {allOf(`{"format":"date-time"}`, 100), array(`"2024-02-29T12:12:60+01:00"`, 20000)},
	"format uri":       {allOf(`{"format":"uri"}`, 100), array(`"http://[::1]:80/%41/abc?x=%zz"`, 20000)},
	"format regex":     {`{"format":"regex"}`, `"` + strings.Repeat(`a{1000}`, 100000) + `"`},
	"contains":         {`{"allOf":` + array(`{"contains":{"type":"null"}}`, 1000) + `}`, array(`1`, 50000)},
	"locations":        {`{"additionalProperties":{"items":{"items":{"type":"null"}}}}`, object(`"k é%":[[1,1,1],[1,1]]`, 30000)},
	"long trails": {
		`{"anyOf":` + array(`{"properties":{"l":{"$ref":"#"},"`+strings.Repeat("k", 200)+`%":true},"required":["z%"]}`, 100) + `}`, chain(60, ``),
	},
	"dynamic references": {
		`{"$dynamicAnchor":"x","anyOf":` + array(`{"properties":{"l":{"$dynamicRef":"#x"}},"required":["z%"]}`, 100) + `}`, chain(60, ``),
	},
	"expression":             {expressionSchema(`"additionalProperties":false`), chain(60, `,"or":{"v":"x"}`)},
	"unevaluated expression": {expressionSchema(`"unevaluatedProperties":false`), chain(60, `,"or":{"v":"x"}`)},
}

// expressionSchema is the schema of an expression tree, as people write it.
func expressionSchema(more string) string {
	return `{"$ref":"#/$defs/e","$defs":{"e":{"anyOf":[
		{"type":"object","required":["and"],"properties":{"l":{"$ref":"#/$defs/e"},"and":{"$ref":"#/$defs/e"}},` + more + `},
		{"type":"object","required":["or"],"properties":{"l":{"$ref":"#/$defs/e"},"or":{"$ref":"#/$defs/e"}},` + more + `},
		{"type":"object","required":["v"],"properties":{"v":{"type":"string"}},` + more + `}]}}}`
}

// chain is an object in an object, n levels deep.
func chain(n int, more string) string {
	return strings.Repeat(`{"l":`, n) + `{"v":1}` + strings.Repeat(more+`}`, n)
}

// newTestExam returns an examination of the text that has the budget of Validate.
func newTestExam(t *testing.T, schema, text string) *examination {
	t.Helper()
	sch, err := compileText(schema, jsonschema.Draft2020, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, refused := guard([]byte(text), ""); refused.why != none {
		t.Fatal(refused.text([]byte(text)))
	}
	e := new(examination)
	e.start(newExaminer(sch), []byte(text), newBudget(fullSteps(len(text)), nil))
	return e
}

// TestWorkIsBounded expects that each step is paid for: no document takes longer than its budget allows. The bound on
// the time is generous, since the machine may have much else to do.
func TestWorkIsBounded(t *testing.T) {
	const most = 10 * time.Second
	for name, tt := range costly {
		t.Run(name, func(t *testing.T) {
			e := newTestExam(t, tt.schema, tt.text)
			steps, start := e.work.left, time.Now()
			_, _, says := examineForTest(e)
			took := time.Since(start)
			used := steps - e.work.left
			t.Logf("%d bytes: %v, %d of %d steps, %.2f ns each: %.60s", len(tt.text), took, used, steps, float64(took)/float64(used), says)
			if took > most {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestMemoryIsBounded holds Memory against what examinations allocate, in all.
func TestMemoryIsBounded(t *testing.T) {
	for name, tt := range costly {
		e := newTestExam(t, tt.schema, tt.text)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, _ = examineForTest(e)
		runtime.ReadMemStats(&after)
		took, most := after.TotalAlloc-before.TotalAlloc, uint64(Memory(len(tt.text)))
		t.Logf("%s: %d of %d KiB", name, took>>10, most>>10)
		if took > most {
			t.Errorf("%s: %d bytes, more than %d", name, took, most)
		}
	}
}

// TestEachPairOnce compares deep documents: the work must grow with them, not double with each level.
func TestEachPairOnce(t *testing.T) {
	for _, name := range []string{"expression", "unevaluated expression"} {
		steps := func(levels int) int {
			e := newTestExam(t, costly[name].schema, chain(levels, `,"or":{"v":"x"}`))
			before := e.work.left
			if _, _, says := examineForTest(e); says == "" || says == string(exhausted) {
				t.Errorf("%d levels: %q", levels, says)
			}
			return before - e.work.left
		}
		if few, many := steps(10), steps(60); many > 10*few {
			t.Errorf("%s: %d steps for 10 levels, %d for 60", name, few, many)
		}
	}
}

func TestTooCostly(t *testing.T) {
	tt := costly["many failures"]
	c, text := loadText(t, tt.schema), []byte(tt.text)
	if _, err := c.Check(text); err == nil || err.Error() != string(exhausted) {
		t.Errorf("error %v", err)
	}
	if decided, err := c.Brief(text); decided || err != nil {
		t.Errorf("decided %v, error %v", decided, err)
	}
	calls := 0
	stopped := func() bool { calls++; return calls == 2 }
	if err := c.Validate(text, stopped); !errors.Is(err, ErrStopped) || calls != 2 {
		t.Errorf("error %v after %d calls", err, calls)
	}
	if decided, err := c.Brief([]byte(`[1]`)); !decided || err == nil {
		t.Errorf("decided %v, error %v", decided, err)
	}
}

// TestLoadIsBounded loads a schema in which the ways to the last definition double with each one before it.
func TestLoadIsBounded(t *testing.T) {
	const steps = 60
	var defs []string
	for i := range steps {
		next := fmt.Sprintf(`{"$ref":"#/$defs/%d"}`, i+1)
		defs = append(defs, fmt.Sprintf(`"%d":{"allOf":[%s,%s]}`, i, next, next))
	}
	c := loadText(t, fmt.Sprintf(`{"$ref":"#/$defs/0","$defs":{%s,"%d":{"type":"string"}}}`, strings.Join(defs, ","), steps))
	if _, err := c.Check([]byte(`1`)); errorText(err) != "expected string, but got number" {
		t.Errorf("error %v", err)
	}
}
