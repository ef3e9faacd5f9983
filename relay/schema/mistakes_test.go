package schema

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAllMistakesOfAFile are told at once, and nothing that only follows from them.
func TestAllMistakesOfAFile(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string // how each line begins behind the file's name
	}{
		"one": {`{"type": "objekt"}`, []string{"/type: "}},
		"values, a reference and a pattern": {
			`{"type": "objekt", "required": "a", "properties": {"a": {"minimum": "1"}, "b": {"$ref": "gone.json"},
				"c": {"pattern": "(?<x"}, "d": {"$ref": "#/definitions/nobody"}}}`,
			[]string{"/properties/a/minimum: ", "/properties/b/$ref: ", "/properties/c/pattern: ", "/properties/d/$ref: ", "/required: ", "/type: "},
		},
		"two references to one": {
			`{"properties": {"a": {"$ref": "gone.json"}, "b": {"$ref": "gone.json"}}}`,
			[]string{"/properties/a/$ref: ", "/properties/b/$ref: "},
		},
		"others refer to what is wrong": {
			`{"definitions": {"a": 5}, "$ref": "#/definitions/a", "required": 1}`, []string{"/definitions/a: ", "/required: "},
		},
		"items of a list": {`{"allOf": [1, {"type": "text"}, 2]}`, []string{"/allOf/0: ", "/allOf/1/type: ", "/allOf/2: "}},
		"an older draft": {
			`{"$schema": "http://json-schema.org/draft-04/schema#", "type": "x", "properties": {"a": {"required": []}}}`,
			[]string{"/properties/a/required: ", "/type: "},
		},
		"the whole": {`5`, []string{""}},
		"no JSON":   {`{"type": `, []string{"a.json:1:10: invalid schema: "}},
		"very many": {
			`{"properties": {` + manyBroken(30) + `}}`, make([]string, maxMistakes),
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "a.json"), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "b.json"), []byte(`{"type": "nothing"}`), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(dir, "")
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("Load: %v", err)
			}
			lines := strings.Split(err.Error(), "\n")
			last := len(lines) - 1
			if !strings.HasPrefix(lines[last], `load "b.json": invalid schema: /type: `) {
				t.Errorf("of the other file: %s", lines[last])
			}
			found := map[string]bool{}
			for _, line := range lines[:last] {
				found[line] = true
			}
			if len(found) != len(c.want) || last != len(c.want) {
				t.Errorf("%d mistakes, want %d:\n%v", last, len(c.want), err)
			}
			for _, want := range c.want {
				if !strings.HasPrefix(want, "a.json:") {
					want = `load "a.json": invalid schema: ` + want
				}
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s... is not told:\n%v", want, err)
				}
			}
		})
	}
}

// manyBroken are members of properties.
func manyBroken(n int) string {
	var list []string
	for i := range n {
		list = append(list, `"p`+string(rune('a'+i%26))+strings.Repeat("z", i/26)+`": {"type": 7}`)
	}
	return strings.Join(list, ", ")
}

// TestAFileIsAsItWas when others refer to it, after its mistakes were looked for.
func TestAFileIsAsItWas(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.json": `{"properties": {"x": {"type": "objekt"}}, "minimum": "a"}`, "z.json": `{"$ref": "a.json#/properties/x"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Load(dir, "")
	if n := strings.Count(err.Error(), `load "z.json": invalid schema: in "a.json": /`); n != 1 {
		t.Errorf("of what refers to it: %v", err)
	}
}
