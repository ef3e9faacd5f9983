// This file tests what happens when the library itself fails.

package schema

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

func TestCheckSurvivesLibrary(t *testing.T) {
	tests := map[string]struct {
		schema *jsonschema.Schema
		says   string
	}{
		"panic": {
			&jsonschema.Schema{Properties: map[string]*jsonschema.Schema{"a": nil}, MinProperties: -1, MaxProperties: -1},
			"schema check failed internally: ",
		},
		"loop in a document": {
			loadFiles(t, map[string]string{
				"a.json": `{"dependentSchemas":{"a":{"$ref":"b.txt"}}}`, "b.txt": `{"$ref":"a.json"}`,
			}).library,
			"references of the schema lead in a circle at a.json#/dependentSchemas/a/$ref/$ref",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := &Checker{compiled: compiled{library: tt.schema}, kindField: "type"}
			kind, err := c.Check([]byte(`{"a":1,"type":"k"}`))
			if err == nil || !strings.HasPrefix(err.Error(), tt.says) {
				t.Errorf("error %v; want %q", err, tt.says)
			}
			if string(kind) != "k" {
				t.Errorf("kind %q; want k", kind)
			}
		})
	}
}
