package traces

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// TestReportsAreFew: one line at once, then one a minute, and one when it is over.
func TestReportsAreFew(t *testing.T) {
	var told []uint64
	back := 0
	r := report{failed: func(_ error, lost uint64) { told = append(told, lost) }, back: func() { back++ }}
	now, down := time.Now(), errors.New("down")
	for range 600 { // 10 minutes, in which the receiver comes and goes
		r.note(down, 2, now)
		r.note(nil, 0, now.Add(time.Second/2))
		now = now.Add(time.Second)
	}
	if want := []uint64{2, 120, 120, 120, 120, 120, 120, 120, 120, 120}; !slices.Equal(told, want) || back != 10 {
		t.Errorf("told of %v lost spans, want %v; %d times that it is over", told, want, back)
	}
	if r.note(nil, 0, now); back != 10 {
		t.Error("told again that it is over")
	}
}
