package schema

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestKinds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		kinds  []string
		closed bool
	}{
		`{"type":"object","required":["type"],"properties":{"type":{"enum":["b","a"]}}}`:                           {[]string{"a", "b"}, true},
		`{"type":"object","properties":{"type":{"enum":["b","a"]}}}`:                                               {[]string{"a", "b"}, false},
		`{"required":["type"],"properties":{"type":{"enum":["b","a"]}}}`:                                           {[]string{"a", "b"}, false},
		`{"type":"object","required":["type"],"properties":{"type":{"enum":["a",1]}}}`:                             {[]string{"a"}, false},
		`{"type":"object","required":["type"],"properties":{"type":{"anyOf":[{"const":"a"},{"type":"integer"}]}}}`: {[]string{"a"}, false},
		`{"oneOf":[{"$ref":"#/$defs/a"},{"type":"object","required":["type"],"properties":{"type":{"const":"b"}}}],
		  "$defs":{"a":{"type":"object","required":["type"],"properties":{"type":{"const":"a"}}}}}`: {[]string{"a", "b"}, true},
		`{"type":"object","required":["type"],"properties":{"type":{"enum":["a","b"]}},
		  "allOf":[{"properties":{"type":{"not":{"const":"x"},"enum":["b"]}}}]}`: {[]string{"b"}, true},
		`{"type":"object","properties":{"type":{"type":"string"}},"if":{"properties":{"type":{"const":"a"}}}}`: {[]string{"a"}, false},
		`{"$schema":"http://json-schema.org/draft-04/schema#","type":"object","required":["type"],
		  "properties":{"type":{"const":"a"}}}`: {nil, false},
		`true`: {nil, false},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Look(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		if kinds, closed := s.Kinds("a.json", "type"); !slices.Equal(kinds, want.kinds) || closed != want.closed {
			t.Errorf("%s: %q, closed: %v; want %q, %v", text, kinds, closed, want.kinds, want.closed)
		}
	}
}
