// The test that no redis-server outlives a test binary, which dies here for real.

package redistest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

const orphanVariable = "REDISTEST_ORPHAN"

// TestOrphan starts a server, says where and waits to be killed by TestNoOrphan.
func TestOrphan(t *testing.T) {
	if os.Getenv(orphanVariable) == "" {
		t.Skip("run by TestNoOrphan")
	}
	srv := Start(t)
	fmt.Println(srv.Addr(), srv.proc.cmd.Process.Pid)
	select {}
}

func TestNoOrphan(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestOrphan$")
	cmd.Env = append(os.Environ(), orphanVariable+"=1", "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	defer func() { _ = cmd.Process.Kill() }()

	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var addr string
	var pid int
	if _, err := fmt.Sscan(line, &addr, &pid); err != nil {
		t.Fatalf("parse %q: %v", line, err)
	}
	defer func() {
		if t.Failed() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}()
	c := Dial(t, "tcp", addr)
	c.Send("PING")
	c.Expect(t, "+PONG")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	c.Closed()
	Eventually(t, DefaultTimeout, "redis-server is gone or a zombie", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
}
