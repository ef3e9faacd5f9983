package schema

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func writeSchemas(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSourcesFollowReferences: by path, by $id, by anchor, into subfolders and to a meta-schema.
func TestSourcesFollowReferences(t *testing.T) {
	t.Parallel()
	dir := writeSchemas(t, map[string]string{
		"a.json": `{"$id":"https://x.example/a","properties":{"b":{"$ref":"b"},"c":{"$ref":"c#/$defs/d%25%7E1e"},
			"n":{"$ref":"#name"},"m":{"$ref":"http://json-schema.org/draft-07/schema#/definitions/nonNegativeInteger"},
			"x":{"$anchor":"name","type":"string"}}}`,
		"b.json":      `{"$schema":"http://json-schema.org/draft-07/schema","$id":"https://x.example/b","not":{"$ref":"#/definitions/x"},"definitions":{"x":{}}}`,
		"sub/c.json":  `{"$id":"https://x.example/c","$defs":{"d%/e":{"$ref":"#"}}}`,
		"unused.json": `{}`,
	})
	list, err := Sources(dir, "", []string{"a.json"})
	if err != nil {
		t.Fatal(err)
	}
	const meta = "http://json-schema.org/draft-07/schema"
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	if want := []string{"a.json", "b.json", meta, "sub/c.json"}; !slices.Equal(names, want) {
		t.Fatalf("got %q, want %q", names, want)
	}
	want := map[string]Place{
		"/properties/b": {"b.json", ""}, "/properties/c": {"sub/c.json", "/$defs/d%~1e"}, "/properties/n": {"a.json", "/properties/x"},
		"/properties/m": {meta, "/definitions/nonNegativeInteger"},
	}
	if !maps.Equal(list[0].Refs, want) {
		t.Errorf("got %v, want %v", list[0].Refs, want)
	}
	if got := list[0].Names; !slices.Equal(got, []string{"/$id", "/properties/x/$anchor"}) {
		t.Errorf("names: %q", got)
	}
	if list[0].Draft != "2020-12" || list[0].Named || !list[0].Draft7 || list[1].Draft != "7" || !list[1].Named {
		t.Errorf("drafts: %+v", list[:2])
	}
}

func TestSourcesRefuseDynamicReferences(t *testing.T) {
	t.Parallel()
	dir := writeSchemas(t, map[string]string{"a.json": `{"$dynamicAnchor":"n","items":{"$dynamicRef":"#n"}}`})
	if _, err := Sources(dir, "", []string{"a.json"}); err == nil || !strings.Contains(err.Error(), `"a.json": /items/$dynamicRef leads`) {
		t.Error(err)
	}
}

// TestSameInDraft7: what another draft reads as draft 7 does.
func TestSameInDraft7(t *testing.T) {
	t.Parallel()
	const d6, d19, d20 = `"$schema":"http://json-schema.org/draft-06/schema",`, `"$schema":"https://json-schema.org/draft/2019-09/schema",`,
		`"$schema":"https://json-schema.org/draft/2020-12/schema",`
	for text, want := range map[string]bool{
		`{"type":"string","format":"uuid"}`:                                true,
		`{` + d20 + `"type":"string","format":"uuid"}`:                     false,
		`{` + d20 + `"type":"string"}`:                                     true,
		`{"$ref":"#/$defs/a","description":"x","$defs":{"a":{}}}`:          true,
		`{"$ref":"#/$defs/a","minimum":1,"$defs":{"a":{}}}`:                false,
		`{"prefixItems":[{}]}`:                                             false,
		`{` + d19 + `"items":[{}],"additionalItems":false}`:                true,
		`{"contains":{},"minContains":2}`:                                  false,
		`{"additionalItems":false}`:                                        false,
		`{` + d6 + `"if":{}}`:                                              false,
		`{` + d6 + `"const":1}`:                                            true,
		`{"$schema":"http://json-schema.org/draft-04/schema","title":"x"}`: false,
		`{"properties":{"prefixItems":{"type":"string"}}}`:                 true,
	} {
		dir := writeSchemas(t, map[string]string{"a.json": text})
		list, err := Sources(dir, "", []string{"a.json"})
		if err != nil {
			t.Fatal(err)
		}
		if list[0].Draft7 != want {
			t.Errorf("%s: %v", text, list[0].Draft7)
		}
	}
}
