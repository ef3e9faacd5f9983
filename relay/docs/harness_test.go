package docs_test

// The built program, running in a folder as "go run ." would in the root.

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
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

// patience bounds every wait.
const patience = 30 * time.Second

// bin is the folder of the built program; set by TestMain.
var bin string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "docs")
		if err == nil {
			defer func() { _ = os.RemoveAll(dir) }()
			bin = dir
			cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "redis-relay"), root)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			var out []byte
			if out, err = cmd.CombinedOutput(); err != nil {
				err = fmt.Errorf("%w\n%s", err, out)
			}
		}
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "build redis-relay:", err)
			return 1
		}
		return m.Run()
	}())
}

// output is what a process has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// relay is a running relay with its folder.
type relay struct {
	dir  string
	http string
	log  *output
}

var address = regexp.MustCompile(`(?m)^ +http +(http://\S+)$`)

// startRelay starts a relay, with the shipped configuration and the embedded Redis, and waits until it is
// ready. It ends with the test.
func startRelay(t *testing.T) *relay {
	t.Helper()
	dir, err := os.MkdirTemp("", "docs") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	copyInto(t, dir, "relay.yaml")
	if err := os.CopyFS(filepath.Join(dir, "schemas"), os.DirFS(filepath.Join(root, "schemas"))); err != nil {
		t.Fatal(err)
	}
	r := &relay{dir: dir}
	r.log = r.start(t, exec.Command(filepath.Join(bin, "redis-relay"), "--http.listen=127.0.0.1:0"))
	redistest.Eventually(t, patience, "the relay says its address", func() bool {
		m := address.FindStringSubmatch(r.log.String())
		if m != nil {
			r.http = m[1]
		}
		return m != nil
	})
	redistest.Eventually(t, patience, "the relay is ready", func() bool {
		response, err := http.Get(r.http + "/readyz")
		return err == nil && errors.Join(response.Body.Close()) == nil && response.StatusCode == http.StatusOK
	})
	return r
}

func copyInto(t *testing.T, dir, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// reload adds the lines at the end of part, which is otherwise in relay.yaml, and waits until the relay has them.
func (r *relay) reload(t *testing.T, part string) {
	t.Helper()
	const done = "configuration reloaded"
	path := filepath.Join(r.dir, "relay.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	known := part
	for !strings.Contains(string(text), known) {
		known = known[:strings.LastIndexByte(strings.TrimSuffix(known, "\n"), '\n')+1]
	}
	if known == "" || known == part {
		t.Fatalf("relay.yaml has nothing of this, or all:\n%s", part)
	}
	before := strings.Count(r.log.String(), done)
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), known, part, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	redistest.Eventually(t, patience, done, func() bool { return strings.Count(r.log.String(), done) > before })
}

// environment has redis-cli print as to a terminal, and finds the built program.
func environment() []string {
	return append(os.Environ(), "FAKETTY=1", "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// start starts a command in the relay's folder. It ends with the test.
func (r *relay) start(t *testing.T, cmd *exec.Cmd) *output {
	t.Helper()
	out := &output{}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.dir, environment(), out, out
	process, err := redistest.StartProcess(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Signal(syscall.SIGTERM) // the error says that it has ended
		select {
		case <-process.Done():
		case <-time.After(patience):
			process.Kill()
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", cmd, out)
		}
	})
	return out
}

// get asks the relay's HTTP server.
func (r *relay) get(t *testing.T, path string) string {
	t.Helper()
	response, err := http.Get(r.http + path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// commands lists what COMMAND DOCS names: "client", "client|id", ...
func (r *relay) commands(t *testing.T) (names []string) {
	t.Helper()
	c := redistest.Dial(t, "unix", filepath.Join(r.dir, "relay.sock"))
	var walk func(list []redistest.Value)
	walk = func(list []redistest.Value) {
		for i := 0; i+1 < len(list); i += 2 {
			names = append(names, list[i].Str)
			docs := list[i+1].Elems
			for j := 0; j+1 < len(docs); j += 2 {
				if docs[j].Str == "subcommands" {
					walk(docs[j+1].Elems)
				}
			}
		}
	}
	walk(c.Do("COMMAND", "DOCS").Elems)
	slices.Sort(names)
	return names
}

// sh runs a line of a page.
func (r *relay) sh(t *testing.T, line string) (string, error) {
	t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Env = r.dir, environment()
	out, err := cmd.CombinedOutput()
	return strings.TrimRight(string(out), "\n"), err
}
