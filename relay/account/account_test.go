package account

// The account itself. A failure names the seed: with RELAY_ACCOUNT_SEED the same
// faults come in the same order.

import (
	"os"
	"strconv"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

const (
	longVariable = "RELAY_LONG"         // not empty: the long form
	seedVariable = "RELAY_ACCOUNT_SEED" // a number
)

func TestMain(m *testing.M) { redistest.RunTests(m) }

// isLong tells whether the long form is asked for.
func isLong() bool { return os.Getenv(longVariable) != "" }

// seed is another in each run, unless it is given.
func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if text := os.Getenv(seedVariable); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	t.Logf("%s=%d", seedVariable, n)
	return n
}

// TestAccount: sent = delivered + reported, for some ninety listeners, through every fault.
func TestAccount(t *testing.T) {
	p := plan{seed: seed(t), messages: 80_000, duration: 15 * time.Second, fault: 600 * time.Millisecond}
	if isLong() {
		p.messages, p.duration, p.fault = 2_000_000, 7*time.Minute, 1500*time.Millisecond
	}
	pass(t, p)
}

// TestDropsAreCounted: without faults, what slow listeners miss is what the relays
// have counted, to the message.
func TestDropsAreCounted(t *testing.T) {
	pass(t, plan{seed: seed(t), messages: 20_000, duration: 4 * time.Second, faults: []string{}, calm: true})
}

// pass runs a plan against the relay as it is.
func pass(t *testing.T, p plan) {
	t.Helper()
	wrong := execute(t, build(t, t.TempDir(), ""), p)
	for _, text := range wrong.First {
		t.Error(text)
	}
	if wrong.Count > 0 {
		t.Errorf("%d faults", wrong.Count)
	}
}
