package tail

// Small helpers of the tests.

import (
	"strconv"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
)

func appendPublish(b []byte, channel, payload string) []byte {
	return redistest.AppendCommand(b, "PUBLISH", channel, payload)
}

// figure returns the largest number behind a name in the lines of a text that have a part.
func figure(t *testing.T, text, part, name string) (largest int) {
	t.Helper()
	found := false
	for line := range strings.Lines(text) {
		_, rest, ok := strings.Cut(line, name)
		if !ok || !strings.Contains(line, part) {
			continue
		}
		n, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil {
			t.Fatal(err)
		}
		largest, found = max(largest, n), true
	}
	if !found {
		t.Fatalf("no line has %s and %s", part, name)
	}
	return largest
}
