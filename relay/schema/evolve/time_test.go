package evolve

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// processor returns the time that this process has used.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// TestTimeIsBounded: schemas that are costly to prove, to make messages of and to check hold nobody up.
// The time is the processor's, of this test alone: a busy machine does not count.
func TestTimeIsBounded(t *testing.T) {
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
			both := load(t, pair[0], pair[1])
			a, b := Side{both[0]}, Side{both[1]}
			for _, way := range [][2]Side{{a, b}, {b, a}} {
				began := processor(t)
				answer := Implies(way[0], way[1])
				if took := processor(t) - began; took > 3*maxTime { // a proof, a search, and the collector beside them
					t.Errorf("it took %v to find %+v", took, answer.Verdict)
				}
				if answer.Verdict == Incompatible && (way[0].Accepts(answer.Message) != nil || way[1].Accepts(answer.Message) == nil) {
					t.Errorf("%.100s refutes nothing", answer.Message)
				}
			}
		})
	}
}
