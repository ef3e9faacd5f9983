package fleet

import (
	"os"
	"testing"

	"redis-relay/relay/test/harness"
)

// TestMain runs the tests. The test binary is also
// the other processes that some tests need: see crowd and daemon.
func TestMain(m *testing.M) {
	if socket := os.Getenv(crowdVariable); socket != "" {
		os.Exit(crowd(socket))
	}
	if where := os.Getenv(daemonVariable); where != "" {
		os.Exit(daemon(where))
	}
	harness.Main(m)
}
