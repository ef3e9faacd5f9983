package schema

// This file tests what happens when an examination itself fails.

import (
	"strings"
	"testing"
)

func TestCheckSurvives(t *testing.T) {
	tests := map[string]struct {
		examiner *examiner
		says     string
	}{
		"panic": {
			&examiner{},
			"schema check failed internally: ",
		},
		"loop in a document": {
			loadFiles(t, map[string]string{
				"a.json": `{"dependentSchemas":{"a":{"$ref":"b.txt"}}}`, "b.txt": `{"$ref":"a.json"}`,
			}).examiner,
			"references of the schema lead in a circle at a.json#/dependentSchemas/a/$ref/$ref",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := &Checker{compiled: compiled{examiner: tt.examiner}, kindField: "type"}
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
