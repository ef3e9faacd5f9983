package loop

// Knowing what made a turn long.

import (
	"fmt"
	"time"
)

// watch measures the parts of one turn.
type watch struct {
	began, last time.Time
	longest     time.Duration // part of the turn
	handler     Handler       // that it was; nil: phase says what
	phase       string
}

func (w *watch) begin(now time.Time) { *w = watch{began: now, last: now} }

// note says what has just been done, and reports whether it is the longest part so far.
func (w *watch) note(phase string) bool {
	now := time.Now()
	took := now.Sub(w.last)
	w.last = now
	if took <= w.longest {
		return false
	}
	w.longest, w.handler, w.phase = took, nil, phase
	return true
}

func (w *watch) noteHandler(h Handler) {
	if w.note("") {
		w.handler = h
	}
}

func (w *watch) took() time.Duration { return w.last.Sub(w.began) }

// worst names the longest part, with its time.
func (w *watch) worst() string {
	what := w.phase
	if w.handler != nil {
		what = fmt.Sprintf("%T", w.handler)
	}
	return fmt.Sprintf("%s (%v)", what, w.longest.Round(time.Millisecond))
}
