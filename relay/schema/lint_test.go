package schema_test

// This file tests what is warned of in a schema, and what is not.

import (
	"slices"
	"testing"

	"redis-relay/relay/schema"
)

const (
	draft4ID    = `"$schema":"http://json-schema.org/draft-04/schema#"`
	draft7ID    = `"$schema":"http://json-schema.org/draft-07/schema#"`
	draft2020ID = `"$schema":"https://json-schema.org/draft/2020-12/schema"`
)

func TestWarnings(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []string // "pointer name: why"
	}{
		"none": {`{` + draft7ID + `,"type":"object","properties":{"requierd":{"format":"email"}},"required":["propertes"]}`, nil},
		"annotations": {
			`{` + draft7ID + `,"$comment":"c","examples":[{"requierd":1}],"default":{"propertes":{}},"deprecated":true,"x-requierd":[],
			"readOnly":true,"$defs":{"a":true},"definitions":{"b":{"format":"int64"}},"contentEncoding":"base64","id":"x"}`, nil,
		},
		"unknown keywords":       {`{"items":{"requierd":["a"]}}`, []string{"/items/requierd requierd: "}},
		"under unknown ones":     {`{"components":{"a":{"requierd":["a"]}}}`, []string{"/components components: "}},
		"an unknown format":      {`{"format":"emial"}`, []string{"/format emial: that is no format of JSON Schema"}},
		"in a property's schema": {`{` + draft7ID + `,"properties":{"a/b":{"format":"emial"}}}`, []string{"/properties/a~1b/format emial: that is no format of JSON Schema"}},
		"not asserted": {
			`{` + draft2020ID + `,"properties":{"a":{"format":"email"},"b":{"format":"uuid"}}}`,
			[]string{"/properties/a/format format: in draft 2020-12 it is an annotation, here and in 1 other places; leave $schema out, or name draft 7, to have formats checked"},
		},
		"asserted without $schema": {`{"format":"email"}`, nil},
		"of a later draft": {
			`{` + draft4ID + `,"const":1,"if":{}}`,
			[]string{"/const const: drafts from 6 on have it, and that is draft 4", "/if if: drafts from 7 on have it, and that is draft 4"},
		},
		"of an earlier draft": {
			`{"additionalItems":false}`,
			[]string{"/additionalItems additionalItems: drafts up to 2019-09 have it, and that is draft 2020-12 by default"},
		},
		"beside $ref": {
			`{` + draft7ID + `,"properties":{"a":{"$ref":"#/definitions/b","maxLength":1,"description":"d"}},"definitions":{"b":true}}`,
			[]string{"/properties/a/maxLength maxLength: beside $ref a keyword counts for nothing in drafts up to 7: put $ref into allOf"},
		},
		"beside $ref, later": {`{"$ref":"#/$defs/b","maxLength":1,"$defs":{"b":true}}`, nil},
	} {
		set, err := schema.Load(writeFolder(t, map[string]string{"a.json": tt.text}), "")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for _, d := range set.Warnings() {
			if d.Among == nil || d.Why != "" || d.Name == "requierd" || d.Name == "components" {
				got = append(got, d.Pointer+" "+d.Name+": "+d.Why)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q; want %q", name, got, tt.want)
		}
	}
}

// TestWarningsOfFilesReferredTo also looks into subfolders, but only where a schema is used.
func TestWarningsOfFilesReferredTo(t *testing.T) {
	set, err := schema.Load(writeFolder(t, map[string]string{
		"a.json": `{"$ref":"d/b.json"}`, "d/b.json": `{"format":"emial"}`, "d/c.json": `{"format":"emial"}`,
	}), "")
	if err != nil {
		t.Fatal(err)
	}
	if warnings := set.Warnings(); len(warnings) != 1 || warnings[0].File != "d/b.json" {
		t.Errorf("%+v", warnings)
	}
}

func TestDraftsByName(t *testing.T) {
	set, err := schema.Load(writeFolder(t, map[string]string{"a.json": `{}`, "b.json": `{` + draft4ID + `}`}), "7")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a.json": "7", "b.json": "4"} {
		if draft, named := set.Draft(name); draft != want || named != (name == "b.json") {
			t.Errorf("%s: %s, %v", name, draft, named)
		}
	}
}
