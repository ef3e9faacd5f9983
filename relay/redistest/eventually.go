// The one bounded wait of the tests: for what no reply announces.

package redistest

import (
	"testing"
	"time"
)

// Pauses between two looks at a condition.
const (
	minPause = time.Millisecond
	maxPause = 50 * time.Millisecond
)

// Eventually calls cond until it is true, and ends the test with what if that
// takes longer than timeout. It looks at least once, and once more at the very
// end. It pauses between two looks, from 1 ms growing to 50 ms. Prefer a barrier
// (a PING answered, a confirmation) where there is one.
func Eventually(t testing.TB, timeout time.Duration, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for pause := minPause; !cond(); pause = min(2*pause, maxPause) {
		left := time.Until(deadline)
		if left <= 0 {
			t.Fatalf("not within %v: %s", timeout, what)
		}
		time.Sleep(min(pause, left))
	}
}
