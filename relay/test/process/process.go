package process

// A relay in a process of its own.

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

// patience bounds every wait.
const patience = time.Minute

// Relay is a relay that has been started. It is killed when the test ends.
type Relay struct {
	T              testing.TB
	Cmd            *exec.Cmd
	Dir            string // it runs there
	Socket         string // relay.sock in Dir; a test that has it elsewhere sets this
	HTTP           string // its address; so, too
	Stdout, Stderr Output
	done           chan struct{} // closed when the process has ended
}

// Start runs the program that Main has built, in dir or, if that is empty, in a folder of its own, with no
// environment. It listens for HTTP unless args say otherwise. prepare, unless nil, may change the command. Start
// does not wait until the relay is ready.
func Start(t testing.TB, dir string, prepare func(*exec.Cmd), args ...string) *Relay {
	t.Helper()
	return Run(t, path, dir, prepare, args...)
}

// Launch is Start for one test of a package whose TestMain is not Main: it builds the program, and waits until the
// relay is ready.
func Launch(t testing.TB, dir string, args ...string) *Relay {
	t.Helper()
	program := filepath.Join(redistest.TempDir(t), "redis-relay")
	if err := Build(program, nil); err != nil {
		t.Fatal(err)
	}
	p := Run(t, program, dir, nil, args...)
	p.AwaitReady()
	return p
}

// Run is Start for a program that Build has built.
func Run(t testing.TB, program, dir string, prepare func(*exec.Cmd), args ...string) *Relay {
	t.Helper()
	if dir == "" {
		dir = redistest.TempDir(t)
	}
	p := &Relay{T: t, Dir: dir, Socket: filepath.Join(dir, "relay.sock"), HTTP: FreeAddress(t), done: make(chan struct{})}
	p.Cmd = exec.Command(program, append([]string{"--http.listen=" + p.HTTP}, args...)...)
	p.Cmd.Dir, p.Cmd.Env, p.Cmd.Stdout, p.Cmd.Stderr = dir, []string{}, &p.Stdout, &p.Stderr
	if prepare != nil {
		prepare(p.Cmd)
	}
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.Cmd.Wait() // ProcessState tells
	}()
	t.Cleanup(func() {
		_ = p.Cmd.Process.Kill() // the error says that it has ended
		<-p.done
		if t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", &p.Stdout, &p.Stderr)
		}
	})
	return p
}

// FreeAddress is one that nobody listens on. On Linux the host is this test's own, so that no other test takes the
// port meanwhile.
func FreeAddress(t testing.TB) string {
	t.Helper()
	host := net.IPv4(127, 0, 0, 1)
	if runtime.GOOS == "linux" {
		host = net.IPv4(127, byte(1+rand.IntN(254)), byte(rand.IntN(256)), byte(1+rand.IntN(254)))
	}
	ln, err := net.Listen("tcp", net.JoinHostPort(host.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// Ended tells whether the process has ended.
func (p *Relay) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Eventually waits for a condition, and fails the test if the process ends before.
func (p *Relay) Eventually(what string, cond func() bool) {
	p.T.Helper()
	redistest.Eventually(p.T, patience, what, func() bool { return cond() || p.Ended() })
	if p.Ended() && !cond() {
		p.T.Fatalf("the relay has ended (%v) before: %s", p.Cmd.ProcessState, what)
	}
}

// AwaitReady waits until /readyz says so.
func (p *Relay) AwaitReady() {
	p.T.Helper()
	p.Eventually("the relay is ready", func() bool { return p.Status("/readyz") == http.StatusOK })
}

// Says waits for a text on stderr.
func (p *Relay) Says(text string) {
	p.T.Helper()
	p.Eventually("the relay says "+text, func() bool { return p.Stderr.Contains(text) })
}

// Signal sends a signal.
func (p *Relay) Signal(sig os.Signal) {
	p.T.Helper()
	if err := p.Cmd.Process.Signal(sig); err != nil {
		p.T.Fatal(err)
	}
}

// EndsWithin waits for the end and returns the exit code; -1: a signal has ended it.
func (p *Relay) EndsWithin(limit time.Duration) (exitCode int) {
	p.T.Helper()
	select {
	case <-p.done:
		return p.Cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		p.T.Fatalf("has not ended within %v", limit)
		return -1
	}
}

// Dial connects a raw client to the socket.
func (p *Relay) Dial() *redistest.Client {
	p.T.Helper()
	return redistest.Dial(p.T, "unix", p.Socket)
}

var client = http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

// Get asks over HTTP. Status 0 means that nobody answers.
func (p *Relay) Get(path string) (status int, body string) {
	res, err := client.Get("http://" + p.HTTP + path)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, ""
	}
	return res.StatusCode, string(b)
}

// Status is Get without the body.
func (p *Relay) Status(path string) int {
	status, _ := p.Get(path)
	return status
}

// Metrics waits for an answer of /metrics and reads all series, by their whole names without redis_relay_.
func (p *Relay) Metrics() map[string]float64 {
	p.T.Helper()
	var body string
	p.Eventually("/metrics is answered", func() bool { // on a busy machine the relay may give a question up
		var status int
		status, body = p.Get("/metrics")
		return status == http.StatusOK
	})
	all := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil && !strings.HasPrefix(name, "#") {
			all[strings.TrimPrefix(name, "redis_relay_")] = v
		}
	}
	return all
}
