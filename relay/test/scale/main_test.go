package scale

import (
	"testing"

	"redis-relay/relay/test/harness"
)

// TestMain runs the tests as those of every subject are run.
func TestMain(m *testing.M) { harness.Main(m) }
