package command

// The first minute: what a start tells, and what it says one may try.

import (
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/process"
)

// TestShippedConfiguration is the first minute: the relay is ready in less than a
// second, tells where, and what it says one may try works. Of many starts one must
// be as quick, since the machine may be busy: a relay that waits for something
// never is.
func TestShippedConfiguration(t *testing.T) {
	s := newShippedScene(t)
	var d *daemon
	best := time.Hour
	for n := 0; n < 20 && best > time.Second; n++ {
		if d != nil {
			d.Signal(syscall.SIGTERM)
			d.EndsWithin(wait)
		}
		began := time.Now()
		d = s.start(func(cmd *exec.Cmd) { cmd.Env = []string{} }) // the file names its Redis
		d.awaitReady()
		best = min(best, time.Since(began))
	}
	if best > time.Second {
		t.Errorf("ready after %v at best", best)
	}
	text := d.Stdout.String()
	for _, want := range []string{
		"redis-relay " + testVersion, "relay.yaml", "embedded: for development only, history in relay.sock.history", d.Socket,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the welcome does not say %q", want)
		}
	}
	address := regexp.MustCompile(`(redis://\S+), embedded`).FindStringSubmatch(text)
	if address == nil {
		t.Fatalf("the welcome does not say where the embedded Redis is:\n%s", text)
	}
	shell(t, "redis-cli -u "+address[1]+" ping").Shows(t, wait, "PONG")
	tries := regexp.MustCompile(`(?m)^  (redis-cli .*)$`).FindAllString(text, -1)
	if len(tries) != 2 {
		t.Fatalf("%d lines to try: %q", len(tries), tries)
	}
	heard := shell(t, tries[0])
	heard.Shows(t, wait, "subscribe")
	told := shell(t, tries[1])
	heard.Shows(t, wait, `"userId":"ann"`)
	told.Shows(t, wait, "1\n")
}

// TestWelcomeOfAProductionRelay says what runs, and invites nobody to publish.
func TestWelcomeOfAProductionRelay(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	d := newScene(t, nil).start(nil, "--redis.url="+redis.URL())
	d.awaitReady()
	if text := d.Stdout.String(); !strings.Contains(text, redis.URL()) || strings.Contains(text, "publish") {
		t.Errorf("the welcome:\n%s", text)
	}
}

// shell runs a line until the test ends.
func shell(t *testing.T, line string) *process.Output {
	t.Helper()
	var out process.Output
	cmd := exec.Command("sh", "-c", "exec "+line)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // the error says that it has ended
		_ = cmd.Wait()
	})
	return &out
}
