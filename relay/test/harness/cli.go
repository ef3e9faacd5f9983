package harness

import (
	"bufio"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// redis-cli, as a person or a script uses it.

// CLI prepares redis-cli, without colours or a terminal.
func CLI(t *testing.T, socket string, args ...string) *exec.Cmd {
	t.Helper()
	bin, err := exec.LookPath("redis-cli")
	if err != nil {
		t.Fatalf("find redis-cli: %v; install it (apt-get install redis-tools, brew install redis)", err)
	}
	return exec.CommandContext(t.Context(), bin, append([]string{"-s", socket}, args...)...)
}

// ExpectLines reads what redis-cli prints of a push, in its plain form.
func ExpectLines(t *testing.T, lines *bufio.Scanner, want []string) {
	t.Helper()
	var got []string
	for len(got) < len(want) && lines.Scan() {
		if line := lines.Text(); line != "" && !strings.HasPrefix(line, "Reading messages") {
			got = append(got, line)
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("redis-cli printed %q, want %q", got, want)
	}
}
