package relay_test

import (
	"testing"

	"redis-relay/relay/redistest"
)

// TestMain fails the run when a goroutine is left over.
func TestMain(m *testing.M) { redistest.RunTests(m) }
