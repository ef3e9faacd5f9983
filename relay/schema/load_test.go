// This file tests what Load takes, what it refuses, and that nothing outside the folder is read.

package schema_test

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
	set, err := schema.Load(dir)
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
		"own meta-schema": {main: `{"$schema":"https://example.com/meta"}`, want: []string{"/$schema", outside}},
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
		"empty file":        {main: "", want: []string{"line 1, column 1", "unexpected end"}},
		"bad JSON":          {main: "{\n  \"type\": }", want: []string{"line 2, column 11", `unexpected "}"`}},
		"bad JSON, indirect": {
			main:  `{"$ref":"b.txt"}`,
			other: "{]",
			want:  []string{`"a.json"`, `in "b.txt"`, "line 1, column 2"},
		},
		"duplicate key": {main: `{"type":"object","type":"array"}`, want: []string{"column 18", `duplicate key "type"`}},
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
		"look-ahead":        {main: `{"pattern":"(?=x)"}`, want: []string{"/pattern", "regex"}},
		"property pattern":  {main: `{"patternProperties":{"(":{}}}`, want: []string{"/patternProperties", "regex"}},
		"$schema no URI":    {main: `{"$schema":"draft-07"}`, want: []string{"$schema"}},
		"loop":              {main: `{"$ref":"#"}`, want: []string{"circle"}},
		"loop of a number":  {main: `{"type":"integer","allOf":[{"$ref":"#"}]}`, want: []string{"circle"}},
		"loop of two files": {main: `{"$ref":"b.txt"}`, other: `{"allOf":[{"$ref":"a.json"}]}`, want: []string{"circle"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			set, err := schema.Load(writeFolder(t, map[string]string{"a.json": tt.main, "b.txt": tt.other}))
			if set != nil {
				t.Error("Load returned a Set with the error")
			}
			wantError(t, err, append(tt.want, `load "a.json"`)...)
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q of one file has several lines", err)
			}
		})
	}
}

func TestLoadJoinsErrors(t *testing.T) {
	_, err := schema.Load(writeFolder(t, map[string]string{"a.json": "{", "b.json": "{}", "c.json": `{"type":1}`}))
	wantError(t, err, `load "a.json"`, `load "c.json"`)
	if strings.Contains(err.Error(), "b.json") {
		t.Errorf("error %q blames a good file", err)
	}
}

func TestLoadFolderErrors(t *testing.T) {
	file := filepath.Join(writeFolder(t, map[string]string{"a.json": "{}"}), "a.json")
	for _, dir := range []string{filepath.Join(t.TempDir(), "none"), file, ""} {
		if _, err := schema.Load(dir); !errors.Is(err, schema.ErrFolder) || !strings.Contains(err.Error(), dir) {
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
		"..data.json":      `{`,
		"notes.txt":        `{`,
		"dir.json/x":       `{`,
	})
	set, err := schema.Load(dir)
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
			_, err := schema.Load(dir)
			wantError(t, err, `"a.json"`, "/$ref", `"link"`)
			if linkError := strings.Contains(err.Error(), "symbolic link"); linkError != (name != "dangling") {
				t.Errorf("error %q", err)
			}
			symlink(t, target, filepath.Join(dir, "entry.json"))
			_, err = schema.Load(dir)
			wantError(t, err, `load "entry.json"`)
		})
	}
}

func TestCheckerUnknown(t *testing.T) {
	set, err := schema.Load(writeFolder(t, map[string]string{"chat.json": "{}", "user.json": "{}"}))
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
