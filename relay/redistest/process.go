// Child processes that do not outlive the test.

package redistest

import (
	"os"
	"os/exec"
	"runtime"
)

// Process is a running child. Its methods are safe for concurrent use.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once the process has been reaped
	err  error         // how it ended; set before done is closed
}

// StartProcess starts cmd, whose SysProcAttr it sets: where the kernel can do that,
// the child dies with the test binary, however that ends. The goroutine that starts
// it keeps its thread until the process has ended, since on Linux the death of that
// thread would be taken for the death of the test.
func StartProcess(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan struct{})}
	p.cmd.SysProcAttr = dieWithParent()
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}

// Signal sends a signal. The error says that the process has ended.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Kill ends the process with SIGKILL, which a stopped one obeys too, and waits
// until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // the error says that it is gone already
	<-p.done
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the process ended, nil for exit code 0. Valid once Done is closed.
func (p *Process) Err() error { return p.err }
