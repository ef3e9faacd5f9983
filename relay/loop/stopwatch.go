package loop

// Finding the longest part of a turn.

import (
	"fmt"
	"time"
)

// stopwatch measures the parts of one turn.
type stopwatch struct {
	began, last time.Time
	longest     time.Duration // part of the turn
	handler     Handler       // that took it; nil: see phase
	phase       string
}

func (w *stopwatch) begin(now time.Time) { *w = stopwatch{began: now, last: now} }

// note ends a part of the turn, and reports whether it is the longest so far.
func (w *stopwatch) note(phase string) bool {
	now := time.Now()
	took := now.Sub(w.last)
	w.last = now
	if took <= w.longest {
		return false
	}
	w.longest, w.handler, w.phase = took, nil, phase
	return true
}

func (w *stopwatch) noteHandler(h Handler) {
	if w.note("") {
		w.handler = h
	}
}

func (w *stopwatch) took() time.Duration { return w.last.Sub(w.began) }

// worst names the longest part, with its time.
func (w *stopwatch) worst() string {
	what := w.phase
	if w.handler != nil {
		what = fmt.Sprintf("%T", w.handler)
	}
	return fmt.Sprintf("%s (%v)", what, w.longest.Round(time.Millisecond))
}
