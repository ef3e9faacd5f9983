// One life of a redis-server process.

package redistest

import (
	"os"
	"os/exec"
	"runtime"
)

// process is one life of redis-server. Its methods are safe for concurrent use.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed once the process has been reaped
	err  error         // how it ended; set before done is closed
}

// startProcess runs bin with its output going to log. The goroutine that starts
// it keeps its thread until the process has ended, since on Linux the death of
// that thread would be taken for the death of the test.
func startProcess(bin string, args []string, log *os.File) (*process, error) {
	p := &process{cmd: exec.Command(bin, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
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

// kill ends the process with SIGKILL, which a stopped one obeys too, and waits
// until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // the error says that it is gone already
	<-p.done
}
