package order_test

// The relay as a process, on a redis-server of its own.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"redis-relay/relay/redistest"
)

// program is the path of the built relay; set by TestMain.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "order")
		if err == nil {
			defer func() { _ = os.RemoveAll(dir) }()
			program = filepath.Join(dir, "redis-relay")
			cmd := exec.Command("go", "build", "-o", program, "../..")
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

// relay is a running relay.
type relay struct {
	socket, http string
	log          bytes.Buffer // read when the process has ended
}

const relayConfig = `
http: {listen: %q}
redis: {url: %q}
socket: {path: %q}
routes: [{prefix: %q, history: {length: 10000, ttl: 10m}}]
`

// startRelay runs a relay and waits until it is ready.
func startRelay(t *testing.T, redis *redistest.Server) *relay {
	t.Helper()
	dir, err := os.MkdirTemp("", "order") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &relay{socket: filepath.Join(dir, "relay.sock"), http: freeAddress(t)}
	file := filepath.Join(dir, "relay.yaml")
	text := fmt.Sprintf(relayConfig, r.http, redis.URL(), r.socket, historyPrefix)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--config", file)
	cmd.Dir, cmd.Env, cmd.Stderr = dir, []string{}, &r.log
	if err := os.Mkdir(filepath.Join(dir, "schemas"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("the relay said:\n%s", r.log.String())
		}
	})
	redistest.Eventually(t, redistest.DefaultTimeout, "the relay is ready", func() bool {
		status, _ := r.get("/readyz")
		return status == http.StatusOK
	})
	return r
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

// get asks over HTTP; status 0: nobody answers.
func (r *relay) get(path string) (status int, body []byte) {
	res, err := http.Get("http://" + r.http + path)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = res.Body.Close() }()
	body, err = io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	return res.StatusCode, body
}

var readersLine = regexp.MustCompile(`(?m)^redis_relay_history_readers (\d+)$`)

// readers is the number of connections that wait in XREAD.
func (r *relay) readers() int {
	_, body := r.get("/metrics")
	m := readersLine.FindSubmatch(body)
	if m == nil {
		return -1
	}
	n, _ := strconv.Atoi(string(m[1])) // digits
	return n
}
