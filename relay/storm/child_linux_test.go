package storm_test

// A relay as a child process, and what the system says about it.

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
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
)

// long runs the long forms of the tests.
var long = os.Getenv("RELAY_LONG") != ""

// patience bounds every wait.
const patience = 30 * time.Second

const mib = 1 << 20

// program is the path of the built program; set by TestMain.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "storm")
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

// child is a running relay.
type child struct {
	t      *testing.T
	cmd    *exec.Cmd
	redis  *redistest.Server
	dir    string
	socket string
	http   string
	nats   string // set by a test that has it listen there
	log    output
	done   chan struct{} // closed when the process has ended
	before footprint
}

// start runs a relay and waits until it is ready. prepare may change the command.
func start(t *testing.T, prepare func(*exec.Cmd), args ...string) *child {
	t.Helper()
	redis := redistest.Start(t)
	dir, err := os.MkdirTemp("", "storm") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c := &child{
		t: t, redis: redis, dir: dir, socket: filepath.Join(dir, "relay.sock"), http: freeAddress(t), done: make(chan struct{}),
	}
	c.cmd = exec.Command(program, append([]string{"--http.listen=" + c.http, "--redis.url=" + redis.URL()}, args...)...)
	c.cmd.Dir, c.cmd.Env, c.cmd.Stderr = dir, []string{}, &c.log
	if prepare != nil {
		prepare(c.cmd)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(c.done)
		_ = c.cmd.Wait() // ProcessState tells
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // the error says that it has ended
		<-c.done
		if t.Failed() {
			t.Logf("the relay said:\n%s", c.log.String())
		}
	})
	c.eventually("the relay is ready", func() bool { return c.status("/readyz") == http.StatusOK })
	c.before = c.footprint()
	return c
}

// freeAddress is one that nobody listens on, for a relay whose output is not seen. The
// host is this test's own, so that no other test takes the port meanwhile.
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

// output is what a running program has written so far.
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

// eventually waits for a condition, or for the end of the relay.
func (c *child) eventually(what string, cond func() bool) {
	c.t.Helper()
	redistest.Eventually(c.t, patience, what, func() bool { return c.ended() || cond() })
	if c.ended() {
		c.t.Fatalf("the relay has ended (%v) before: %s", c.cmd.ProcessState, what)
	}
}

func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// says counts the lines of the log that hold a text.
func (c *child) says(text string) int { return strings.Count(c.log.String(), text) }

func (c *child) dial() *redistest.Client {
	c.t.Helper()
	return redistest.Dial(c.t, "unix", c.socket)
}

var plainHTTP = http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// status asks over HTTP; 0 means that nobody answers.
func (c *child) status(path string) int {
	res, err := plainHTTP.Get("http://" + c.http + path)
	if err != nil {
		return 0
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// metrics reads all series.
func (c *child) metrics() map[string]float64 {
	c.t.Helper()
	res, err := plainHTTP.Get("http://" + c.http + "/metrics")
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	all := map[string]float64{}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), " "); ok && !strings.HasPrefix(name, "#") {
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				all[strings.TrimPrefix(name, "redis_relay_")] = v
			}
		}
	}
	return all
}

// footprint is what a relay holds of the system and for its clients.
type footprint struct {
	goroutines, descriptors, clients, listeners, subscriptions int
}

func (c *child) footprint() footprint {
	c.t.Helper()
	m := c.metrics()
	fds, err := os.ReadDir(c.proc("fd"))
	if err != nil {
		c.t.Fatal(err)
	}
	f := footprint{goroutines: int(m["go_goroutines"]), descriptors: len(fds), clients: int(m["clients"])}
	for _, kind := range []string{"channel", "pattern", "shard"} {
		f.listeners += int(m[`listeners{kind="`+kind+`"}`])
		f.subscriptions += int(m[`subscriptions{kind="`+kind+`"}`])
	}
	return f
}

// returned waits until the relay holds no more than at its start: neither here nor
// at Redis.
func (c *child) returned() {
	c.t.Helper()
	var now footprint
	defer func() {
		if c.t.Failed() {
			c.t.Logf("at first %+v, now %+v", c.before, now)
		}
	}()
	c.eventually("all is given back", func() bool {
		now = c.footprint()
		return now.clients <= c.before.clients && now.listeners <= c.before.listeners &&
			now.subscriptions <= c.before.subscriptions && now.goroutines <= c.before.goroutines+2 &&
			now.descriptors <= c.before.descriptors+1 // of this very question
	})
	c.eventually("Redis has no subscription of a client left", func() bool {
		for _, channel := range c.redis.MustDo("PUBSUB", "CHANNELS").Elems {
			if !strings.HasPrefix(channel.Str, "relay:") {
				return false
			}
		}
		return c.redis.MustDo("PUBSUB", "NUMPAT").Int == 0
	})
}

func (c *child) proc(name string) string {
	return fmt.Sprintf("/proc/%d/%s", c.cmd.Process.Pid, name)
}

var highWater = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// peak returns the most memory the process has had, in bytes, since it was last
// forgotten.
func (c *child) peak() int {
	c.t.Helper()
	text, err := os.ReadFile(c.proc("status"))
	if err != nil {
		c.t.Fatal(err)
	}
	m := highWater.FindSubmatch(text)
	if m == nil {
		c.t.Fatalf("no VmHWM in\n%s", text)
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		c.t.Fatal(err)
	}
	return kb << 10
}

// stayedUnder holds the peak against a bound, both in bytes.
func (c *child) stayedUnder(bound int) {
	c.t.Helper()
	peak := c.peak()
	c.t.Logf("%d MiB at most", peak/mib)
	if peak > bound {
		c.t.Errorf("took %d MiB, more than %d", peak/mib, bound/mib)
	}
}

// processor returns the time that the process has used.
func (c *child) processor() time.Duration {
	c.t.Helper()
	text, err := os.ReadFile(c.proc("stat"))
	if err != nil {
		c.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	var ticks int
	for _, f := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.Atoi(f)
		if err != nil {
			c.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// end asks the relay to end and returns its exit code.
func (c *child) end() int {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	select {
	case <-c.done:
	case <-time.After(patience):
		c.t.Fatal("the relay did not end")
	}
	return c.cmd.ProcessState.ExitCode()
}

// bystander is a client that must not notice what others do: it publishes to
// itself, again and again.
type bystander struct {
	stop chan struct{}
	done chan error

	rounds  int           // owned by run until done
	slowest time.Duration // owned by run until done
}

// stand starts a bystander. It is there from the first round on.
func (c *child) stand() *bystander {
	c.t.Helper()
	b := &bystander{stop: make(chan struct{}), done: make(chan error, 1)}
	sub, pub := c.dial(), c.dial()
	sub.Send("SUBSCRIBE", "bystander")
	sub.Expect(c.t, "[subscribe bystander 1]")
	go func() {
		err := b.run(sub, pub)
		sub.Close()
		pub.Close()
		b.done <- err
	}()
	return b
}

func (b *bystander) run(sub, pub *redistest.Client) error {
	for ; ; b.rounds++ {
		select {
		case <-b.stop:
			return nil
		default:
		}
		began := time.Now()
		text := "round" + strconv.Itoa(b.rounds)
		if v, err := pub.TryDo("PUBLISH", "bystander", text); err != nil || v.String() != ":1" {
			return errors.Join(err, fmt.Errorf("round %d: published: %s", b.rounds, v))
		}
		if v, err := sub.TryReceive(); err != nil || v.String() != "[message bystander "+text+"]" {
			return errors.Join(err, fmt.Errorf("round %d: heard: %s", b.rounds, v))
		}
		b.slowest = max(b.slowest, time.Since(began))
		time.Sleep(time.Millisecond)
	}
}

// leave ends it, and the test if it was disturbed.
func (b *bystander) leave(t *testing.T) {
	t.Helper()
	close(b.stop)
	if err := <-b.done; err != nil {
		t.Errorf("a bystander was disturbed: %v", err)
	}
	t.Logf("bystander: %d rounds, the slowest of %v", b.rounds, b.slowest.Round(time.Millisecond))
	if b.rounds == 0 || b.slowest > 5*time.Second {
		t.Errorf("a bystander got %d rounds, the slowest took %v", b.rounds, b.slowest)
	}
}

// dismiss ends one that was meant to be disturbed.
func (b *bystander) dismiss(t *testing.T) {
	t.Helper()
	close(b.stop)
	t.Logf("bystander: %v", <-b.done)
}

// closeAll closes connections and forgets them.
func closeAll[C io.Closer](list []C) {
	for _, c := range list {
		_ = c.Close()
	}
}
