package infer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"redis-relay/relay/schema"
	"redis-relay/relay/schema/infer"
)

func TestInfer(t *testing.T) {
	for name, c := range map[string]struct {
		samples []string
		want    string // behind the description, without spaces
	}{
		"types": {
			[]string{`{"s":"x","i":1,"n":1.5,"b":true,"o":{"a":null},"l":[1,"x"],"e":[]}`},
			`"type":"object","required":["s","i","n","b","o","l","e"],"properties":{"s":{"type":"string"},` +
				`"i":{"type":"integer"},"n":{"type":"number"},"b":{"type":"boolean"},` +
				`"o":{"type":"object","required":["a"],"properties":{"a":{"type":"null"}}},` +
				`"l":{"type":"array","items":{"type":["integer","string"]}},"e":{"type":"array"}}}`,
		},
		"what all have": {
			[]string{`{"a":1,"b":2}`, `{"b":2.5,"c":null}`, `{"b":3,"c":"x"}`},
			`"type":"object","required":["b"],"properties":{"a":{"type":"integer"},"b":{"type":"number"},` +
				`"c":{"type":["null","string"]}}}`,
		},
		"formats": {
			[]string{
				`["2026-01-02T03:04:05Z","2026-01-02","a@b.c","https://x.y/z","chat:42","","10.0.0.1","::1",` +
					`"6ba7b810-9dad-11d1-80b4-00c04fd430c8"]`,
			},
			`"type":"array","items":{"type":"string"}}`,
		},
		"one format": {
			[]string{`{"at":"2026-01-02T03:04:05Z","by":"a@b.c","u":"https://x.y/z","c":"chat:42"}`, `{"at":"2026-01-02T03:04:06Z","by":"x"}`},
			`"type":"object","required":["at","by"],"properties":{"at":{"type":"string","format":"date-time"},` +
				`"by":{"type":"string"},"u":{"type":"string","format":"uri"},"c":{"type":"string"}}}`,
		},
		"of no object": {[]string{`1`, `"x"`, `null`}, `"type":["integer","string","null"]}`},
		"odd names": {
			[]string{`{"<a>":1,"\"":2,"ä":3}`},
			`"type":"object","required":["<a>","\"","ä"],"properties":{"<a>":{"type":"integer"},"\"":{"type":"integer"},"ä":{"type":"integer"}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := infer.Schema("t", asBytes(c.samples))
			if err != nil {
				t.Fatal(err)
			}
			var compact bytes.Buffer
			if err := json.Compact(&compact, text); err != nil {
				t.Fatal(err)
			}
			if _, got, _ := strings.Cut(compact.String(), `are allowed.",`); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	for _, sample := range []string{"", "{", "[1", `{"a" 1}`, "x"} {
		if _, err := infer.Schema("t", [][]byte{[]byte(sample)}); err == nil || !strings.Contains(err.Error(), "message 1 is no JSON") {
			t.Errorf("%q: %v", sample, err)
		}
	}
	if _, err := infer.Schema("t", nil); err == nil {
		t.Error("a schema of nothing")
	}
}

func asBytes(texts []string) (list [][]byte) {
	for _, text := range texts {
		list = append(list, []byte(text))
	}
	return list
}

// TestInferAcceptsItsSamples: whatever the samples are, and of what is taken out or
// changed in type as much as the schema says.
func TestInferAcceptsItsSamples(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		samples := make([][]byte, 1+random.IntN(4))
		for i := range samples {
			samples[i], _ = json.Marshal(map[string]any{"always": "x", "some": someValue(random, 4)})
		}
		text, err := infer.Schema(fmt.Sprint("round ", round), samples)
		if err != nil {
			t.Fatal(err)
		}
		checker := inferred(t, text)
		for _, sample := range samples {
			if _, err := checker.Check(sample); err != nil {
				t.Fatalf("%s\nrefuses %s: %v", text, sample, err)
			}
		}
		for _, bad := range []string{`{}`, `{"some":1}`, `{"always":1,"some":1}`, `[]`, `1`} {
			if _, err := checker.Check([]byte(bad)); err == nil {
				t.Fatalf("%s\naccepts %s", text, bad)
			}
		}
	}
}

// inferred loads a schema.
func inferred(t *testing.T, text []byte) *schema.Checker {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := schema.Load(dir, "")
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	checker, err := set.Checker("a.json", "")
	if err != nil {
		t.Fatal(err)
	}
	if ok, keyword := checker.Compiled(); !ok {
		t.Errorf("%s is not compiled, because of %s", text, keyword)
	}
	return checker
}

// someValue makes a value with at most so many levels.
func someValue(random *rand.Rand, levels int) any {
	texts := []string{"", "x", "chat:42", "2026-01-02T03:04:05Z", "2026-01-02", "a@b.c", "https://x.y", "10.0.0.1", "::1"}
	kinds := 6
	if levels > 0 {
		kinds = 8
	}
	switch random.IntN(kinds) {
	case 0:
		return nil
	case 1:
		return random.IntN(2) == 0
	case 2:
		return random.IntN(1000)
	case 3:
		return random.Float64()
	case 4, 5:
		return texts[random.IntN(len(texts))]
	case 6:
		list := make([]any, random.IntN(4))
		for i := range list {
			list[i] = someValue(random, levels-1)
		}
		return list
	}
	fields := map[string]any{}
	for range random.IntN(5) {
		fields[string(rune('a'+random.IntN(6)))] = someValue(random, levels-1)
	}
	return fields
}
