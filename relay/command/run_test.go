package command

// Signals, reloads, health and the log of a running relay.

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

func TestSigtermDrains(t *testing.T) {
	t.Parallel()
	d := newScene(t, nil).start(nil)
	d.awaitReady()
	c := d.Dial()
	c.Send("SUBSCRIBE", "a")
	c.Expect(t, "[subscribe a 1]")
	d.Signal(syscall.SIGTERM)
	if code := d.EndsWithin(wait); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if got := c.Closed(); got != nil {
		t.Errorf("got %s before the end", got)
	}
	if _, err := os.Lstat(d.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
	d.Says("has ended")
}

// startStuck starts a relay that cannot drain: a publish waits for a Redis that
// is not there.
func startStuck(t *testing.T) *daemon {
	t.Helper()
	d := newScene(t, nil).start(nil, "--redis.url=redis://127.0.0.1:1", "--redis.publish_timeout=1m")
	address := d.httpAddress()
	redistest.Eventually(t, wait, "the relay is alive", func() bool { return status(address, "/livez") == http.StatusOK })
	d.Dial().Send("PUBLISH", "a", "b")
	watcher := d.Dial()
	redistest.Eventually(t, wait, "the publish has been read", func() bool {
		return strings.Contains(watcher.Do("CLIENT", "LIST").String(), "cmd=publish")
	})
	d.Signal(syscall.SIGTERM)
	d.Says("draining")
	return d
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	d := startStuck(t)
	if d.Ended() {
		t.Fatal("did not wait for the publish")
	}
	d.Signal(syscall.SIGINT)
	if code := d.EndsWithin(wait); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	d.Says("second signal") // and not that draining took too long
}

func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	began := time.Now()
	d := startStuck(t)
	if code := d.EndsWithin(wait); code != exitFailed { // the publish would wait for a minute
		t.Errorf("exit code %d", code)
	}
	if time.Since(began) < drainTime {
		t.Error("ended before the time to drain was over")
	}
	d.Says("draining took too long")
}

// TestSighupReloads changes a file without changing its size and time, so that
// only the signal can be the cause.
func TestSighupReloads(t *testing.T) {
	t.Parallel()
	const open, closed = "routes: [{prefix: 'a:', publish: true }]", "routes: [{prefix: 'a:', publish: false}]"
	s := newScene(t, map[string]string{"relay.yaml": open})
	d := s.start(nil)
	d.awaitReady()
	info, err := os.Stat(s.path("relay.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	replace := func(text string) {
		s.write("relay.yaml", text)
		if err := os.Chtimes(s.path("relay.yaml"), info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		d.Signal(syscall.SIGHUP)
	}
	c := d.Dial()
	c.Send("PUBLISH", "a:1", "x")
	c.Expect(t, ":0")

	replace(closed)
	d.Says("configuration reloaded")
	c.Send("PUBLISH", "a:1", "x")
	c.Expect(t, `-DENIED a:1: route "a:" says publish: false`)

	replace(strings.Replace(open, "publish: true ", "publsh: true  ", 1))
	d.Says("reload refused")
	c.Send("PUBLISH", "a:1", "x")
	c.Expect(t, `-DENIED a:1: route "a:" says publish: false`)
}

func TestHealth(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	s := newScene(t, nil)
	d := s.start(nil, "--redis.url="+redis.URL())
	listen := "--http.listen=" + d.awaitReady()
	ask := func(code int, says string, args ...string) {
		t.Helper()
		s.health(append([]string{listen}, args...)...).expect(t, code, says)
	}
	ask(exitOK, "")
	ask(exitOK, "", "--live")
	for _, mistake := range []string{"nonsense: 1", "limits: {clients: many}", "unrouted: perhaps"} {
		s.write("relay.yaml", mistake+"\nhttp: {listen: "+strings.TrimPrefix(listen, "--http.listen=")+"}\n")
		s.health().expect(t, exitOK, "") // the relay goes on
	}
	s.write("relay.yaml", "")

	redis.Kill()
	d.Says("connection to Redis lost")
	ask(exitFailed, "/readyz: not ready: not connected to Redis")
	ask(exitOK, "", "--live")

	d.Signal(syscall.SIGTERM)
	d.EndsWithin(wait)
	ask(exitFailed, "no relay answers")
	ask(exitFailed, "no relay answers", "--live")
	s.run(nil, "health", "--http.listen=").expect(t, exitFailed, "http.listen is empty")
}

// TestStartWithoutRedis: what is wrong is told at the first attempt, not after five.
func TestStartWithoutRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	for url, says := range map[string]string{
		"redis://127.0.0.1:1":      "no Redis listens there: start it, or correct redis.url",
		"rediss://" + redis.Addr(): "if this port does not speak TLS, write redis:// in redis.url",
	} {
		d := newScene(t, nil).start(nil, "--redis.url="+url, "--redis.alert_after=1000")
		d.Says("no connection to Redis; still trying")
		d.Says(says)
	}
	d := newScene(t, nil).start(nil, "--redis.url="+redis.URL())
	d.Says("connected to Redis")
	if text := d.Stderr.String(); strings.Contains(text, "outage") || strings.Contains(text, "no connection") {
		t.Errorf("an outage at the start:\n%s", text)
	}
}

// TestLogIsNotRead: the pipe is full, and whoever should read it does not.
func TestLogIsNotRead(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	if err := writer.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err = writer.Write(bytes.Repeat([]byte("x\n"), 1<<20)); err == nil {
		t.Fatal("2 MiB fit into the pipe")
	}
	d := newScene(t, nil).start(func(cmd *exec.Cmd) { cmd.Stderr = writer }, "--log.level=debug")
	_ = writer.Close()
	_ = d.httpAddress()
	d.Dial().Do("PING")
	d.awaitReady()
	for range 10 {
		c := d.Dial()
		c.Send("PUBLISH", "a", "m")
		c.Expect(t, ":0")
		c.Close() // which is logged
	}
	d.Signal(syscall.SIGTERM)
	if code := d.EndsWithin(wait); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestJSONLog(t *testing.T) {
	t.Parallel()
	d := newScene(t, nil).start(nil, "--log.format=json")
	d.Says("connected to Redis")
	d.Signal(syscall.SIGTERM)
	d.EndsWithin(wait)
	if d.Stdout.String() != "" {
		t.Errorf("a welcome for machines: %s", &d.Stdout)
	}
	for line := range strings.Lines(d.Stderr.String()) {
		var entry struct{ Level, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Level == "" || entry.Msg == "" {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// TestUnprivileged runs as a container does: as another user where the test may
// choose one, in a folder that cannot be written, with a folder for the socket.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	s := newShippedScene(t)
	sockets := s.path("run")
	if err := os.Mkdir(sockets, 0o700); err != nil {
		t.Fatal(err)
	}
	prepare := func(*exec.Cmd) {}
	if os.Geteuid() == 0 {
		const nobody = 65532
		if err := os.Chown(sockets, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		prepare = func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
	}
	if err := os.Chmod(s.dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(s.dir, 0o755) })

	d := s.start(prepare, "--socket.path=run/relay.sock")
	d.Socket = s.path("run/relay.sock")
	d.awaitReady()
	info, err := os.Stat(d.Socket)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o660 {
		t.Errorf("the socket has mode %v", info.Mode())
	}
	c := d.Dial()
	c.Send("PUBLISH", "notifications", "hello")
	c.Expect(t, ":0")
	d.Signal(syscall.SIGTERM)
	if code := d.EndsWithin(wait); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}
