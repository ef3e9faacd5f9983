// Tests of the bounded wait, in false time.

package redistest

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestEventuallyWaitsForTheCondition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		Eventually(t, time.Second, "never said", func() bool { return time.Since(start) >= 300*time.Millisecond })
		if d := time.Since(start); d > 300*time.Millisecond+maxPause {
			t.Errorf("came back after %v, more than a pause late", d)
		}
	})
}

func TestEventuallyLooksAtTheVeryEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		Eventually(t, time.Second, "never said", func() bool { return time.Since(start) >= time.Second })
	})
}

func TestEventuallyFailsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		wantFailure(t, func(tb testing.TB) {
			Eventually(tb, 2*time.Second, "the moon is full", func() bool { return false })
		}, "not within 2s: the moon is full")
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("failed after %v, want 2s", d)
		}
	})
}
