package top

// What a script gets.

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/process"
)

// run runs a program whose output is no terminal.
func run(cmd *exec.Cmd) (stdout, stderr string, code int) {
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	var failed *exec.ExitError
	if err := cmd.Run(); errors.As(err, &failed) {
		code = failed.ExitCode()
	} else if err != nil {
		code = -1
	}
	return out.String(), problems.String(), code
}

// TestInAPipe: text without escape codes, or JSON.
func TestInAPipe(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.pub.Do("PUBLISH", evil, "no JSON")
	for _, args := range [][]string{{"--once"}, nil, {"--view", "rejects", "--filter", "PWNED"}, {"--once", "--json"}} {
		text, problems, code := run(s.top(args...))
		if code != 0 || problems != "" || !strings.Contains(text, "pwned") {
			t.Errorf("%v: code %d, %s%s", args, code, problems, text)
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' }); i >= 0 {
			t.Errorf("%v prints %q", args, text[i:min(len(text), i+20)])
		}
	}
	text, _, _ := run(s.top("--once", "--json"))
	var state struct {
		PID     int
		Rejects []struct{ Channel string }
	}
	if err := json.Unmarshal([]byte(text), &state); err != nil || strings.Count(text, "\n") != 1 {
		t.Fatalf("%v in %s", err, text)
	}
	if state.PID != s.Cmd.Process.Pid || len(state.Rejects) != 1 || state.Rejects[0].Channel != evil {
		t.Errorf("%+v", state)
	}
}

// TestJSONLines: one at each interval, until SIGINT.
func TestJSONLines(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	cmd := s.top("--json", "--interval=100ms")
	var out, problems process.Output
	cmd.Stdout, cmd.Stderr = &out, &problems
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := func() int { return strings.Count(out.String(), "\n") }
	redistest.Eventually(t, patience, "there are three lines", func() bool { return lines() >= 3 })
	dir := s.Dir
	s.Signal(os.Kill)
	problems.Shows(t, patience, "trying again")
	n := lines()
	s.startRelay(dir)
	redistest.Eventually(t, patience, "lines come again", func() bool { return lines() > n })
	must(t, cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, &problems)
	}
}

// TestNoRelay: a script is told; a person sees it.
func TestNoRelay(t *testing.T) {
	t.Parallel()
	s := &scene{t: t, Relay: &process.Relay{Dir: redistest.TempDir(t)}}
	for _, args := range [][]string{{"--once"}, {"--json", "--once"}} {
		text, problems, code := run(s.top(args...))
		if code != 1 || text != "" || !strings.Contains(problems, "no relay answers at") {
			t.Errorf("%v: code %d, %s%s", args, code, problems, text)
		}
	}
	r := onTerminal(t, s.top(), 80, 24)
	r.shows("NO ANSWER", "no relay answers at", "trying again")
	r.press("q")
	r.endsWith(0)
}
