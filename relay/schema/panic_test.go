// This file tests what happens when the library itself fails.

package schema

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

func TestCheckSurvivesLibrary(t *testing.T) {
	loop := &jsonschema.Schema{MinLength: -1, MaxLength: -1, MinProperties: -1, MaxProperties: -1}
	loop.Ref = loop
	tests := map[string]*jsonschema.Schema{
		"panic": {Properties: map[string]*jsonschema.Schema{"a": nil}, MinProperties: -1, MaxProperties: -1},
		"loop":  loop,
	}
	for name, sch := range tests {
		t.Run(name, func(t *testing.T) {
			c := &Checker{compiled: compiled{library: sch}, kindField: "type"}
			kind, err := c.Check([]byte(`{"a":1,"type":"k"}`))
			if err == nil || !strings.HasPrefix(err.Error(), "schema check failed internally: ") {
				t.Errorf("error %v; want an internal failure", err)
			}
			if string(kind) != "k" {
				t.Errorf("kind %q; want k", kind)
			}
		})
	}
}
