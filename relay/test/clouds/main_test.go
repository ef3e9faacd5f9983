package clouds

// Running the program, and servers that answer as clouds do.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/test/process"
)

// TestMain builds the program.
func TestMain(m *testing.M) { process.Main(m) }

// result is how a run of credentials has ended.
type result struct {
	stdout, stderr string
	code           int
	took           time.Duration
}

// run is once, and again where a busy machine has made the limit of credentials too short.
func run(t *testing.T, env []string, args ...string) (r result) {
	t.Helper()
	for range 5 {
		if r = once(t, env, args...); r.code == 0 || !strings.Contains(r.stderr, "no answer within 10s") {
			break
		}
	}
	return r
}

// once runs credentials with nothing in its environment but env.
func once(t *testing.T, env []string, args ...string) result {
	t.Helper()
	cmd := exec.Command(process.Path(), append([]string{"credentials"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = t.TempDir(), env, &stdout, &stderr
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	start := time.Now()
	var failed *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), time.Since(start)}
}

// login is what a helper prints.
type login struct {
	User     string    `json:"username"`
	Password string    `json:"password"`
	Expires  time.Time `json:"expiresAt"`
}

// get runs credentials, which must print a login.
func get(t *testing.T, env []string, args ...string) (l login) {
	t.Helper()
	r := run(t, env, args...)
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	if err := json.Unmarshal([]byte(r.stdout), &l); err != nil || l.User == "" || l.Password == "" || l.Expires.IsZero() {
		t.Fatalf("%v: printed %s", err, r.stdout)
	}
	return l
}

// expiresIn compares the expiry with how long the token must hold, in a run that has just ended.
func (l *login) expiresIn(t *testing.T, want time.Duration) {
	t.Helper()
	const slack = time.Minute // what a busy machine may take, and a second that is cut off
	if left := time.Until(l.Expires); left > want+time.Second || left < want-slack {
		t.Errorf("expires in %v, want %v", left, want)
	}
}

// fake answers as a cloud does.
func fake(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s
}

// silent takes connections and says nothing.
func silent(t *testing.T) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.Addr().String()
}

// file writes a file of the test.
func file(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// write answers a request.
func write(w http.ResponseWriter, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// reject answers a request that is not as it must be. What failed is in the body.
func reject(w http.ResponseWriter, r *http.Request) {
	http.Error(w, fmt.Sprintf("unexpected: %s %s %v %v", r.Method, r.URL, r.Form, r.Header), http.StatusBadRequest)
}

// says fails the test unless a run has failed in time, with an exit code and these words, and without a secret.
func (r *result) says(t *testing.T, code int, words ...string) {
	t.Helper()
	if r.code != code || r.stdout != "" || strings.Contains(r.stderr, "sesame") {
		t.Errorf("exit code %d, stdout %q, stderr %s", r.code, r.stdout, r.stderr)
	}
	for _, word := range words {
		if !strings.Contains(r.stderr, word) {
			t.Errorf("does not say %q: %s", word, r.stderr)
		}
	}
	if r.took > 30*time.Second { // 10 s, and a busy machine
		t.Errorf("took %v", r.took)
	}
}
