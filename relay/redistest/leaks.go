// The look at what is left when all tests have ended.

package redistest

import (
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// lingering bounds how long a goroutine may outlive the tests. go-redis needs it: a pool that could not connect
// looks once a second whether it is closed (pool.ConnPool.tryDial).
const lingering = 5 * time.Second

// RunTests runs the tests of a package and exits. It fails when one of them does, and when a goroutine outlives them
// by 5 s. It is called by TestMain.
func RunTests(m *testing.M) {
	code := m.Run()
	if code == 0 {
		code = waitForGoroutines(lingering)
	}
	os.Exit(code)
}

// waitForGoroutines returns the exit code: 1, said on stderr, when a goroutine of a test runs for longer than patience.
func waitForGoroutines(patience time.Duration) int {
	for deadline := time.Now().Add(patience); ; { // Find looks for half a second by itself
		err := goleak.Find()
		if err == nil {
			return 0
		}
		if time.Now().After(deadline) {
			_, _ = fmt.Fprintf(os.Stderr, "%v after the tests: %v\n", patience, err)
			return 1
		}
	}
}
