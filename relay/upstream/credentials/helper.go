package credentials

// Running a helper.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	helperTimeout = 15 * time.Second
	maxOutput     = 64 << 10    // bytes that a helper may print
	maxComplaint  = 4 << 10     // bytes of its stderr that are kept
	maxShown      = 400         // bytes of its stderr that are shown
	closeTimeout  = time.Second // for the output to end when the helper has ended: others may hold it open
)

var (
	errHuge   = fmt.Errorf("printed more than %d KiB; it must print %s", maxOutput>>10, form)
	errHangs  = errors.New("did not end in time, and was killed")
	errKilled = errors.New("was killed by a signal")
)

// helper is a program that prints a login, and its arguments.
type helper struct {
	command []string
	user    string        // for a login that names none
	timeout time.Duration // from its start to its end
}

// own is the name by which a command means the program that runs, wherever it lies.
const own = "redis-relay"

// program returns the path or name of the program of a command.
func program(command []string) (string, error) {
	if command[0] == own {
		return os.Executable()
	}
	return command[0], nil
}

// Find returns an error if the program of a command is not there or may not be run. The error begins with key, the
// path of the command in the configuration.
func Find(key string, command []string) error {
	name, err := program(command)
	if err == nil {
		_, err = exec.LookPath(name)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w; write the path of a program", key, command[0], unnamed(err))
	}
	return nil
}

// run runs the helper without a shell, in a process group of its own, which is killed when the helper or ctx ends.
// secrets are taken out of errors.
func (h *helper) run(ctx context.Context, secrets ...string) (Login, error) {
	name, err := program(h.command)
	if err != nil {
		return Login{}, words(err)
	}
	ctx, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	defer time.AfterFunc(h.timeout, func() { kill(fmt.Errorf("%w: it may take %v", errHangs, h.timeout)) }).Stop()

	printed := &bounded{limit: maxOutput, full: func() { kill(errHuge) }}
	complaint := &bounded{limit: maxComplaint, full: func() {}}
	cmd := exec.CommandContext(ctx, name, h.command[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = printed, complaint, closeTimeout
	inOwnGroup(cmd)
	err = cmd.Run()
	killGroup(cmd)
	now := time.Now().Round(0)             // a clock that goes on while the host sleeps
	if errors.Is(err, exec.ErrWaitDelay) { // it has ended well; a process that it has started holds its output open
		err = nil
	}
	l, unfit := parse(printed.kept, h.user, now)
	switch {
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case err != nil:
		err = words(err)
	default:
		err = unfit
	}
	if err != nil {
		return Login{}, complaint.add(err, append(secrets, l.Password))
	}
	return l, nil
}

// inOwnGroup has a program run in a process group of its own, all of which is killed when its context ends.
func inOwnGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// killGroup ends what a program that has ended has left in its process group. There may be nothing.
func killGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
}

// words says how a helper has failed.
func words(err error) error {
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() < 0:
		return fmt.Errorf("%w (%w)", errKilled, exit)
	case errors.As(err, &exit):
		return fmt.Errorf("ended with %w", exit)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("cannot be started: %w; if it is a script, begin it with #!/bin/sh", unnamed(err))
	}
	return fmt.Errorf("cannot be started: %w", unnamed(err))
}

// unnamed takes the name of the program out of an error.
func unnamed(err error) error {
	var failed *exec.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return err
}

// bounded keeps the first bytes of an output.
type bounded struct {
	kept  []byte
	limit int
	full  func() // is called when there is more
}

// Write takes everything, so that the program can go on.
func (b *bounded) Write(p []byte) (int, error) {
	some := p[:min(len(p), b.limit-len(b.kept))]
	b.kept = append(b.kept, some...)
	if len(some) < len(p) {
		b.full()
	}
	return len(p), nil
}

// add adds what a program has complained of to an error, in one line and without secrets.
func (b *bounded) add(err error, secrets []string) error {
	text := string(b.kept)
	for _, secret := range secrets {
		text = hide(text, secret)
	}
	if text = strings.Join(strings.Fields(text), " "); text == "" {
		return err
	}
	if len(text) > maxShown {
		text = text[:maxShown] + "…"
	}
	return fmt.Errorf("%w; its stderr: %s", err, strings.ToValidUTF8(text, ""))
}
