package tail

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOptions(t *testing.T) {
	b := func(words ...string) (list [][]byte) {
		for _, word := range words {
			list = append(list, []byte(word))
		}
		return list
	}
	for line, want := range map[string]Options{
		"":                               {Rate: DefaultRate},
		"match a* Match [b] REJECTED":    {Rate: DefaultRate, Rejected: true, Patterns: b("a*", "[b]")},
		"RATE 1 full MATCH rate":         {Rate: 1, Full: true, Patterns: b("rate")},
		"rate 10000 rejected match full": {Rate: 10_000, Rejected: true, Patterns: b("full")},
	} {
		got, err := ParseOptions(b(strings.Fields(line)...))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", line, err, diff)
		}
		again, err := ParseOptions(b(got.Args()...))
		if diff := cmp.Diff(want, again); err != nil || diff != "" {
			t.Errorf("%s, as arguments again: %v\n%s", line, err, diff)
		}
	}
	for _, line := range []string{"x", "match", "rate", "rate 0", "rate 10001", "rate x", "rejected x"} {
		if o, err := ParseOptions(b(strings.Fields(line)...)); err == nil || !strings.HasPrefix(err.Error(), "ERR ") {
			t.Errorf("%s: %+v, %v", line, o, err)
		}
	}
}
