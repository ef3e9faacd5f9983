package harness

// How the black-box tests of a folder run.

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// waiters is how many tests that call t.Parallel run at the same time. They spend their time waiting, so this
// does not depend on the number of processors.
const waiters = "6"

// Main runs the tests of a folder, and fails when a goroutine is left over. It is called by TestMain.
func Main(m *testing.M) {
	if err := flag.Set("test.parallel", waiters); err != nil { // -parallel overrides it
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
