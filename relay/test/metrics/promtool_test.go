package metrics

// What Prometheus's own tool says about the metrics.

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// promtool returns a command of promtool, which `.ci/deps promtool` builds.
func promtool(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path := harness.Path(t, ".cache/bin/promtool")
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; run .ci/deps promtool", err)
	}
	return exec.CommandContext(t.Context(), path, args...)
}

func TestPromtoolIsContent(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, redistest.Start(t))
	status, body := r.Get("/metrics")
	if status != http.StatusOK {
		t.Fatal(status)
	}
	check := promtool(t, "check", "metrics")
	check.Stdin = strings.NewReader(body)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestPromtoolFindsFaults: the check above could fail.
func TestPromtoolFindsFaults(t *testing.T) {
	t.Parallel()
	check := promtool(t, "check", "metrics")
	check.Stdin = strings.NewReader("# HELP wait_milliseconds Waits.\n# TYPE wait_milliseconds counter\nwait_milliseconds 1\n")
	if out, err := check.CombinedOutput(); err == nil {
		t.Errorf("no fault found\n%s", out)
	}
}
