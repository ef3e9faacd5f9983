package deploy

// Running a program as a container runtime does: a root of its own, read-only,
// with folders mounted in it, as another user without any privilege.

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// wait bounds what has no time limit of its own.
const wait = 30 * time.Second

// container is what to run.
type container struct {
	root    string // becomes read-only
	user    string // uid:gid
	groups  string // further groups, with commas
	env     []string
	command []string
	mounts  []mount
	tracing []string // put before the command that enters the root
}

// mount is a folder of the machine in a container.
type mount struct {
	from, to string
	readOnly bool
}

// start runs the container until the test ends.
func (c *container) start(t *testing.T) *process {
	t.Helper()
	return start(t, c.enter())
}

// start runs a command until the test ends.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.WaitDelay = time.Second // what it has started may hold its output open
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // ProcessState tells
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // the error says that it has ended
		<-p.done
		if t.Failed() {
			t.Logf("%s:\n%s", cmd, &p.output)
		}
	})
	return p
}

// run runs the container to its end.
func (c *container) run(t *testing.T) (code int, output string) {
	t.Helper()
	p := c.start(t)
	return p.ends(t, wait), p.output.String()
}

// enter makes the command: in a mount namespace of its own it mounts, then
// becomes the program; so its process is the program's.
func (c *container) enter() *exec.Cmd {
	script := []string{"set -eu", `mount --bind "$ROOT" "$ROOT"`}
	for _, m := range append(c.mounts, mount{"/proc", "/proc", false}) {
		script = append(script, fmt.Sprintf(`mkdir -p "$ROOT%[2]s"; mount --bind '%[1]s' "$ROOT%[2]s"`, m.from, m.to))
		if m.readOnly {
			script = append(script, fmt.Sprintf(`mount -o remount,bind,ro "$ROOT%s"`, m.to))
		}
	}
	script = append(script, `mount -o remount,bind,ro "$ROOT"`, `exec "$@"`)
	args := slices.Concat([]string{"--mount", "sh", "-c", strings.Join(script, "\n"), "sh"}, c.tracing,
		[]string{"setpriv", "--no-new-privs", "env", "-i"}, c.env,
		[]string{chroot, "--userspec=" + c.user, "--groups=" + c.groups, c.root}, c.command)
	cmd := exec.Command("unshare", args...)
	cmd.Env = append(os.Environ(), "ROOT="+c.root)
	return cmd
}

// chroot is where the command is, for a container has a PATH of its own, or none.
const chroot = "/usr/sbin/chroot"

// process is a running container.
type process struct {
	cmd    *exec.Cmd
	output output
	done   chan struct{} // closed when it has ended
}

// output is what a process has written so far. It is safe for concurrent use.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// says waits for a text in the output.
func (p *process) says(t *testing.T, text string) {
	t.Helper()
	eventually(t, "the output says "+text, func() bool { return strings.Contains(p.output.String(), text) || p.hasEnded() })
	if !strings.Contains(p.output.String(), text) {
		t.Fatalf("ended without saying %q", text)
	}
}

func (p *process) hasEnded() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// ends waits for the end and returns the exit code.
func (p *process) ends(t *testing.T, limit time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		t.Fatalf("has not ended within %v", limit)
		return -1
	}
}

// terminate asks it to end as kubelet and systemd do, and returns the exit code.
func (p *process) terminate(t *testing.T) int {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return p.ends(t, wait) // the relay itself ends after drain, with another code
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(wait); !cond(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", wait, what)
		}
	}
}

// answers waits until the relay at address answers a path with 200.
func (p *process) answers(t *testing.T, address, path string) {
	t.Helper()
	eventually(t, path+" answers 200", func() bool {
		if p.hasEnded() {
			t.Fatal("ended")
		}
		res, err := http.Get("http://" + address + path)
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// startRedis runs a redis-server until the test ends, and returns its address.
func startRedis(t *testing.T, args ...string) string {
	t.Helper()
	address := freeAddress(t)
	host, port, _ := net.SplitHostPort(address)
	cmd := exec.Command("redis-server", append([]string{"--port", port, "--bind", host, "--save", ""}, args...)...)
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; install it with .ci/deps redis", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // the error says that it has ended
		_ = cmd.Wait()
	})
	eventually(t, "redis-server answers", func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return address
}

// freeAddress returns an address on which nobody listens. Its host is the test's own, so that no other test, and no
// connection, takes the port meanwhile.
func freeAddress(t *testing.T) string {
	t.Helper()
	host := net.IPv4(127, byte(1+rand.IntN(254)), byte(rand.IntN(256)), byte(1+rand.IntN(254)))
	ln, err := net.Listen("tcp", net.JoinHostPort(host.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// folder makes a folder for a test with an owner and a mode; everybody may enter
// those above it. Its path is short enough for a socket.
func folder(t *testing.T, owner string, mode os.FileMode) string {
	t.Helper()
	dir, err := os.MkdirTemp(scratch, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := chown(dir, owner); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

// client runs redis-cli as a user ("uid:gid") with groups ("" for none), on a
// socket in a folder that it sees read-only, as apps do.
func client(user, groups, dir string, args ...string) string {
	command := append([]string{"redis-cli", "-s", dir + "/relay.sock"}, args...)
	out, _ := app(user, groups, dir, command).CombinedOutput() // a failure has said why
	return strings.TrimSpace(string(out))
}

// app makes a command that runs as client does.
func app(user, groups, dir string, command []string) *exec.Cmd {
	const script = `mount --bind "$DIR" "$DIR"; mount -o remount,bind,ro "$DIR"; exec setpriv "$@"`
	uid, gid, _ := strings.Cut(user, ":")
	further := "--groups=" + groups
	if groups == "" {
		further = "--clear-groups"
	}
	cmd := exec.Command("unshare", slices.Concat(
		[]string{"--mount", "sh", "-euc", script, "sh", "--reuid=" + uid, "--regid=" + gid, further}, command)...)
	cmd.Env = append(os.Environ(), "DIR="+dir)
	return cmd
}

// files lists what a folder holds, folders but empty ones left out.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		entries, _ := os.ReadDir(path)
		if !info.IsDir() || len(entries) == 0 {
			names = append(names, strings.TrimPrefix(path, dir))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
