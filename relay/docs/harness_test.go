package docs_test

// The built program, running in a folder as "go run ." would in the root.

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/process"
)

// patience bounds every wait.
const patience = 30 * time.Second

func TestMain(m *testing.M) { process.Main(m) }

// relay is a running relay, with the shipped configuration and the embedded Redis.
type relay struct{ *process.Relay }

// startRelay starts a relay and waits until it is ready. It ends with the test.
func startRelay(t *testing.T) *relay {
	t.Helper()
	dir := redistest.TempDir(t)
	copyInto(t, dir, "relay.yaml")
	if err := os.CopyFS(filepath.Join(dir, "schemas"), os.DirFS(filepath.Join(root, "schemas"))); err != nil {
		t.Fatal(err)
	}
	r := &relay{process.Start(t, dir, nil)}
	r.AwaitReady()
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
	path := filepath.Join(r.Dir, "relay.yaml")
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
	before := strings.Count(r.Stderr.String(), done)
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), known, part, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Eventually(done, func() bool { return strings.Count(r.Stderr.String(), done) > before })
}

// environment has redis-cli print as to a terminal, and finds the built program.
func environment() []string {
	return append(os.Environ(), "FAKETTY=1", "PATH="+filepath.Dir(process.Path())+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// start starts a command in the relay's folder. It ends with the test.
func (r *relay) start(t *testing.T, cmd *exec.Cmd) *process.Output {
	t.Helper()
	out := &process.Output{}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.Dir, environment(), out, out
	started, err := redistest.StartProcess(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = started.Signal(syscall.SIGTERM) // the error says that it has ended
		select {
		case <-started.Done():
		case <-time.After(patience):
			started.Kill()
		}
		if t.Failed() {
			t.Logf("%s printed:\n%s", cmd, out)
		}
	})
	return out
}

// commands lists what COMMAND DOCS names: "client", "client|id", ...
func (r *relay) commands() (names []string) {
	c := r.Dial()
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
func (r *relay) sh(line string) (string, error) {
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Env = r.Dir, environment()
	out, err := cmd.CombinedOutput()
	return strings.TrimRight(string(out), "\n"), err
}
