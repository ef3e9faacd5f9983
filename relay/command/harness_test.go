package command

// This package is tested as its users see it: the built program is driven from outside.
// Here is what starts and watches it.

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/process"
)

const testVersion = "1.2.3-test"

// wait bounds what has no time limit of its own.
const wait = 30 * time.Second

// asReleased are the flags of go build.
var asReleased = []string{"-ldflags", "-X main.version=" + testVersion}

func TestMain(m *testing.M) { process.Main(m, asReleased...) }

// scene is a folder with the files of one test; programs run in it. Its path is
// short enough for a socket.
type scene struct {
	t   *testing.T
	dir string
}

// newScene makes a folder with the given files.
func newScene(t *testing.T, files map[string]string) *scene {
	t.Helper()
	s := &scene{t, redistest.TempDir(t)}
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
	return s.runCommand(exec.Command(process.Path(), args...), env)
}

// health runs health, again while the relay has not answered in time: on a busy machine that may take longer than the
// second of a probe.
func (s *scene) health(args ...string) (r result) {
	s.t.Helper()
	for began := time.Now(); time.Since(began) < wait; {
		if r = s.run(nil, append([]string{"health"}, args...)...); !strings.Contains(r.stderr, "deadline exceeded") {
			break
		}
	}
	return r
}

// runAs is run as nobody in particular, if that is wanted.
func (s *scene) runAs(nobody bool, args ...string) result {
	s.t.Helper()
	cmd := exec.Command(process.Path(), args...)
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

// daemon is a running relay.
type daemon struct{ *process.Relay }

// start runs a relay in the scene, with an embedded Redis and HTTP on a free port unless
// args say otherwise; prepare may change the command. It ends with the test.
func (s *scene) start(prepare func(*exec.Cmd), args ...string) *daemon {
	s.t.Helper()
	return &daemon{process.Start(s.t, s.dir, func(cmd *exec.Cmd) {
		cmd.Env = embedded
		if prepare != nil {
			prepare(cmd)
		}
	}, append([]string{"--http.listen=127.0.0.1:0"}, args...)...)}
}

// httpAddress finds the address of the HTTP server in the welcome.
func (d *daemon) httpAddress() string {
	d.T.Helper()
	address := regexp.MustCompile(`http://(\S+)`)
	redistest.Eventually(d.T, wait, "the relay shows its HTTP address", func() bool {
		return address.MatchString(d.Stdout.String())
	})
	d.HTTP = address.FindStringSubmatch(d.Stdout.String())[1]
	return d.HTTP
}

// awaitReady waits for /readyz and returns the HTTP address.
func (d *daemon) awaitReady() string {
	d.T.Helper()
	address := d.httpAddress()
	d.AwaitReady()
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
