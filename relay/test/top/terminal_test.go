package top

// A pseudo-terminal with a program on it, and an emulator that shows what a person would see.

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/gdamore/tcell/v3/vt"
	"golang.org/x/term"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/process"
)

// terminal is a program on a terminal.
type terminal struct {
	t          *testing.T
	cmd        *exec.Cmd
	keys       *os.File // the side of the person
	line       *os.File // the side of the program
	screen     vt.MockTerm
	raw        process.Output // all that the program has written
	ended      chan struct{}
	wide, high int
}

// onTerminal starts a program on a terminal of its own.
func onTerminal(t *testing.T, cmd *exec.Cmd, wide, high int) *terminal {
	t.Helper()
	keys, line, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	r := &terminal{
		t: t, cmd: cmd, keys: keys, line: line, ended: make(chan struct{}), wide: wide, high: high,
		screen: vt.NewMockTerm(vt.MockOptSize{X: vt.Col(wide), Y: vt.Row(high)}),
	}
	must(t, r.screen.Start())
	r.resize(wide, high)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = line, line, line
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	must(t, cmd.Start())
	go func() {
		defer close(r.ended)
		_ = cmd.Wait() // ProcessState tells
	}()
	go pump(keys.Read, r.raw.Write, r.screen.Write)
	go pump(r.screen.Read, keys.Write) // answers to questions of the program
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // the error says that it has ended
		<-r.ended
		_ = errors.Join(r.screen.Stop(), line.Close(), keys.Close())
		if t.Failed() {
			t.Logf("screen:\n%s", r.text())
		}
	})
	return r
}

// pump copies until an error.
func pump(read func([]byte) (int, error), writes ...func([]byte) (int, error)) {
	b := make([]byte, 64<<10)
	for {
		n, err := read(b)
		for _, write := range writes {
			if _, failed := write(b[:n]); failed != nil && err == nil {
				err = failed
			}
		}
		if err != nil {
			return
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *terminal) resize(wide, high int) {
	r.t.Helper()
	r.screen.SetSize(vt.Coord{X: vt.Col(wide), Y: vt.Row(high)})
	must(r.t, pty.Setsize(r.keys, &pty.Winsize{Cols: uint16(wide), Rows: uint16(high)}))
	r.wide, r.high = wide, high
}

// text is what stands on the screen.
func (r *terminal) text() string {
	var b strings.Builder
	for y := range r.high {
		var line strings.Builder
		for x := 0; x < r.wide; x++ {
			if c := r.screen.GetCell(vt.Coord{X: vt.Col(x), Y: vt.Row(y)}); c.C != "" {
				line.WriteString(c.C)
			} else {
				line.WriteString(" ")
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// press presses keys.
func (r *terminal) press(keys string) {
	r.t.Helper()
	if _, err := r.keys.WriteString(keys); err != nil {
		r.t.Fatal(err)
	}
}

// shows waits until all texts are on the screen.
func (r *terminal) shows(texts ...string) {
	r.t.Helper()
	r.eventually("the screen shows "+strings.Join(texts, ", "), func() bool {
		screen := r.text()
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	})
}

func (r *terminal) eventually(what string, cond func() bool) {
	r.t.Helper()
	redistest.Eventually(r.t, patience, what, cond)
}

// row returns the words of the first line under the one with a title.
func (r *terminal) row(title string) []string {
	_, rest, _ := strings.Cut(r.text(), title)
	_, rest, _ = strings.Cut(rest, "\n")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.Fields(line)
}

// modes are the modes of the terminal: echo, lines, signals.
func (r *terminal) modes() *term.State {
	r.t.Helper()
	modes, err := term.GetState(int(r.line.Fd()))
	must(r.t, err)
	return modes
}

// endsWith waits for the end, and checks the exit code.
func (r *terminal) endsWith(code int) {
	r.t.Helper()
	select {
	case <-r.ended:
		if got := r.cmd.ProcessState.ExitCode(); got != code {
			r.t.Errorf("exit code %d, want %d", got, code)
		}
	case <-time.After(patience):
		r.t.Fatal("the program has not ended")
	}
}
