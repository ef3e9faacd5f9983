package schema

// This file holds the checker and the library to the same verdict on every case of the official suite, and
// lists where the library's is not the suite's.

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
const suite = "testdata/JSON-Schema-Test-Suite"

// leftOut begins the names of the schemas that are not tested: the library does not load them, since Go's regular
// expressions have no \c. All others are, from all files of the suite.
const leftOut = `ECMA 262 regex escapes control codes with \c`

// otherwise are the files of the suite of which the library decides some cases otherwise than the suite, and why.
// Our verdicts are the library's.
var otherwise = map[string]string{
	"enum.json":                      "an empty enum allows everything",
	"dynamicRef.json":                "a $dynamicRef whose first target has no $dynamicAnchor",
	"optional/dynamicRef.json":       "the same",
	"optional/content.json":          "annotations, which draft 7 lets an implementation assert or not, and later drafts do not",
	"optional/ecmascript-regex.json": "\\s is what it is in RE2: some ASCII characters",
	"optional/format-assertion.json": "a vocabulary that is not required asserts nothing",
}

// suiteGroup is one schema of the suite with its documents.
type suiteGroup struct {
	Description string
	Schema      json.RawMessage
	Tests       []struct {
		Description string
		Data        json.RawMessage
		Valid       bool
	}
}

// tally counts what became of the groups and cases of a draft.
type tally struct {
	compiled, left, out      int // schemas
	same, undecided, guarded int // cases
	otherwise                int // cases that the library decides otherwise than the suite
	leftFor                  map[string]int
}

func TestSuite(t *testing.T) {
	tests := []struct {
		folder   string
		draft    *jsonschema.Draft
		compiled int // schemas that compiled when this was written
	}{
		{"draft7", jsonschema.Draft7, 319},
		{"draft2019-09", jsonschema.Draft2019, 892},
		{"draft2020-12", jsonschema.Draft2020, 914},
	}
	for _, tt := range tests {
		t.Run(tt.folder, func(t *testing.T) {
			n := tally{leftFor: make(map[string]int)}
			for _, file := range suiteFiles(t, tt.folder) {
				for _, group := range readSuite(t, file) {
					n.group(t, file, tt.draft, &group)
				}
			}
			t.Logf("schemas: %d compiled, %d left to the library, %d left out", n.compiled, n.left, n.out)
			t.Logf("cases: %d the same, %d undecided, %d refused by the guard; %d the library decides otherwise than the suite",
				n.same, n.undecided, n.guarded, n.otherwise)
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
		found, err := filepath.Glob(filepath.Join(suite, "tests", folder, pattern))
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
			n.out++
			if !strings.HasPrefix(group.Description, leftOut) {
				t.Errorf("%s: %s: %v", file, group.Description, err)
			}
			continue
		}
		program, refused := build(sch)
		x := newExaminer(sch)
		if program == nil {
			n.left++
			n.leftFor[lastToken(refused)]++
		} else {
			n.compiled++
		}
		// The suite asserts formats where it tests them one by one, and in draft 7.
		suiteAsserts := draft == jsonschema.Draft7 || strings.Contains(file, "/optional/format/")
		for _, test := range group.Tests {
			n.document(t, x, program, test.Data)
			if suiteAsserts == assertFormat && accepts(sch, test.Data) != test.Valid {
				n.differs(t, file, group.Description+": "+test.Description)
			}
			if t.Failed() {
				t.Fatalf("%s: %s: %s", file, group.Description, test.Description)
			}
		}
	}
}

// differs counts a case that the library decides otherwise than the suite.
func (n *tally) differs(t *testing.T, file, what string) {
	n.otherwise++
	name := strings.SplitN(strings.TrimPrefix(filepath.ToSlash(file), suite+"/tests/"), "/", 2)[1] // without the draft
	if otherwise[name] == "" {
		t.Errorf("%s: %s: the library's verdict is not the suite's", file, what)
	}
}

func (n *tally) document(t *testing.T, x *examiner, program *edge, text []byte) {
	t.Helper()
	if _, refused := guard(text, ""); refused.why != none {
		n.guarded++
		return
	}
	switch decided := compare(t, x, program, text); {
	case decided:
		n.same++
	case program != nil:
		n.undecided++
	}
}

// compileText compiles a schema that refers to nothing else.
func compileText(text string, draft *jsonschema.Draft, assertFormat bool) (*jsonschema.Schema, error) {
	c := newCompiler()
	c.Draft, c.AssertFormat = draft, assertFormat
	c.LoadURL = openRemote
	if err := c.AddResource(fileURL("a.json"), strings.NewReader(text)); err != nil {
		return nil, err
	}
	return c.Compile(fileURL("a.json"))
}

// openRemote opens a file of the suite by the address under which its schemas know it.
func openRemote(url string) (io.ReadCloser, error) {
	name, ok := strings.CutPrefix(url, "http://localhost:1234/")
	if !ok {
		return nil, errors.New("not here")
	}
	return os.Open(filepath.Join(suite, "remotes", filepath.FromSlash(name)))
}

// compare fails the test if the checker, or an examination, decides otherwise than the library about text, or if the
// guard refuses otherwise than without a program. It reports whether the checker decided.
func compare(t *testing.T, x *examiner, program *edge, text []byte) (decided bool) {
	t.Helper()
	kind, verdict, refused := scan(text, "type", program)
	plainKind, plainly := guard(text, "type")
	if (refused.why != none) != (plainly.why != none) || !bytes.Equal(kind, plainKind) {
		t.Errorf("%.300s: fault %d and kind %q; without a program %d and %q",
			text, refused.why, kind, plainly.why, plainKind)
	}
	if refused.why != none {
		return false
	}
	leaf, err := validate(x.root.schema, text)
	if verdict != undecided && (err == nil) != (verdict == accepted) {
		t.Errorf("%.300s: accepted %v, but the library says: %v", text, verdict == accepted, err)
	}
	compareWords(t, x, text, leaf, err)
	return verdict != undecided
}
