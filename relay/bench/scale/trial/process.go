//go:build linux

package trial

// Children, and what they have used of the machine.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Setting is with what the runs are made.
type Setting struct {
	Redis    string                           // program of the redis-server
	Relay    string                           // program of the relay
	Flags    []string                         // of every relay: its configuration, but for routes, and its schemas
	Progress func(format string, args ...any) // is told what is being done
}

// world is what one run has started.
type world struct {
	Setting
	ctx   context.Context // of all children
	end   context.CancelFunc
	dir   string // for sockets, with a short path
	ports int    // sockets and folders named so far
	all   []*child
}

// newWorld returns a world to close.
func newWorld(ctx context.Context, s Setting) (*world, error) {
	dir, err := os.MkdirTemp("", "rs")
	if err != nil {
		return nil, err
	}
	w := &world{Setting: s, dir: dir}
	w.ctx, w.end = context.WithCancel(ctx)
	return w, nil
}

// close ends all children and removes their files.
func (w *world) close() {
	w.end()
	for _, c := range w.all {
		<-c.done
	}
	_ = os.RemoveAll(w.dir) // in the folder for temporary files: no harm if it stays
}

// path names a new file.
func (w *world) path() string {
	w.ports++
	return filepath.Join(w.dir, strconv.Itoa(w.ports))
}

// routes are those of every relay. A cluster that has just been made makes links between its nodes anew, for which a
// relay would disconnect its listeners.
const routes = `RELAY_ROUTES=[{prefix: "chat:", schema: chat.json, on_gap: notify}]`

// child is a process.
type child struct {
	cmd    *exec.Cmd
	output bytes.Buffer  // complete once done is closed
	done   chan struct{} // closed when it has been reaped
}

// start runs a program that dies with the world.
func (w *world) start(program string, args ...string) (*child, error) {
	c := &child{cmd: exec.CommandContext(w.ctx, program, args...), done: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), routes)
	c.cmd.Dir, c.cmd.Stdout, c.cmd.Stderr = w.dir, &c.output, &c.output
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	w.all = append(w.all, c)
	go func() {
		defer close(c.done)
		_ = c.cmd.Wait() // the output tells
	}()
	return c, nil
}

// await asks again and again until there is no error, the child has ended or the time is over.
func (w *world) await(c *child, ready func() error) error {
	const (
		pause = 5 * time.Millisecond
		limit = time.Minute
	)
	deadline := time.Now().Add(limit)
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s has ended: %s", c.cmd.Path, bytes.TrimSpace(c.output.Bytes()))
		case <-w.ctx.Done():
			return errors.Join(w.ctx.Err(), err)
		case <-time.After(pause):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not ready within %v: %w", c.cmd.Path, limit, err)
		}
	}
}

// cpu is the processor time that the process has used, in all its threads, in seconds.
func (c *child) cpu() (float64, error) {
	const scheduled = 2                     // CPUCLOCK_SCHED: of the process, in nanoseconds
	id := ^c.cmd.Process.Pid<<3 | scheduled // how Linux names the CPU clock of another process
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(id), &ts); err != nil {
		return 0, fmt.Errorf("read the CPU clock of %s: %w", c.cmd.Path, err)
	}
	return time.Duration(ts.Nano()).Seconds(), nil
}

// written is how many bytes the process has written, to files and sockets.
func (c *child) written() (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "wchar: "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("%s: no wchar in /proc/.../io", c.cmd.Path)
}
