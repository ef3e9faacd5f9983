package schema

// This file holds predictions to the verdict, kind and key of the ordinary scan.

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"redis-relay/relay/schema/ascii"
)

// predictCase is a schema, empty for none, with payloads that it accepts.
type predictCase struct {
	name, schema string
	texts        []string
	kindField    string
	keys         *keyFields
}

func predictCases(tb testing.TB) (cases []predictCase) {
	tb.Helper()
	keys := newKeyFields("id", map[string]string{"cursor": "userId", "message": "roomId", "position": "lat", "leave": "why"})
	for name, payload := range shippedPayloads {
		cases = append(cases, predictCase{name, name, []string{payload}, "type", keys})
	}
	for name, user := range userSchemas {
		cases = append(cases, predictCase{name, user.schema, []string{user.payload}, "type", keys})
	}
	cases = append(cases,
		predictCase{"no schema", "", []string{chatMessage, `{"type":1,"id":true,"n":[1,{"a":null}],"s":"é"}`, ` [1 , "a"] `, `"a"`, `12`}, "type", keys},
		predictCase{"kinds of values", `{"properties":{"i":{"type":"integer"},"n":{"type":["number","null"],"maximum":5},"b":{"enum":[true,null]},` +
			`"l":{"type":"boolean"},"f":{"not":{"type":"integer"}},"s":{"minLength":2,"maxLength":4}}}`, []string{
			`{"i":5,"n":1.5,"b":true,"l":false,"f":1.5,"s":"aé"}`, `{"i":-0,"n":null,"b":null,"l":true,"f":null,"s":"abc"}`,
		}, "s", keys},
		predictCase{"alternatives", `{"anyOf":[{"properties":{"a":{"maximum":3}},"required":["b"]},{"properties":{"a":{"minimum":2},"b":{"pattern":"^x"}}}],` +
			`"properties":{"c":{"contains":{"const":1},"maxContains":2}},"unevaluatedProperties":{"type":["string","integer"]}}`, []string{
			`{"a":1,"b":"y"}`, `{"a":5,"b":"xy","c":[1,2,1]}`, `{"c":[0,1],"b":"x","a":2,"d":4}`,
		}, "b", keys},
		predictCase{"not", `{"items":{"anyOf":[{"not":{"minLength":2}},{"type":"number","not":{"multipleOf":2}}]}}`, []string{`["a",1]`, `[1.5,""]`}, "a", nil},
		predictCase{
			"places", `{"prefixItems":[{"type":"integer"},{"type":"string","maxLength":3}],"items":{"maximum":1,"type":["number","null"]}}`,
			[]string{`[1,"a",0,1]`, `[5, "abc", null]`, `[]`},
			"a", nil,
		},
		predictCase{"nested", `{"type":"object","properties":{"l":{"items":{"properties":{"id":{"type":"string","format":"uuid"}},"required":["id"]}}}}`, []string{
			`{"l":[{"id":"123e4567-e89b-12d3-a456-426614174000","type":"x"},{"id":"123e4567-e89b-12d3-a456-426614174000"}], "id" :"a" }`,
		}, "id", keys},
	)
	return cases
}

// checker returns the checker of a case.
func (c *predictCase) checker(tb testing.TB) *Checker {
	tb.Helper()
	switch {
	case c.schema == "":
		return &Checker{kindField: c.kindField, keys: c.keys}
	case strings.HasPrefix(c.schema, "{"):
		checker := *loadText(tb, c.schema)
		checker.kindField, checker.keys, checker.predictor = c.kindField, c.keys, nil
		return &checker
	default:
		checker, _ := shippedChecker(tb, c.schema)
		checker.keys, checker.predictor = c.keys, nil
		return checker
	}
}

// mutator changes texts. Most of its changes are to values, so that many texts keep their skeleton.
type mutator struct{ random *rand.Rand }

var mutantValues = []string{
	`"a"`, `"message"`, `"typing"`, `""`, `"é"`, `"\u0061"`, `"x\"y"`, `"2026-02-28T23:59:59.5Z"`, `"2026-02-29"`, `"x-long-text-of-some-words"`,
	`0`, `-0`, `1`, `01`, `1.0`, `1.5`, `-1.5`, `1e3`, `1E`, `.5`, `1.`, `-`, `9223372036854775807`, `123456789012345678`, `0.1234567890123456789`,
	`true`, `false`, `null`, `tru`, `[]`, `{}`, `[1]`, `{"a":1}`, "\"\xff\"", "\"\xc3\xa9\xc3\"", "\"\x01\"", `"`, ``, ` 1`, `"a" `,
}

func (m mutator) mutate(text []byte) []byte {
	text = bytes.Clone(text)
	for range 1 + m.random.IntN(3) {
		switch m.random.IntN(8) {
		case 0: // any byte
			if len(text) > 0 {
				text[m.random.IntN(len(text))] = byte(m.random.UintN(256))
			}
		case 1: // a byte less or more
			if at := m.random.IntN(len(text) + 1); m.random.IntN(2) == 0 && at < len(text) {
				text = append(text[:at], text[at+1:]...)
			} else {
				text = append(text[:at], append([]byte{` ",:{}[]0a\`[m.random.IntN(11)]}, text[at:]...)...)
			}
		case 2: // the end
			if m.random.IntN(4) == 0 {
				text = text[:m.random.IntN(len(text)+1)]
			}
		case 3: // a letter or digit by its like
			for range 8 {
				if at := m.random.IntN(len(text) + 1); at < len(text) && ascii.IsAlphanumeric(text[at]) {
					text[at] = "09azAZ5e"[m.random.IntN(8)]
					break
				}
			}
		default: // a value
			text = m.replaceValue(text)
		}
	}
	return text
}

// replaceValue puts another value behind a colon, comma or bracket.
func (m mutator) replaceValue(text []byte) []byte {
	var places []int
	for i, c := range text {
		if c == ':' || c == '[' || c == ',' {
			places = append(places, i+1)
		}
	}
	if len(places) == 0 {
		return []byte(mutantValues[m.random.IntN(len(mutantValues))])
	}
	at := places[m.random.IntN(len(places))]
	end := at
	if end < len(text) && text[end] == '"' {
		for end++; end < len(text) && text[end] != '"'; end++ {
		}
		end = min(end+1, len(text))
	} else {
		for ; end < len(text) && !bytes.ContainsRune([]byte(",]}"), rune(text[end])); end++ {
		}
	}
	return bytes.Join([][]byte{text[:at], []byte(mutantValues[m.random.IntN(len(mutantValues))]), text[end:]}, nil)
}

// comparePrediction fails the test if a text has a skeleton and the ordinary scan finds anything else. It reports
// whether it has.
func comparePrediction(t *testing.T, c *Checker, sk *skeleton, text []byte) bool {
	t.Helper()
	found := predicted{steps: scanSteps + len(text)}
	// What follows in the same memory is no part of the text.
	padded := append(bytes.Clone(text), `"}]0e`...)
	if !sk.predict(padded[:len(text)], &found) {
		return false
	}
	kind := found.kind.of(text)
	key := found.key(text, kind, c.keys)
	wantKind, wantKey, verdict, refused := scanKeyed(text, c.kindField, c.keys, c.program)
	if refused.why != none || c.program != nil && verdict != accepted {
		t.Errorf("%q is predicted; fault %d, verdict %d", text, refused.why, verdict)
	}
	if !bytes.Equal(kind, wantKind) || (kind == nil) != (wantKind == nil) ||
		!bytes.Equal(key, wantKey) || (key == nil) != (wantKey == nil) {
		t.Errorf("%q: kind %q, key %q; want %q, %q", text, kind, key, wantKind, wantKey)
	}
	return true
}

// TestPredictions mutates payloads.
func TestPredictions(t *testing.T) {
	const mutants = 8000
	m := mutator{rand.New(rand.NewPCG(1, 2))}
	for _, tt := range predictCases(t) {
		t.Run(tt.name, func(t *testing.T) {
			c := tt.checker(t)
			hits := 0
			for _, text := range tt.texts {
				if _, v, refused := scan([]byte(text), "", c.program); refused.why != none || v == rejected {
					t.Fatalf("%s is not accepted", text)
				}
				sk := learn([]byte(text), c.kindField, c.keys, c.program)
				if sk == nil {
					if tt.name != "tags" {
						t.Errorf("nothing is learned from %s", text)
					}
					continue
				}
				if !comparePrediction(t, c, sk, []byte(text)) {
					t.Errorf("%s is not like itself", text)
				}
				for range mutants {
					if comparePrediction(t, c, sk, m.mutate([]byte(text))) {
						hits++
					}
				}
			}
			t.Logf("%d hits", hits)
		})
	}
}

// TestPredictionsOfRandomSchemas learns from documents that random schemas accept.
func TestPredictionsOfRandomSchemas(t *testing.T) {
	const schemas, mutants = 3000, 40
	random := rand.New(rand.NewPCG(3, 4))
	m := mutator{random}
	learned, hits := 0, 0
	for range schemas {
		g := &generator{data: make([]byte, 600), focus: random.IntN(2) == 0, draft: allDrafts[random.IntN(len(allDrafts))]}
		for i := range g.data {
			g.data[i] = byte(random.UintN(256))
		}
		text := g.root()
		sch, err := compileText(text, g.draft, true)
		if err != nil {
			continue
		}
		c := &Checker{kindField: "a", keys: newKeyFields("b", map[string]string{"a": "c", "ab": "a"})}
		c.program, _ = build(sch)
		if c.program == nil {
			continue
		}
		for range 6 {
			doc := []byte(g.document())
			_, verdict, _ := scan(doc, "", c.program)
			sk := learn(doc, c.kindField, c.keys, c.program)
			if sk == nil || verdict != accepted {
				continue
			}
			learned++
			if !comparePrediction(t, c, sk, doc) {
				t.Errorf("%s is not like itself", doc)
			}
			for range mutants {
				if comparePrediction(t, c, sk, m.mutate(doc)) {
					hits++
				}
			}
			if t.Failed() {
				t.Fatalf("%s: %s: %s", g.draft, text, doc)
			}
		}
	}
	t.Logf("learned from %d documents; %d hits", learned, hits)
	if learned < schemas || hits < learned {
		t.Errorf("learned from %d documents, with %d hits: too few to tell", learned, hits)
	}
}

func FuzzPredict(f *testing.F) {
	cases := predictCases(f)
	var checkers []*Checker
	for i, c := range cases {
		checkers = append(checkers, c.checker(f))
		for _, text := range c.texts {
			f.Add(uint8(i), []byte(text), []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, n uint8, first, second []byte) {
		c := checkers[int(n)%len(checkers)]
		if _, _, verdict, refused := scanKeyed(first, c.kindField, c.keys, c.program); refused.why != none || c.program != nil && verdict != accepted {
			return
		}
		if sk := learn(first, c.kindField, c.keys, c.program); sk != nil {
			if !comparePrediction(t, c, sk, first) {
				t.Errorf("%q is not like itself", first)
			}
			comparePrediction(t, c, sk, second)
		}
	})
}

// TestNothingIsLearned covers what depends on more than each value by itself.
func TestNothingIsLearned(t *testing.T) {
	for schema, text := range map[string]string{
		`{"uniqueItems":true}`:                                     `[1,2]`,
		`{"properties":{"a":{"uniqueItems":true}}}`:                `{"a":[]}`,
		`{"patternProperties":{"^a":{"type":"integer"}}}`:          `{"a":1}`,
		`{"propertyNames":{"pattern":"a"}}`:                        `{"a":1}`,
		`{"properties":{"a":{"type":"string"},"b":true}}`:          `{"a":"\u0061"}`,
		`{"properties":{"a":{"type":"string"},"c":true}}`:          `{"\u0061":"a"}`,
		`{"properties":{"a":{"type":"number"}}}`:                   `{"a":1e3}`,
		`{"properties":{"a":{"type":"number"},"b":{"minimum":1}}}`: `{"a":1234567890123456789}`,
		`{"items":{"type":"integer"}}`:                             `[1` + strings.Repeat(`,1`, maxLearnedValues) + `]`,
		`{"items":{"type":"string"}}`:                              `["` + strings.Repeat(`a`, maxLearned) + `"]`,
	} {
		c := loadText(t, schema)
		if _, verdict, _ := scan([]byte(text), "", c.program); verdict != accepted {
			t.Fatalf("%s, %.100s: verdict %d", schema, text, verdict)
		}
		if learn([]byte(text), "", nil, c.program) != nil {
			t.Errorf("%s, %.100s: learned", schema, text)
		}
	}
}

// TestPatternsOfPredictionsAreBounded has strings for which patterns take too many steps.
func TestPatternsOfPredictionsAreBounded(t *testing.T) {
	const pattern = `{"pattern":"^(a{0,9}){50}$"}`
	word := strings.Repeat("a", 200)
	for schema, texts := range map[string][2]string{
		`{"items":` + pattern + `}`:         {`["a"]`, `["` + strings.Repeat("a", 600) + `"]`},
		`{"items":{"not":` + pattern + `}}`: {`["b"]`, `["` + strings.Repeat("a", 600) + `"]`},
		`{"items":` + pattern + `,"prefixItems":[{"enum":["` + word + `"],"allOf":[` + pattern + `]}]}`: {`["` + word + `","a"]`, `["` + word + `","` + word + `"]`},
	} {
		c := loadText(t, schema)
		sk := learn([]byte(texts[0]), "", nil, c.program)
		if _, verdict, _ := scan([]byte(texts[1]), "", c.program); verdict != undecided {
			t.Fatalf("%.100s: verdict %d", schema, verdict)
		}
		if !comparePrediction(t, c, sk, []byte(texts[0])) || comparePrediction(t, c, sk, []byte(texts[1])) {
			t.Errorf("%.100s: the long text is predicted, or the short one is not", schema)
		}
	}
}

// skeletonsOf returns how many skeletons a checker knows, and whether it looks at them.
func skeletonsOf(c *Checker) (n int, warm bool) {
	k := c.predictor.known.Load()
	return len(k.skeletons), !k.cold
}

// mustCheck checks a payload, which is accepted.
func mustCheck(t *testing.T, c *Checker, text, wantKind string) {
	t.Helper()
	if kind, err := c.Check([]byte(text)); err != nil || string(kind) != wantKind {
		t.Fatalf("%s: kind %q, error %v", text, kind, err)
	}
}

// TestPredictorRemembersKinds alternates between shapes, and expects each to be known soon.
func TestPredictorRemembersKinds(t *testing.T) {
	c := loadText(t, `{"properties":{"type":{"enum":["a","b","c"]},"n":{"type":"integer"}}}`)
	texts := map[string]string{"a": `{"type":"a","n":%d}`, "b": `{"type":"b","x":"y","n":%d}`, "c": `{"n":%d,"type":"c"}`}
	for i := range 1000 {
		for kind, text := range texts {
			mustCheck(t, c, fmt.Sprintf(text, i), kind)
		}
	}
	if n, warm := skeletonsOf(c); n != len(texts) || !warm {
		t.Errorf("%d skeletons, warm %v", n, warm)
	}
	if misses := c.predictor.misses.Load(); misses > 16 {
		t.Errorf("%d misses", misses)
	}
}

// TestPredictorGivesUp has payloads that all differ in shape, and then all are alike.
func TestPredictorGivesUp(t *testing.T) {
	c := loadText(t, `{"properties":{"type":{"const":"a"}}}`)
	for i := range 1000 {
		mustCheck(t, c, fmt.Sprintf(`{"n%d":1,"type":"a"}`, i), "a")
	}
	if n, warm := skeletonsOf(c); n > maxSkeletons || warm {
		t.Fatalf("%d skeletons, warm %v", n, warm)
	}
	for range 100 * coldSample * coldWindow {
		mustCheck(t, c, `{"type":"a"}`, "a")
		if _, warm := skeletonsOf(c); warm {
			return
		}
	}
	t.Error("the predictor stays cold")
}

// TestPredictorForgets has more shapes, one after the other, than are kept.
func TestPredictorForgets(t *testing.T) {
	c := loadText(t, `{"properties":{"type":{"const":"a"}}}`)
	for i := range 3 * maxSkeletons {
		before := c.predictor.misses.Load()
		for range 1000 {
			mustCheck(t, c, fmt.Sprintf(`{"n%d":1,"type":"a"}`, i), "a")
		}
		if n, warm := skeletonsOf(c); n > maxSkeletons || !warm {
			t.Fatalf("%d skeletons, warm %v", n, warm)
		}
		if misses := c.predictor.misses.Load() - before; misses > 5*window {
			t.Errorf("shape %d: %d misses", i, misses)
		}
	}
}

// TestCheckersDoNotSharePredictions has two checkers of one schema that find different kinds.
func TestCheckersDoNotSharePredictions(t *testing.T) {
	set, err := Load(shippedFolder, "")
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		for kindField, want := range map[string]string{"type": "message", "roomId": "42", "": ""} {
			c, err := set.Checker("chat.json", kindField)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				mustCheck(t, c, chatMessage, want)
			}
			keyed := c.Keyed("userId", nil)
			for range 3 {
				kind, key, decided, err := keyed.Scan([]byte(chatMessage))
				if err != nil || !decided || string(kind) != want || len(key) == 0 {
					t.Fatalf("%s: kind %q, key %q, %v, %v", kindField, kind, key, decided, err)
				}
				if _, key, _, _ := c.Scan([]byte(chatMessage)); key != nil {
					t.Fatalf("key %q", key)
				}
			}
		}
	}
}

// TestPredictorInParallel has goroutines with shapes of their own, and invalid payloads among them.
func TestPredictorInParallel(t *testing.T) {
	c := loadText(t, `{"properties":{"type":{"maxLength":3},"n":{"type":"integer"}}}`)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 3000 {
				text := fmt.Sprintf(`{"type":"k%d","n":%d,"x%d":"é"}`, worker, i, worker+i/500)
				if kind, err := c.Check([]byte(text)); err != nil || string(kind) != fmt.Sprintf("k%d", worker) {
					t.Errorf("%s: kind %q, error %v", text, kind, err)
				}
				bad := strings.Replace(text, `"n":`, `"n":1.5`, 1)
				if _, err := c.Check([]byte(bad)); err == nil {
					t.Errorf("%s: error %v", bad, err)
				}
			}
		})
	}
	all.Wait()
}
