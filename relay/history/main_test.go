package history

// Goroutines that tests leave behind fail them.

import (
	"testing"

	"redis-relay/relay/redistest"
)

func TestMain(m *testing.M) { redistest.RunTests(m) }
