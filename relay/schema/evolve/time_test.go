package evolve

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestTimeIsBounded: schemas that are costly to prove, to make messages of and to check hold nobody up.
func TestTimeIsBounded(t *testing.T) {
	t.Parallel()
	bush := func(text string) string {
		return `{"$ref": "#/$defs/n", "$defs": {"n": {"anyOf": [` + text + `, {"type": "array", "items": {"$ref": "#/$defs/n"},
			"minItems": 5}, {"type": "object", "required": ["a","b","c","d","e","f","g","h"],
			"additionalProperties": {"$ref": "#/$defs/n"}}]}}}`
	}
	list := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"v%d",`, i)
		}
		return `{"enum": [` + b.String() + `"end"]}`
	}
	for name, pair := range map[string][2]string{
		"each level has many more": {bush(`{"type": "string"}`), bush(`{"type": "string", "maxLength": 9}`)},
		"many constants":           {list(100_000), list(99_999)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			both := load(t, pair[0], pair[1])
			a, b := Side{both[0]}, Side{both[1]}
			for _, way := range [][2]Side{{a, b}, {b, a}} {
				began := time.Now()
				answer := Implies(way[0], way[1])
				if took := time.Since(began); took > 3*maxTime { // a proof, a search, and room for a busy machine
					t.Errorf("it took %v to find %+v", took, answer.Verdict)
				}
				if answer.Verdict == Incompatible && (way[0].Accepts(answer.Message) != nil || way[1].Accepts(answer.Message) == nil) {
					t.Errorf("%.100s refutes nothing", answer.Message)
				}
			}
		})
	}
}
