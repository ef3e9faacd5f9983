package storm_test

// A relay as a child process, and what the system says about it.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/process"
)

// long runs the long forms of the tests.
var long = os.Getenv("RELAY_LONG") != ""

// patience bounds every wait.
const patience = 30 * time.Second

const mib = 1 << 20

func TestMain(m *testing.M) { process.Main(m) }

// child is a running relay, and its Redis.
type child struct {
	*process.Relay
	redis  *redistest.Server
	nats   string // set by a test that has it listen there
	before footprint
}

// start runs a relay and waits until it is ready. prepare may change the command.
func start(t *testing.T, prepare func(*exec.Cmd), args ...string) *child {
	t.Helper()
	redis := redistest.Start(t)
	args = append([]string{"--redis.url=" + redis.URL()}, args...)
	c := &child{Relay: process.Start(t, "", prepare, args...), redis: redis}
	c.AwaitReady()
	c.before = c.footprint()
	return c
}

// says counts the lines of the log that hold a text.
func (c *child) says(text string) int { return strings.Count(c.Stderr.String(), text) }

// footprint is what a relay holds of the system and for its clients.
type footprint struct {
	goroutines, descriptors, clients, listeners, subscriptions int
}

func (c *child) footprint() footprint {
	c.T.Helper()
	m := c.Metrics()
	fds, err := os.ReadDir(c.proc("fd"))
	if err != nil {
		c.T.Fatal(err)
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
	c.T.Helper()
	var now footprint
	defer func() {
		if c.T.Failed() {
			c.T.Logf("at first %+v, now %+v", c.before, now)
		}
	}()
	c.Eventually("all is given back", func() bool {
		now = c.footprint()
		return now.clients <= c.before.clients && now.listeners <= c.before.listeners &&
			now.subscriptions <= c.before.subscriptions && now.goroutines <= c.before.goroutines+2 &&
			now.descriptors <= c.before.descriptors+1 // of this very question
	})
	c.Eventually("Redis has no subscription of a client left", func() bool {
		for _, channel := range c.redis.MustDo("PUBSUB", "CHANNELS").Elems {
			if !strings.HasPrefix(channel.Str, "relay:") {
				return false
			}
		}
		return c.redis.MustDo("PUBSUB", "NUMPAT").Int == 0
	})
}

func (c *child) proc(name string) string {
	return fmt.Sprintf("/proc/%d/%s", c.Cmd.Process.Pid, name)
}

var highWater = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// peak returns the most memory the process has had, in bytes, since it was last
// forgotten.
func (c *child) peak() int {
	c.T.Helper()
	text, err := os.ReadFile(c.proc("status"))
	if err != nil {
		c.T.Fatal(err)
	}
	m := highWater.FindSubmatch(text)
	if m == nil {
		c.T.Fatalf("no VmHWM in\n%s", text)
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		c.T.Fatal(err)
	}
	return kb << 10
}

// stayedUnder holds the peak against a bound, both in bytes.
func (c *child) stayedUnder(bound int) {
	c.T.Helper()
	peak := c.peak()
	c.T.Logf("%d MiB at most", peak/mib)
	if peak > bound {
		c.T.Errorf("took %d MiB, more than %d", peak/mib, bound/mib)
	}
}

// processor returns the time that the process has used.
func (c *child) processor() time.Duration {
	c.T.Helper()
	text, err := os.ReadFile(c.proc("stat"))
	if err != nil {
		c.T.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	var ticks int
	for _, f := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.Atoi(f)
		if err != nil {
			c.T.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// end asks the relay to end and returns its exit code.
func (c *child) end() int {
	c.T.Helper()
	c.Signal(syscall.SIGTERM)
	return c.EndsWithin(patience)
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
	c.T.Helper()
	b := &bystander{stop: make(chan struct{}), done: make(chan error, 1)}
	sub, pub := c.Dial(), c.Dial()
	sub.Send("SUBSCRIBE", "bystander")
	sub.Expect(c.T, "[subscribe bystander 1]")
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
	if b.rounds == 0 || b.slowest > 10*time.Second { // it would wait for others as long as these do: 30 s
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
