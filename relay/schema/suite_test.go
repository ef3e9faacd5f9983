// This file holds the checker and the library to the same verdict on every case of the official suite.

package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// suite is where the JSON Schema Test Suite is kept.
const suite = "testdata/JSON-Schema-Test-Suite/tests"

// suiteGroup is one schema of the suite with its documents.
type suiteGroup struct {
	Description string
	Schema      json.RawMessage
	Tests       []struct {
		Description string
		Data        json.RawMessage
	}
}

// tally counts what became of the groups and cases of a draft.
type tally struct {
	compiled, left, unloadable int // schemas
	same, undecided, guarded   int // cases
	leftFor                    map[string]int
}

func TestSuite(t *testing.T) {
	tests := []struct {
		folder   string
		draft    *jsonschema.Draft
		compiled int // schemas that compiled when this was written
	}{
		{"draft7", jsonschema.Draft7, 280},
		{"draft2019-09", jsonschema.Draft2019, 618},
		{"draft2020-12", jsonschema.Draft2020, 614},
	}
	for _, tt := range tests {
		t.Run(tt.folder, func(t *testing.T) {
			n := tally{leftFor: make(map[string]int)}
			for _, file := range suiteFiles(t, tt.folder) {
				for _, group := range readSuite(t, file) {
					n.group(t, file, tt.draft, &group)
				}
			}
			t.Logf("schemas: %d compiled, %d left to the library, %d need what is not here", n.compiled, n.left, n.unloadable)
			t.Logf("cases: %d the same, %d undecided, %d refused by the guard", n.same, n.undecided, n.guarded)
			for _, keyword := range slices.Sorted(maps.Keys(n.leftFor)) {
				t.Logf("left to the library for %s: %d", keyword, n.leftFor[keyword])
			}
			if n.compiled < tt.compiled {
				t.Errorf("%d schemas compile; there were %d", n.compiled, tt.compiled)
			}
		})
	}
}

func suiteFiles(t *testing.T, folder string) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*.json", "optional/*.json", "optional/format/*.json"} {
		found, err := filepath.Glob(filepath.Join(suite, folder, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, error %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	return files
}

func readSuite(t *testing.T, file string) (groups []suiteGroup) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &groups); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return groups
}

// group runs the cases of one schema, formats asserted and, from 2019-09 on, also not.
func (n *tally) group(t *testing.T, file string, draft *jsonschema.Draft, group *suiteGroup) {
	for _, assertFormat := range []bool{true, false} {
		if !assertFormat && draft == jsonschema.Draft7 {
			break
		}
		sch, err := compileText(string(group.Schema), draft, assertFormat)
		if err != nil {
			n.unloadable++
			t.Logf("not loaded: %s: %s", strings.TrimPrefix(file, suite), group.Description)
			continue
		}
		program, refused := build(sch)
		if program == nil {
			n.left++
			n.leftFor[lastToken(refused)]++
		} else {
			n.compiled++
		}
		for _, test := range group.Tests {
			n.document(t, sch, program, test.Data)
			if t.Failed() {
				t.Fatalf("%s: %s: %s", file, group.Description, test.Description)
			}
		}
	}
}

func (n *tally) document(t *testing.T, sch *jsonschema.Schema, program *edge, text []byte) {
	t.Helper()
	if _, refused := guard(text, ""); refused.why != none {
		n.guarded++
		return
	}
	switch decided := compare(t, sch, program, text); {
	case decided:
		n.same++
	case program != nil:
		n.undecided++
	}
}

// compileText compiles a schema that refers to nothing else.
func compileText(text string, draft *jsonschema.Draft, assertFormat bool) (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.Draft, c.AssertFormat = draft, assertFormat
	c.LoadURL = func(string) (io.ReadCloser, error) { return nil, errors.New("not here") }
	if err := c.AddResource(fileURL("a.json"), strings.NewReader(text)); err != nil {
		return nil, err
	}
	return c.Compile(fileURL("a.json"))
}

// compare fails the test if the checker decides otherwise than the library about text, or if the guard
// refuses otherwise than without a program. It reports whether the checker decided.
func compare(t *testing.T, sch *jsonschema.Schema, program *edge, text []byte) (decided bool) {
	t.Helper()
	kind, verdict, refused := scan(text, "type", program)
	plainKind, plainly := guard(text, "type")
	if (refused.why != none) != (plainly.why != none) || !bytes.Equal(kind, plainKind) {
		t.Errorf("%.300s: fault %d and kind %q; without a program %d and %q",
			text, refused.why, kind, plainly.why, plainKind)
	}
	if verdict == undecided || refused.why != none {
		return false
	}
	if err := validate(sch, text); (err == nil) != (verdict == accepted) {
		t.Errorf("%.300s: accepted %v, but the library says: %v", text, verdict == accepted, err)
	}
	return true
}
