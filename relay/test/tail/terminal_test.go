package tail

// The programs at a terminal.

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"redis-relay/relay/test/harness"
)

// terminal is a program at a pseudo-terminal.
type terminal struct {
	*running
	keyboard *os.File
}

// open starts a program at a terminal of its own. What it prints, on either output, is in stdout.
func (s *scene) open(env []string, args ...string) *terminal {
	s.t.Helper()
	program := &running{cmd: s.program(args...), done: make(chan struct{})}
	program.cmd.Env = append(program.cmd.Env, append([]string{"TERM=xterm"}, env...)...)
	screen, err := pty.StartWithSize(program.cmd, &pty.Winsize{Rows: 24, Cols: 200})
	if err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(program.done)
		// The end of a terminal that nobody has open any more is an error.
		if _, err := io.Copy(&program.stdout, screen); err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, os.ErrClosed) {
			s.t.Error(err)
		}
		_ = program.cmd.Wait() // ProcessState tells
	}()
	s.t.Cleanup(func() {
		_ = program.cmd.Process.Kill() // the error says that it has ended
		<-program.done
		_ = screen.Close()
	})
	return &terminal{program, screen}
}

// press types a key.
func (k *terminal) press(t *testing.T, key string) {
	t.Helper()
	if _, err := io.WriteString(k.keyboard, key); err != nil {
		t.Fatal(err)
	}
}

const ctrlC = "\x03"

// TestTailAtATerminal has colours, unless they are not wanted, and Ctrl-C ends it well.
func TestTailAtATerminal(t *testing.T) {
	t.Parallel()
	s := start(t, routes)
	const escape = "\x1b["
	coloured, plain := s.open(nil, "tail"), s.open([]string{"NO_COLOR=1"}, "tail")
	dumb, lines := s.open([]string{"TERM=dumb"}, "tail"), s.open(nil, "tail", "--json")
	all := []*terminal{coloured, plain, dumb, lines}
	until(t, s, len(all))
	pub := s.Dial()
	pub.Do("PUBLISH", "chat:1", harness.ValidChat)
	pub.Do("PUBLISH", "chat:1", harness.InvalidChat)
	pub.Do("PUBLISH", "other", "\x1b[2J clears no screen")
	for _, k := range all {
		k.stdout.Shows(t, patience, "clears no screen")
		k.press(t, ctrlC)
		if code := k.code(t); code != 0 {
			t.Errorf("%q: code %d", k.cmd.Args, code)
		}
		if coloured := strings.Contains(k.stdout.String(), escape); coloured != (k == all[0]) {
			t.Errorf("%q in %q: coloured is %v:\n%q", k.cmd.Args, k.cmd.Env, coloured, &k.stdout)
		}
		if hint := k.stdout.Contains("watching; Ctrl-C ends"); hint != (k != lines) {
			t.Errorf("%q: the hint is there: %v", k.cmd.Args, hint)
		}
	}
	if strings.Contains(coloured.stdout.String(), "\x1b[2J") {
		t.Error("a payload reaches the terminal as it is")
	}
}

func TestSubAndPubAtATerminal(t *testing.T) {
	t.Parallel()
	s := start(t, "")
	sub := s.open(nil, "sub", "a*")
	s.connected("redis-relay-sub", "psubscribe")
	pub := s.open(nil, "pub", "ab", "hello")
	if code := pub.code(t); code != 0 || pub.stdout.String() != "1\r\n" {
		t.Errorf("pub: code %d, %q", code, &pub.stdout)
	}
	sub.stdout.Shows(t, patience, "ab hello\r\n")
	sub.press(t, ctrlC)
	if code := sub.code(t); code != 0 {
		t.Errorf("sub: code %d", code)
	}
	typed := s.open(nil, "pub", "ab", "--lines")
	typed.press(t, "one\n")
	typed.stdout.Shows(t, patience, "0\r\n")
	typed.press(t, "\x04") // the end of input
	if code := typed.code(t); code != 0 {
		t.Errorf("pub --lines: code %d", code)
	}
}

// TestTailInABrokenPipe ends without a word, as in tail | head.
func TestTailInABrokenPipe(t *testing.T) {
	t.Parallel()
	s := start(t, "")
	r := &running{cmd: s.program("tail"), done: make(chan struct{})}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.Stderr = &r.stderr
	s.run(r)
	until(t, s, 1)
	_ = out.Close()
	s.Dial().Do("PUBLISH", "a", "x")
	if r.code(t); r.stderr.String() != "" {
		t.Errorf("says %q", &r.stderr)
	}
}
