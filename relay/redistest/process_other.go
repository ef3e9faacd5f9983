//go:build unix && !linux

// The fallback where the kernel does not tie a child's life to its parent's: a
// test binary that is killed leaves its servers behind.

package redistest

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

// isStopped reports whether the process is stopped by a signal.
func isStopped(pid int) bool {
	state, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.HasPrefix(string(state), "T")
}
