package top

// What a person at a terminal sees.

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
	"redis-relay/relay/test/process"
)

func TestMain(m *testing.M) { process.Main(m) }

const patience = 30 * time.Second

// scene is a relay, its Redis, and a publisher.
type scene struct {
	*process.Relay
	t     *testing.T
	redis *redistest.Server
	pub   *redistest.Client
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, redis: redistest.Start(t)}
	dir := redistest.TempDir(t)
	config := "schemas: " + harness.Path(t, "schemas") + "\nredis: {url: '" + s.redis.URL() + "'}\n" +
		"limits: {queue_age: 0s}\nroutes:\n- {prefix: 'chat:', schema: chat.json}\n- {prefix: 'bulk:'}\n"
	must(t, os.WriteFile(filepath.Join(dir, "relay.yaml"), []byte(config), 0o600))
	s.startRelay(dir)
	return s
}

func (s *scene) startRelay(dir string) {
	s.t.Helper()
	s.Relay = process.Start(s.t, dir, nil)
	s.AwaitReady()
	s.pub = s.Dial()
}

// top prepares redis-relay top as a user of this relay starts it.
func (s *scene) top(args ...string) *exec.Cmd {
	cmd := exec.Command(process.Path(), append([]string{"top"}, args...)...)
	cmd.Dir, cmd.Env = s.Dir, []string{"TZ=UTC", "TERM=xterm-256color", "LANG=C.UTF-8"}
	return cmd
}

// stuck connects a listener that reads nothing, and fills its queue.
func (s *scene) stuck() {
	s.t.Helper()
	c := s.Dial()
	c.Send("CLIENT", "SETNAME", "stuck-reader")
	c.Expect(s.t, "+OK")
	c.Send("SUBSCRIBE", "bulk:1")
	c.Receive()
	large := strings.Repeat("x", 64<<10)
	for range 30 { // more than its socket takes, less than limits.queue
		s.pub.Do("PUBLISH", "bulk:1", large)
	}
}

// traffic publishes on a channel that somebody listens to, until the test ends.
func (s *scene) traffic() {
	s.t.Helper()
	sub := s.Dial()
	sub.Send("SUBSCRIBE", "chat:1")
	sub.Receive()
	pub, stop := s.Dial(), make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for sub.ReadMessages(1, func(_, _ []byte) {}) == nil {
		}
	})
	running.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			if _, err := pub.TryDo("PUBLISH", "chat:1", harness.ValidChat); err != nil {
				return // the relay is gone
			}
		}
	})
	s.t.Cleanup(func() {
		close(stop)
		pub.Close()
		sub.Close()
		running.Wait()
	})
}

// evil is a channel whose name would set a terminal's title and clear its screen.
const evil = "chat:\x1b]0;pwned\x07\x1b[2J\u009b2J"

// TestAtATerminal: the busy route, the stuck reader, the refused message; Redis away and back; the relay away and back.
func TestAtATerminal(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.stuck()
	s.traffic()
	s.pub.Do("PUBLISH", evil, "no JSON")
	r := onTerminal(t, s.top("--interval=200ms"), 110, 30)
	before := r.modes()
	r.shows("live", "lag", "CLIENTS", "ROUTES")
	r.eventually("the stuck reader is on top of the clients, and waits", func() bool {
		row := r.row("CLIENTS ")
		return len(row) > 4 && row[0] == "stuck-reader" && strings.HasSuffix(row[3], "iB") && row[4] != "0s"
	})
	r.eventually("the busy route is on top of the routes", func() bool {
		row := r.row("ROUTES ")
		return len(row) > 2 && row[0] == "chat:" && row[1] != "0" && row[2] != "0"
	})
	r.eventually("the busy channel is on top of the channels", func() bool {
		row := r.row("CHANNELS ")
		return len(row) > 2 && row[0] == "chat:1" && row[1] != "0"
	})
	r.shows(`INVALID`, `chat:\x1b]0;pwned`)
	if title := r.screen.GetTitle(); strings.Contains(title, "pwned") {
		t.Errorf("a channel has set the title %q", title)
	}

	s.redis.Kill()
	r.shows("DOWN")
	s.redis.Restart()
	r.shows("  up  lag")

	dir := s.Dir
	s.Signal(os.Kill)
	r.shows("NO ANSWER", "OLD", "stuck-reader", "trying again")
	s.startRelay(dir)
	r.shows("live")

	r.press("q")
	r.endsWith(0)
	if after := r.modes(); !reflect.DeepEqual(before, after) {
		t.Errorf("the terminal was %+v, is %+v", before, after)
	}
	r.eventually("the other screen is left, and the cursor shown", func() bool {
		raw := r.raw.String()
		return strings.LastIndex(raw, "\x1b[?1049l") > strings.LastIndex(raw, "\x1b[?1049h") &&
			strings.LastIndex(raw, "\x1b[?25h") > strings.LastIndex(raw, "\x1b[?25l")
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, name := range []string{"alpha", "beta"} {
		s.Dial().Do("CLIENT", "SETNAME", name)
	}
	r := onTerminal(t, s.top("--interval=100ms"), 110, 30)
	r.shows("live", "alpha", "beta", "ROUTES")
	r.press("3")
	r.shows("alpha", "by queue")
	r.eventually("the routes are gone", func() bool { return !strings.Contains(r.text(), "ROUTES") })
	r.press("/alph")
	r.shows("filter: alph")
	r.press("\r")
	r.shows("filter alph", "CLIENTS 1 of 4")
	r.eventually("beta is gone", func() bool { return !strings.Contains(r.text(), "beta") })
	r.press("sr")
	r.shows("by waits, reversed")
	r.press("p")
	r.shows("PAUSED")
	r.press("p")
	r.shows("live")
	r.press("?")
	r.shows("reverse the order")
	r.press("?1")
	r.shows("ROUTES", "live")
	r.resize(60, 20)
	r.shows("1 overview  2  3", "live")
	r.resize(30, 4)
	r.eventually("it is as small as its terminal", func() bool {
		row := r.row("redis-relay")
		return strings.HasPrefix(r.text(), "redis-relay") && len(row) > 0 && strings.Contains(row[0], "Redis")
	})
	r.press("\x03")
	r.endsWith(0)
}

// TestSignals: SIGTERM restores the terminal, too.
func TestSignals(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	r := onTerminal(t, s.top(), 80, 24)
	before := r.modes()
	r.shows("live")
	must(t, r.cmd.Process.Signal(syscall.SIGTERM))
	r.endsWith(0)
	if after := r.modes(); !reflect.DeepEqual(before, after) {
		t.Errorf("the terminal was %+v, is %+v", before, after)
	}
}

func TestColours(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	coloured := regexp.MustCompile(`\x1b\[(\d+;)*[349][0-8][;m]`)
	for _, c := range []struct {
		env  string
		want bool
	}{{"X=1", true}, {"NO_COLOR=1", false}} {
		cmd := s.top()
		cmd.Env = append(cmd.Env, c.env)
		r := onTerminal(t, cmd, 80, 24)
		r.shows("live")
		r.press("q")
		r.endsWith(0)
		if code := coloured.FindString(r.raw.String()); (code != "") != c.want {
			t.Errorf("%s: a colour %q", c.env, code)
		}
	}
}
