package history

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"redis-relay/relay/stream"
)

// TestLogSaysWhatIsKnown of a gap, and nothing of the rest: "after 0-0" would be an entry.
func TestLogSaysWhatIsKnown(t *testing.T) {
	for want, g := range map[string]Gap{
		"cause channel":                          {Channel: "c", Cause: "x"},
		"cause pattern":                          {Pattern: "c*", Cause: "x"},
		"after cause channel":                    {Channel: "c", After: stream.ID{Ms: 1, Seq: 2}, Cause: "x"},
		"after before cause channel missing":     {Channel: "c", After: stream.ID{Ms: 1, Seq: 2}, Before: stream.ID{Ms: 2}, Missing: 3, Cause: "x"},
		"after cause channel entry missing size": {Channel: "c", After: stream.ID{Ms: 1, Seq: 2}, Entry: stream.ID{Ms: 1, Seq: 3}, Size: 5, Missing: 1, Cause: "x"},
	} {
		core, logged := observer.New(zap.WarnLevel)
		r := newRoom(t)
		r.log = zap.New(core)
		r.Feed.gaps.tell(g)
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
