package fleet

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the run when a goroutine is left over. The test binary is also
// the other processes that some tests need: see crowd and daemon.
func TestMain(m *testing.M) {
	if socket := os.Getenv(crowdVariable); socket != "" {
		os.Exit(crowd(socket))
	}
	if where := os.Getenv(daemonVariable); where != "" {
		os.Exit(daemon(where))
	}
	goleak.VerifyTestMain(m)
}
