package fleet

import (
	"os"
	"testing"

	"redis-relay/relay/test/harness"
)

// TestMain runs the tests. The test binary is also the local processes that some tests need: see crowd.
func TestMain(m *testing.M) {
	if socket := os.Getenv(crowdVariable); socket != "" {
		os.Exit(crowd(socket))
	}
	harness.Main(m)
}
