package schema

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func look(t *testing.T, files map[string]string) (*Survey, *Set) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Look(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	set, err := Load(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	return s, set
}

// TestMayBe: where the answer is no, the checker refuses such messages, too.
func TestMayBe(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{}`:                                  true,
		`true`:                                true,
		`false`:                               false,
		`{"type":"array"}`:                    false,
		`{"type":["object","null"]}`:          true,
		`{"properties":{"t":{"const":"a"}}}`:  true,
		`{"properties":{"t":{"const":"b"}}}`:  false,
		`{"properties":{"t":{"enum":["a"]}}}`: true,
		`{"properties":{"t":{"enum":["b","c"]}}}`:                                                false,
		`{"properties":{"t":{"type":"integer"}}}`:                                                false,
		`{"properties":{"t":{"pattern":"^b"}}}`:                                                  true, // it is not looked at
		`{"additionalProperties":false}`:                                                         false,
		`{"additionalProperties":false,"patternProperties":{"t":{}}}`:                            true,
		`{"oneOf":[{"properties":{"t":{"const":"b"}}},{"properties":{"t":{"const":"a"}}}]}`:      true,
		`{"anyOf":[{"properties":{"t":{"const":"b"}}},{"properties":{"t":{"const":"c"}}}]}`:      false,
		`{"allOf":[{},{"properties":{"t":{"$ref":"#/$defs/x"}}}],"$defs":{"x":{"const":"b"}}}`:   false,
		`{"properties":{"t":{"$ref":"other.json"}}}`:                                             true, // in another file
		`{"$schema":"http://json-schema.org/draft-04/schema#","properties":{"t":{"const":"b"}}}`: true, // no keyword
		`{"const":{"t":"a"}}`: true,
		`{"const":{"t":"b"}}`: false,
		`{"$id":"http://x/a","properties":{"t":{"$id":"http://x/b","$ref":"#/$defs/y","$defs":{"y":{}}}}}`: true,
	} {
		s, set := look(t, map[string]string{"s.json": text, "other.json": "{}"})
		if got := s.MayBe("s.json", "t", "a"); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		checker, err := set.Checker("s.json", "t")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := checker.Check([]byte(`{"t":"a"}`)); err == nil && !want {
			t.Errorf("%s accepts it", text)
		}
	}
}

// TestMayBeEnds, also for a schema that refers to itself, which Load refuses.
func TestMayBeEnds(t *testing.T) {
	t.Parallel()
	s, err := Look(writeSchemas(t, map[string]string{"s.json": `{"$ref":"#"}`}), "")
	if err != nil {
		t.Fatal(err)
	}
	if !s.MayBe("s.json", "t", "a") {
		t.Error("nothing is certain, and the answer is no")
	}
}

// TestUnused: a file that others refer to is used, also by one in a subfolder, and as a meta-schema.
func TestUnused(t *testing.T) {
	t.Parallel()
	dir := writeSchemas(t, map[string]string{
		"used.json": `{"$schema":"meta.json","$ref":"part.json#/a"}`, "part.json": `{"a":{"$ref":"sub/deep.json"}}`,
		"id.json": `{"$id":"http://h/of-id"}`, "byid.json": `{"allOf":[{"$ref":"http://h/of-id"}]}`,
		"sub/deep.json": `{"$ref":"../below.json"}`, "below.json": `{}`, "meta.json": `{}`, "alone.json": `{"$ref":"#"}`,
	})
	s, err := Look(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Unused([]string{"used.json", "byid.json"}); !slices.Equal(got, []string{"alone.json"}) {
		t.Errorf("unused: %v", got)
	}
}
