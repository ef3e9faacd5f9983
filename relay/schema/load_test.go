package schema_test

// This file tests what Load takes, what it refuses, and that nothing outside the folder is read.

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"redis-relay/relay/schema"
)

// writeFolder makes a folder of the given files.
func writeFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func symlink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
}

func mustChecker(t *testing.T, dir, name string) *schema.Checker {
	t.Helper()
	set, err := schema.Load(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := set.Checker(name, "type")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantError checks that err is an ErrInvalid whose one line holds every part.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if !errors.Is(err, schema.ErrInvalid) {
		t.Fatalf("error %v; want ErrInvalid", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "schemas://") {
		t.Errorf("error %q shows an inner URL", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	const outside = "outside the schemas folder"
	tests := map[string]struct {
		main, other string // a.json and b.txt, which only a reference reaches
		want        []string
	}{
		"file URL": {
			main: `{"$ref":"file:///etc/passwd"}`,
			want: []string{"/$ref", `"file:///etc/passwd"`, outside},
		},
		"http URL":      {main: `{"$ref":"http://127.0.0.1:1/a.json"}`, want: []string{"/$ref", outside}},
		"https URL":     {main: `{"$ref":"https://example.com/a.json#/x"}`, want: []string{"/$ref", outside}},
		"host":          {main: `{"$ref":"//example.com/a.json"}`, want: []string{"/$ref", outside}},
		"urn":           {main: `{"$ref":"urn:example:a"}`, want: []string{"/$ref", outside}},
		"absolute path": {main: `{"$ref":"/etc/passwd"}`, want: []string{"/$ref", `"/etc/passwd"`, outside}},
		"parent": {
			main: `{"properties":{"a b":{"$ref":"../x.json"}}}`,
			want: []string{"/properties/a b/$ref", `"../x.json"`, outside},
		},
		"many parents":   {main: `{"$ref":"../../../../../../etc/passwd"}`, want: []string{outside}},
		"encoded parent": {main: `{"$ref":"%2e%2e/x.json"}`, want: []string{outside}},
		"encoded slash":  {main: `{"$ref":"..%2fx.json"}`, want: []string{outside}},
		"query":          {main: `{"$ref":"b.txt?x"}`, other: `{}`, want: []string{outside}},
		"other $id": {
			main:  `{"$id":"https://example.com/a","$ref":"b.txt"}`,
			other: `{}`,
			want:  []string{"$id", outside},
		},
		"own meta-schema": {main: `{"$schema":"https://example.com/meta"}`, want: []string{"/$schema", "name draft 4, 6, 7, 2019-09 or 2020-12", "schemas.draft"}},
		"missing file": {
			main: `{"items":{"$ref":"no.json"}}`,
			want: []string{`"a.json"`, `"no.json"`, "/items/$ref", "no such file"},
		},
		"missing, indirect": {
			main:  `{"$ref":"b.txt"}`,
			other: `{"$ref":"no.json"}`,
			want:  []string{`"a.json"`, `"b.txt"`, `"no.json"`},
		},
		"missing place": {
			main:  `{"$ref":"b.txt#/definitions/x"}`,
			other: `{}`,
			want:  []string{"/$ref", `"b.txt#/definitions/x"`, "nothing is there"},
		},
		"missing own place": {main: `{"$ref":"#/$defs/x"}`, want: []string{"/$ref", `"#/$defs/x"`}},
		"folder":            {main: `{"$ref":"."}`, want: []string{"/$ref"}},
		"NUL in the name":   {main: `{"$ref":"b%00"}`, want: []string{"/$ref"}},
		"empty file":        {main: "", want: []string{"a.json:1:1: invalid schema: ", "unexpected end"}},
		"bad JSON":          {main: "{\n  \"type\": }", want: []string{"a.json:2:11: invalid schema: ", `unexpected "}"`}},
		"bad JSON, indirect": {
			main:  `{"$ref":"b.txt"}`,
			other: "{]",
			want:  []string{`"a.json"`, `in "b.txt"`, "line 1, column 2"},
		},
		"duplicate key": {main: `{"type":"object","type":"array"}`, want: []string{"a.json:1:18: ", `duplicate key "type"`}},
		"deep nesting": {
			main: strings.Repeat(`{"not":`, 100) + "{}" + strings.Repeat("}", 100),
			want: []string{"nested deeper"},
		},
		"huge number":  {main: `{"minimum":1e1000001}`, want: []string{"exponent"}},
		"not a schema": {main: `3`, want: []string{"expected object or boolean"}},
		"unknown type": {main: `{"type":"strin"}`, want: []string{"/type", `"string"`}},
		"wrong keyword": {
			main: `{"properties":{"x":{"minLength":"1"}}}`,
			want: []string{"/properties/x/minLength", "integer"},
		},
		"wrong, indirect": {
			main:  `{"$ref":"b.txt"}`,
			other: `{"type":1}`,
			want:  []string{`"a.json"`, `in "b.txt"`, "/type"},
		},
		"look-ahead":        {main: `{"pattern":"(?=x)"}`, want: []string{"/pattern", "look-around (?=…), which RE2 has not"}},
		"property pattern":  {main: `{"patternProperties":{"(":{}}}`, want: []string{"/patternProperties/(", "missing closing )"}},
		"$schema no URI":    {main: `{"$schema":"draft-07"}`, want: []string{"$schema"}},
		"loop":              {main: `{"$ref":"#"}`, want: []string{"circle"}},
		"loop of a number":  {main: `{"type":"integer","allOf":[{"$ref":"#"}]}`, want: []string{"circle"}},
		"loop of two files": {main: `{"$ref":"b.txt"}`, other: `{"allOf":[{"$ref":"a.json"}]}`, want: []string{"circle"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			set, err := schema.Load(writeFolder(t, map[string]string{"a.json": tt.main, "b.txt": tt.other}), "")
			if set != nil {
				t.Error("Load returned a Set with the error")
			}
			wantError(t, err, append(tt.want, "a.json")...)
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q of one file has several lines", err)
			}
		})
	}
}

func TestLoadJoinsErrors(t *testing.T) {
	_, err := schema.Load(writeFolder(t, map[string]string{"a.json": "{", "b.json": "{}", "c.json": `{"type":1}`}), "")
	wantError(t, err, "a.json:1:2: ", `load "c.json"`)
	if strings.Contains(err.Error(), "b.json") {
		t.Errorf("error %q blames a good file", err)
	}
}

func TestLoadFolderErrors(t *testing.T) {
	file := filepath.Join(writeFolder(t, map[string]string{"a.json": "{}"}), "a.json")
	for _, dir := range []string{filepath.Join(t.TempDir(), "none"), file, ""} {
		if _, err := schema.Load(dir, ""); !errors.Is(err, schema.ErrFolder) || !strings.Contains(err.Error(), dir) {
			t.Errorf("Load(%q): %v; want ErrFolder with the name", dir, err)
		}
	}
}

func TestLoadTakes(t *testing.T) {
	dir := writeFolder(t, map[string]string{
		"b.json":           `{"$ref":"sub/id.json#/definitions/id"}`,
		"a space #1%.json": `{"$ref":"sub/up.json"}`,
		"tree.json":        `{"properties":{"left":{"$ref":"#"},"right":{"$ref":"tree.json"}}}`,
		"meta.json":        `{"$ref":"https://json-schema.org/draft/2020-12/schema"}`,
		"own-id.json":      `{"$id":"https://example.com/x","$ref":"#/$defs/y","$defs":{"y":true}}`,
		"draft4.json":      `{"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true}`,
		"sub/id.json":      `{"definitions":{"id":{"type":"string"}}}`,
		"sub/up.json":      `{"$ref":"../b.json"}`,
		"sub/broken.json":  `{`,
		".hidden.json":     `{`,
		schema.ForEditors:  `{`,
		"..data.json":      `{`,
		"notes.txt":        `{`,
		"dir.json/x":       `{`,
	})
	set, err := schema.Load(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a space #1%.json", "b.json", "draft4.json", "meta.json", "own-id.json", "tree.json"}
	if got := set.Names(); !slices.Equal(got, want) {
		t.Errorf("Names() = %q; want %q", got, want)
	}
	c, err := set.Checker("a space #1%.json", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Check([]byte(`5`)); err == nil {
		t.Error("a reference through two files does not hold")
	}
}

func TestLoadConfigMap(t *testing.T) {
	dir := writeFolder(t, map[string]string{"..2026_01_01/chat.json": `{"type":"object"}`})
	symlink(t, "..2026_01_01", filepath.Join(dir, "..data"))
	symlink(t, "..data/chat.json", filepath.Join(dir, "chat.json"))
	if _, err := mustChecker(t, dir, "chat.json").Check([]byte(`[]`)); err == nil {
		t.Error("the schema behind the links does not hold")
	}
}

func TestLoadRefusesLinksOutside(t *testing.T) {
	outside := writeFolder(t, map[string]string{"secret.json": `{}`})
	for name, target := range map[string]string{
		"absolute": filepath.Join(outside, "secret.json"),
		"relative": filepath.Join("..", filepath.Base(outside), "secret.json"),
		"dangling": "none.json",
	} {
		t.Run(name, func(t *testing.T) {
			dir := writeFolder(t, map[string]string{"a.json": `{"$ref":"link"}`})
			symlink(t, target, filepath.Join(dir, "link"))
			_, err := schema.Load(dir, "")
			wantError(t, err, `"a.json"`, "/$ref", `"link"`)
			if linkError := strings.Contains(err.Error(), "symbolic link"); linkError != (name != "dangling") {
				t.Errorf("error %q", err)
			}
			symlink(t, target, filepath.Join(dir, "entry.json"))
			_, err = schema.Load(dir, "")
			wantError(t, err, `load "entry.json"`)
		})
	}
}

func TestCheckerUnknown(t *testing.T) {
	set, err := schema.Load(writeFolder(t, map[string]string{"chat.json": "{}", "user.json": "{}"}), "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = set.Checker("chat", "type")
	if !errors.Is(err, schema.ErrUnknown) || !strings.Contains(err.Error(), "chat.json, user.json") {
		t.Errorf("error %v; want ErrUnknown with the known names", err)
	}
	if _, err = new(schema.Set).Checker("chat.json", ""); !errors.Is(err, schema.ErrUnknown) {
		t.Errorf("error %v; want ErrUnknown", err)
	}
	if names := new(schema.Set).Names(); len(names) != 0 {
		t.Errorf("Names() = %q of no schemas", names)
	}
}

// TestReferencesByID holds sets of files that refer to each other by $id, as CDEvents, CycloneDX and OpenLineage do.
func TestReferencesByID(t *testing.T) {
	sets := map[string]struct {
		files    map[string]string
		yes, not string // documents for a.json
	}{
		"relative to the $id": {
			files: map[string]string{
				"a.json": `{"$id":"https://x.y/a.json","$ref":"b.json"}`, "b.json": `{"$id":"https://x.y/b.json","type":"string"}`,
			},
			yes: `"s"`, not: `1`,
		},
		"absolute": {
			files: map[string]string{
				"a.json": `{"$ref":"https://x.y/v1/b"}`, "other-name.json": `{"$id":"https://x.y/v1/b","type":"string"}`,
			},
			yes: `"s"`, not: `1`,
		},
		"a place in it": {
			files: map[string]string{
				"a.json": `{"$id":"http://x.y/a","properties":{"p":{"$ref":"b#/definitions/d"}}}`,
				"b.json": `{"$id":"http://x.y/b","definitions":{"d":{"type":"string"}}}`,
			},
			yes: `{"p":"s"}`, not: `{"p":1}`,
		},
		"an $anchor": {
			files: map[string]string{
				"a.json": `{"$ref":"https://x.y/b#d"}`, "b.json": `{"$id":"https://x.y/b","$defs":{"x":{"$anchor":"d","type":"string"}}}`,
			},
			yes: `"s"`, not: `1`,
		},
		"id of draft 4": {
			files: map[string]string{
				"a.json": `{"$schema":"http://json-schema.org/draft-04/schema#","id":"http://x.y/a.json#","$ref":"b.json#"}`,
				"b.json": `{"$schema":"http://json-schema.org/draft-04/schema#","id":"http://x.y/b.json#","type":"string"}`,
			},
			// An id beside $ref counts for nothing in draft 4: the reference is to the file.
			yes: `"s"`, not: `1`,
		},
		"within another schema": {
			files: map[string]string{
				"a.json": `{"$ref":"https://x.y/inner"}`,
				"b.json": `{"$id":"https://x.y/outer","$schema":"http://json-schema.org/draft-07/schema#","definitions":{` +
					`"i":{"$id":"inner","$ref":"#/definitions/k"},"j":{"$id":"https://x.y/inner","allOf":[{"$ref":"#/definitions/k"}],` +
					`"definitions":{"k":{"type":"string"}}}}}`,
			},
			yes: `"s"`, not: `1`,
		},
		"in a subfolder": {
			files: map[string]string{
				"a.json": `{"$id":"https://x.y/a","$ref":"types/b"}`, "deep/er/b.json": `{"$id":"https://x.y/types/b","type":"string"}`,
				"deep/broken.json": `{`,
			},
			yes: `"s"`, not: `1`,
		},
		"in a circle": {
			files: map[string]string{
				"a.json": `{"$id":"https://x.y/a","type":"object","properties":{"b":{"$ref":"b"}}}`,
				"b.json": `{"$id":"https://x.y/b","type":"object","properties":{"a":{"$ref":"a"}},"required":["a"]}`,
			},
			yes: `{"b":{"a":{}}}`, not: `{"b":{}}`,
		},
		"a file, of which others hold copies": {
			files: map[string]string{
				"a.json": `{"$ref":"https://x.y/b"}`, "b.json": `{"$id":"https://x.y/b","type":"string"}`,
				"c.json": `{"$defs":{"x":{"$id":"https://x.y/b","type":"number"}},"$ref":"https://x.y/b"}`,
			},
			yes: `"s"`, not: `1`,
		},
		"copies that are the same": {
			files: map[string]string{
				"a.json": `{"$ref":"https://x.y/b"}`, "b.json": `{"$defs":{"x":{"$id":"https://x.y/b","type":"string"}}}`,
				"c.json": `{"$defs":{"y":{"$id":"https://x.y/b","type":"string"}}}`,
			},
			yes: `"s"`, not: `1`,
		},
		"urn": {
			files: map[string]string{
				"a.json": `{"$ref":"urn:x:b"}`, "b.json": `{"$id":"urn:x:b","type":"string"}`,
			},
			yes: `"s"`, not: `1`,
		},
		"a meta-schema of one's own": {
			files: map[string]string{
				"a.json": `{"$schema":"https://x.y/meta","type":"string"}`,
				"m.json": `{"$id":"https://x.y/meta","$schema":"https://json-schema.org/draft/2020-12/schema",` +
					`"$vocabulary":{"https://json-schema.org/draft/2020-12/vocab/core":true,"https://json-schema.org/draft/2020-12/vocab/validation":true},` +
					`"$ref":"https://json-schema.org/draft/2020-12/schema"}`,
			},
			yes: `"s"`, not: `1`,
		},
		"parts of meta-schemas": {
			files: map[string]string{
				"a.json": `{"$schema":"http://json-schema.org/draft-07/schema#","type":"array","items":[` +
					`{"$ref":"http://json-schema.org/draft-07/schema#/definitions/nonNegativeInteger"},` +
					`{"$ref":"http://json-schema.org/draft-04/schema#/definitions/stringArray"},` +
					`{"$ref":"https://json-schema.org/draft/2020-12/schema"},` +
					`{"$ref":"https://json-schema.org/draft/2019-09/schema#/properties/definitions"},` +
					`{"$ref":"http://json-schema.org/draft-06/schema"}]}`,
			},
			yes: `[1,["a"],{"type":"string"},{},true]`, not: `[-1]`,
		},
	}
	for name, set := range sets {
		t.Run(name, func(t *testing.T) {
			c := mustChecker(t, writeFolder(t, set.files), "a.json")
			if _, err := c.Check([]byte(set.yes)); err != nil {
				t.Errorf("%s: %v", set.yes, err)
			}
			if _, err := c.Check([]byte(set.not)); err == nil {
				t.Errorf("%s passes", set.not)
			}
			if compiled, keyword := c.Compiled(); !compiled && strings.Contains(keyword, "x.y") {
				t.Errorf("Compiled names %q, and not a file", keyword)
			}
		})
	}
}

func TestReferencesByIDFail(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"two files share an $id": {
			files: map[string]string{"a.json": `{"$id":"https://x.y/s"}`, "b.json": `{"$id":"https://x.y/s#"}`},
			want:  []string{`load "a.json"`, `load "b.json"`, `"https://x.y/s"`, `is that of "b.json", too`, `is that of "a.json", too`},
		},
		"several within others, and not the same": {
			files: map[string]string{
				"a.json": `{"$ref":"https://x.y/s"}`, "d/b.json": `{"$defs":{"p":{"$id":"https://x.y/s"}}}`, "d/c.json": `{"$defs":{"q":{"$id":"https://x.y/s","type":"string"}}}`,
			},
			want: []string{`load "a.json"`, "/$ref", `is the address of "d/b.json", /$defs/p and of "d/c.json", /$defs/q`},
		},
		"the name of another file": {
			files: map[string]string{"a.json": `{"$id":"b.json"}`, "b.json": `{}`},
			want:  []string{`$id "b.json" is that of "b.json", too`},
		},
		"nobody has it": {
			files: map[string]string{"a.json": `{"$id":"https://x.y/a","$ref":"b.json"}`, "b.json": `{"$id":"https://x.y/c"}`},
			want:  []string{`/$ref: "b.json"`, "outside the schemas folder", "no schema there has this $id", `"b.json" is there, but`},
		},
		"a vendor's $schema": {
			files: map[string]string{"a.json": `{"$schema":"http://iglucentral.com/schemas/x/jsonschema/1-0-0#","type":"object"}`},
			want:  []string{`/$schema: "http://iglucentral.com`, "name draft 4, 6, 7, 2019-09 or 2020-12", "schemas.draft"},
		},
		"a file that another one refers to": {
			files: map[string]string{
				"a.json": `{"$id":"https://x.y/a","$ref":"b"}`, "b.json": `{"$id":"https://x.y/b","properties":{"p":{"type":"strin"}}}`,
			},
			want: []string{`load "a.json": invalid schema: in "b.json": /properties/p/type`},
		},
		"a place of a meta-schema": {
			files: map[string]string{
				"a.json": `{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"http://json-schema.org/draft-07/schema#/definitions/none"}`,
			},
			want: []string{"/$ref", "draft-07/schema#/definitions/none", "nothing is there"},
		},
		"a pattern, as it is written": {
			files: map[string]string{"a.json": `{"patternProperties":{"^.\\s$":{"type":"strin"}}}`},
			want:  []string{`/patternProperties/^.\s$/type`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := schema.Load(writeFolder(t, tt.files), "")
			wantError(t, err, tt.want...)
		})
	}
}

func TestDraftOfFilesThatNameNone(t *testing.T) {
	dir := writeFolder(t, map[string]string{
		"vendor.json": `{"$schema":"http://iglucentral.com/schemas/x/jsonschema/1-0-0#","maximum":5,"exclusiveMaximum":true}`,
		"none.json":   `{"maximum":5,"exclusiveMaximum":true}`,
		"named.json":  `{"$schema":"http://json-schema.org/draft-07/schema#","exclusiveMaximum":5}`,
	})
	set, err := schema.Load(dir, "4")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range set.Names() {
		c, err := set.Checker(name, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Check([]byte(`5`)); err == nil {
			t.Errorf("%s accepts 5", name)
		}
	}
	if _, err := schema.Load(dir, "7"); err == nil {
		t.Error("exclusiveMaximum: true passes for draft 7")
	}
}

// TestIntegersOfDraft4 holds that a number is an integer by how it is written, where a schema is of draft 4.
func TestIntegersOfDraft4(t *testing.T) {
	const four, later = `"$schema":"http://json-schema.org/draft-04/schema#"`, `"$schema":"http://json-schema.org/draft-06/schema#"`
	dir := writeFolder(t, map[string]string{
		"four.json":  `{` + four + `,"type":"integer"}`,
		"later.json": `{` + later + `,"type":"integer"}`,
		"both.json":  `{` + later + `,"properties":{"four":{"$ref":"four.json"},"later":{"type":"integer"},"both":{"allOf":[{"$ref":"later.json"},{"not":{"$ref":"four.json"}}]}}}`,
		"num.json":   `{` + four + `,"type":["integer","number"],"enum":[1,2.5]}`,
	})
	for _, tt := range []struct {
		schema, payload string
		ok              bool
	}{
		{"four.json", `1`, true},
		{"four.json", `-10`, true},
		{"four.json", `1.0`, false},
		{"four.json", `1e2`, false},
		{"four.json", `1.5`, false},
		{"later.json", `1.0`, true},
		{"later.json", `1e2`, true},
		{"later.json", `1.5`, false},
		{"both.json", `{"four":1,"later":1.0}`, true},
		{"both.json", `{"four":1.0}`, false},
		{"both.json", `{"both":1.0}`, true},
		{"both.json", `{"both":1}`, false},
		{"num.json", `1.0`, true},
		{"num.json", `2.5`, true},
		{"num.json", `2`, false},
	} {
		c := mustChecker(t, dir, tt.schema)
		if compiled, keyword := c.Compiled(); !compiled {
			t.Errorf("%s is not compiled: %s", tt.schema, keyword)
		}
		_, err := c.Check([]byte(tt.payload))
		if examined := c.Validate([]byte(tt.payload), nil); (err == nil) != tt.ok || (examined == nil) != tt.ok {
			t.Errorf("%s, %s: %v, examined %v; want %v", tt.schema, tt.payload, err, examined, tt.ok)
		}
	}
}

// TestPatternsAreECMA262 also shows that a rejection names the pattern as it is written.
func TestPatternsAreECMA262(t *testing.T) {
	c := mustChecker(t, writeFolder(t, map[string]string{"a.json": `{
		"properties": {"a": {"pattern": "^.\\s\\u0020\\p{Letter}$"}, "n": {"not": {"pattern": "^.$"}}, "pattern": {"type": "string"}},
		"patternProperties": {"^\\u0062.$": {"type": "string"}, "^b[^\\n\\r\\u2028\\u2029]$": {"maxLength": 1}},
		"const": {"pattern": "x.y"}, "x-more": {"any": {"pattern": "(?=a)"}}
	}`}), "a.json")
	for payload, want := range map[string]string{
		`{"pattern":"x.y"}`:      "",
		`{"a":"x\u00a0 \u00e9"}`: "value must be",
		`{"a":"\n  a"}`:          `/a: does not match pattern '^.\\s\\u0020\\p{Letter}$'`,
		`{"n":"x"}`:              `/n: must not match pattern '^.$'`,
		`{"bx":1}`:               "/bx: expected string",
		`{"bx":"xx"}`:            "/bx: length must be <= 1",
	} {
		_, err := c.Check([]byte(payload))
		if err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v; want %q", payload, err, want)
		}
	}
}
