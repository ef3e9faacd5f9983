package history

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestLogSaysWhatIsKnown of a gap, and nothing of the rest: "after 0-0" would be an entry.
func TestLogSaysWhatIsKnown(t *testing.T) {
	for want, g := range map[string]Gap{
		"cause channel":                          {Channel: "c", Cause: "x"},
		"cause pattern":                          {Pattern: "c*", Cause: "x"},
		"after cause channel":                    {Channel: "c", After: ID{1, 2}, Cause: "x"},
		"after before cause channel missing":     {Channel: "c", After: ID{1, 2}, Before: ID{2, 0}, Missing: 3, Cause: "x"},
		"after cause channel entry missing size": {Channel: "c", After: ID{1, 2}, Entry: ID{1, 3}, Size: 5, Missing: 1, Cause: "x"},
	} {
		core, logged := observer.New(zap.WarnLevel)
		r := newRoom(t)
		r.log = zap.New(core)
		r.miss(g)
		lines := logged.All()
		if len(lines) != 1 {
			t.Fatalf("%d lines", len(lines))
		}
		got := strings.Join(slices.Sorted(maps.Keys(lines[0].ContextMap())), " ")
		if got != want {
			t.Errorf("%+v: the log says %s, want %s", g, got, want)
		}
	}
}
