package harness

// How the black-box tests of a folder run.

import (
	"flag"
	"strconv"
	"testing"
	"time"

	"redis-relay/relay/fleet"
	"redis-relay/relay/redistest"
)

// waiters is how many tests that call t.Parallel run at the same time. They spend their time waiting, so this
// does not depend on the number of processors.
const waiters = 6

// Main runs the tests of a folder, and fails when a goroutine is left over. It is called by TestMain.
func Main(m *testing.M) { MainOfFew(m, waiters) }

// MainOfFew is Main for tests of which only a few may run at the same time, because each has many servers.
func MainOfFew(m *testing.M, atATime int) {
	if err := flag.Set("test.parallel", strconv.Itoa(atATime)); err != nil { // -parallel overrides it
		panic(err)
	}
	fleet.Patience = 2 * time.Second // else a busy machine may be taken for a relay that does not answer
	redistest.RunTests(m)
}
