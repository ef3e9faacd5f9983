package account

// The relays: the built program, in processes that can be killed and stopped.

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/process"
)

// build compiles the program, with one file replaced if overlay names one.
func build(t testing.TB, dir, overlay string) (program string) {
	t.Helper()
	program = filepath.Join(dir, "redis-relay")
	var flags []string
	if overlay != "" {
		flags = []string{"-overlay", overlay}
	}
	if err := process.Build(program, nil, flags...); err != nil {
		t.Fatal(err)
	}
	return program
}

// relay is one relay in its lives.
type relay struct {
	// Fixed after construction.
	t       testing.TB
	program string
	dir     string
	redis   string // URL
	proxy   *redistest.Proxy

	mu      sync.Mutex // Guards what follows.
	process *redistest.Process
	pid     int
	lives   int
	web     string // its addresses, if they are known
	door    string
}

// newRelay prepares a relay whose way to Redis leads through a proxy, on which all
// that passes is witnessed.
func newRelay(t testing.TB, program string, redis *redistest.Server, observe func() redistest.Observer) *relay {
	t.Helper()
	dir, err := os.MkdirTemp("", "ra") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, program: program, dir: dir, proxy: redistest.NewProxy(t, redis.Addr())}
	r.proxy.Observe(observe)
	r.redis = "redis://app:secret@" + r.proxy.Addr()
	for name, text := range map[string]string{"schemas/j.json": schemaText, "schemas/k.json": librarySchemaText} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.configure(0)
	t.Cleanup(func() {
		r.kill()
		if t.Failed() {
			t.Logf("end of the log of %s:\n%s", r.socket(), r.logTail())
		}
		_ = os.RemoveAll(dir)
	})
	return r
}

func (r *relay) socket() string { return filepath.Join(r.dir, "relay.sock") }

// configure writes relay.yaml.
func (r *relay) configure(xRoute int) {
	text := config(r.redis, r.socket(), xRoutes[xRoute])
	if err := os.WriteFile(filepath.Join(r.dir, "relay.yaml"), []byte(text), 0o600); err != nil {
		r.t.Error(err)
	}
}

func (r *relay) log() string { return filepath.Join(r.dir, fmt.Sprintf("log.%d", r.lives)) }

const shownLog = 16 << 10 // bytes

func (r *relay) logTail() string {
	text, err := os.ReadFile(r.log())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-shownLog):])
}

// start begins a life and does not wait until it is ready.
func (r *relay) start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lives++
	r.web, r.door = "", ""
	log, err := os.Create(r.log())
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	cmd := exec.Command(r.program, "--config", filepath.Join(r.dir, "relay.yaml"))
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.dir, []string{}, log, log
	if r.process, err = redistest.StartProcess(cmd); err == nil {
		r.pid = cmd.Process.Pid
	}
	return err
}

func (r *relay) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process != nil {
		r.process.Kill()
	}
}

// handlesSignals tells whether a relay is past the start, in which SIGHUP would end it.
func (r *relay) handlesSignals() bool {
	res, err := r.get("/livez")
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return true
}

// hasEnded tells whether the process has ended, by itself unless somebody is about to start another.
func (r *relay) hasEnded() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.process.Done():
		return true
	default:
		return false
	}
}

// signal sends a signal to a relay that is supposed to live.
func (r *relay) signal(sig os.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process.Signal(sig)
}

// stop ends the relay as an operator does.
func (r *relay) stop() error {
	if err := r.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-r.process.Done():
		return r.process.Err()
	case <-time.After(30 * time.Second):
		return fmt.Errorf("the relay has not ended within 30s of SIGTERM")
	}
}

// addresses are said by a relay when it starts.
var addresses = regexp.MustCompile(`nats://(127\.0\.0\.1:\d+)\s+http +http://(127\.0\.0\.1:\d+)`)

// findLocked finds them in this life's log.
func (r *relay) findLocked() error {
	if r.door != "" {
		return nil
	}
	text, err := os.ReadFile(r.log())
	if err != nil {
		return err
	}
	m := addresses.FindSubmatch(text)
	if m == nil {
		return fmt.Errorf("the relay has not said its addresses")
	}
	r.door, r.web = string(m[1]), string(m[2])
	return nil
}

// nats returns the address for NATS clients, and the process that has it.
func (r *relay) nats() (address string, process int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	err = r.findLocked()
	return r.door, r.pid, err
}

// get asks the relay's HTTP address.
func (r *relay) get(path string) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.findLocked(); err != nil {
		return nil, err
	}
	client := http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	return client.Get("http://" + r.web + path)
}

func (r *relay) ready() bool {
	res, err := r.get("/readyz")
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// queues tells whether something waits for connections whose sockets are full.
func (r *relay) queues() bool {
	n, err := r.metric("queued_bytes")
	return err != nil || n > 0
}

// metric reads a series by its whole name, with its labels.
func (r *relay) metric(series string) (int, error) {
	res, err := r.get("/metrics")
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "redis_relay_"+series+" "); ok {
			v, err := strconv.ParseFloat(value, 64)
			return int(v), err
		}
	}
	return 0, fmt.Errorf("the relay has no metric %s", series)
}
