package command

// This package is tested as its users see it: the built program is driven from outside.
// Here is what starts and watches it.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

const testVersion = "1.2.3-test"

// wait bounds what has no time limit of its own.
const wait = 10 * time.Second

// binary is the path of the built program; set by TestMain.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "rr")
		if err == nil {
			defer func() { _ = os.RemoveAll(dir) }()
			binary = filepath.Join(dir, "redis-relay")
			err = errors.Join(os.Chmod(dir, 0o755), build(binary)) // another user runs it, too
		}
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "build redis-relay:", err)
			return 1
		}
		return m.Run()
	}())
}

// build compiles the program as a release is, without C.
func build(output string, env ...string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-X main.version="+testVersion, "-o", output, "redis-relay")
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// scene is a folder with the files of one test; programs run in it. Its path is
// short enough for a socket.
type scene struct {
	t   *testing.T
	dir string
}

// newScene makes a folder with the given files.
func newScene(t *testing.T, files map[string]string) *scene {
	t.Helper()
	dir, err := os.MkdirTemp("", "rr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &scene{t, dir}
	for name, text := range files {
		s.write(name, text)
	}
	return s
}

// newShippedScene makes a folder with relay.yaml and the schemas as shipped.
func newShippedScene(t *testing.T) *scene {
	t.Helper()
	s := newScene(t, nil)
	const root = "../.."
	for _, pattern := range []string{"relay.yaml", "schemas/*.json"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("nothing matches %s: %v", pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s.write(strings.TrimPrefix(name, root+"/"), string(text))
		}
	}
	return s
}

func (s *scene) path(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// result is how a program ended.
type result struct {
	stdout, stderr string
	code           int
}

// embedded is the environment of a relay for development.
var embedded = []string{"RELAY_REDIS_URL=embedded"}

// run runs the program to its end, with nothing in its environment but env, or, where
// that is nil, with an embedded Redis.
func (s *scene) run(env []string, args ...string) result {
	s.t.Helper()
	if env == nil {
		env = embedded
	}
	return s.runCommand(exec.Command(binary, args...), env)
}

// runAs is run as nobody in particular, if that is wanted.
func (s *scene) runAs(nobody bool, args ...string) result {
	s.t.Helper()
	cmd := exec.Command(binary, args...)
	if nobody {
		const id = 65532
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: id, Gid: id}}
	}
	return s.runCommand(cmd, embedded)
}

func (s *scene) runCommand(cmd *exec.Cmd, env []string) result {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, env, &stdout, &stderr
	timer := time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	var failed *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &failed) {
		s.t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// expect compares an end: the exit code, and texts that stdout and stderr
// together must show.
func (r result) expect(t *testing.T, code int, texts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			t.Errorf("does not say %q", text)
		}
	}
	if t.Failed() {
		t.Logf("stdout:\n%s\nstderr:\n%s", r.stdout, r.stderr)
	}
}

// output is what a running program has written so far. It is safe for concurrent
// use.
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

// shows waits for a text.
func (o *output) shows(t *testing.T, text string) {
	t.Helper()
	redistest.Eventually(t, wait, fmt.Sprintf("the output shows %q", text), func() bool {
		return strings.Contains(o.String(), text)
	})
}

// daemon is a running relay.
type daemon struct {
	t      *testing.T
	cmd    *exec.Cmd
	socket string
	stdout output
	stderr output
	done   chan struct{} // closed when the process has ended
}

// start runs a relay in the scene, with an embedded Redis and HTTP on a free port unless
// args say otherwise; prepare may change the command. It ends with the test.
func (s *scene) start(prepare func(*exec.Cmd), args ...string) *daemon {
	s.t.Helper()
	args = append([]string{"--http.listen=127.0.0.1:0"}, args...)
	d := &daemon{t: s.t, cmd: exec.Command(binary, args...), socket: s.path("relay.sock"), done: make(chan struct{})}
	d.cmd.Dir, d.cmd.Env, d.cmd.Stdout, d.cmd.Stderr = s.dir, embedded, &d.stdout, &d.stderr
	if prepare != nil {
		prepare(d.cmd)
	}
	if err := d.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(d.done)
		_ = d.cmd.Wait() // ProcessState tells
	}()
	s.t.Cleanup(func() {
		_ = d.cmd.Process.Kill() // the error says that it has ended
		<-d.done
		if s.t.Failed() {
			s.t.Logf("stdout:\n%s\nstderr:\n%s", &d.stdout, &d.stderr)
		}
	})
	return d
}

// says waits for a text on stderr.
func (d *daemon) says(text string) {
	d.t.Helper()
	redistest.Eventually(d.t, wait, "the relay says "+text, func() bool {
		return d.hasEnded() || strings.Contains(d.stderr.String(), text)
	})
	if !strings.Contains(d.stderr.String(), text) {
		d.t.Fatalf("ended without saying %q", text)
	}
}

func (d *daemon) hasEnded() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// httpAddress finds the address of the HTTP server in the welcome.
func (d *daemon) httpAddress() string {
	d.t.Helper()
	address := regexp.MustCompile(`http://(\S+)`)
	redistest.Eventually(d.t, wait, "the relay shows its HTTP address", func() bool {
		return address.MatchString(d.stdout.String())
	})
	return address.FindStringSubmatch(d.stdout.String())[1]
}

// awaitReady waits for /readyz and returns the HTTP address.
func (d *daemon) awaitReady() string {
	d.t.Helper()
	address := d.httpAddress()
	redistest.Eventually(d.t, wait, "the relay is ready", func() bool {
		return d.hasEnded() || status(address, "/readyz") == http.StatusOK
	})
	if d.hasEnded() {
		d.t.Fatal("ended")
	}
	return address
}

// status asks over HTTP; 0 means that nobody answers.
func status(address, path string) int {
	res, err := http.Get("http://" + address + path)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

func (d *daemon) signal(sig syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(sig); err != nil {
		d.t.Fatal(err)
	}
}

// endsWithin waits for the end and returns the exit code.
func (d *daemon) endsWithin(limit time.Duration) int {
	d.t.Helper()
	select {
	case <-d.done:
		return d.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		d.t.Fatalf("has not ended within %v", limit)
		return -1
	}
}

func (d *daemon) dial() *redistest.Client {
	d.t.Helper()
	return redistest.Dial(d.t, "unix", d.socket)
}
