// This file drives the built program from outside, as its users do: the command
// line, the signals, the files it takes and leaves.

package main

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay/redistest"
)

// testVersion is what the tested program was built as.
const testVersion = "1.2.3-test"

// wait bounds what has no time limit of its own.
const wait = 10 * time.Second

// program is the path of the built program; set by TestMain.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "rr")
		if err == nil {
			defer func() { _ = os.RemoveAll(dir) }()
			program = filepath.Join(dir, "redis-relay")
			err = errors.Join(os.Chmod(dir, 0o755), build(program)) // another user runs it, too
		}
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, "build redis-relay:", err)
			return 1
		}
		return m.Run()
	}())
}

// build compiles the program as a release is, without C.
func build(output string, env ...string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-X main.version="+testVersion, "-o", output, ".")
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// scene is a folder with the files of one test; programs run in it. Its path is
// short enough for a socket.
type scene struct {
	t   *testing.T
	dir string
}

// newScene makes a folder with the given files.
func newScene(t *testing.T, files map[string]string) *scene {
	t.Helper()
	dir, err := os.MkdirTemp("", "rr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &scene{t, dir}
	for name, text := range files {
		s.write(name, text)
	}
	return s
}

// newShippedScene makes a folder with relay.yaml and the schemas as shipped.
func newShippedScene(t *testing.T) *scene {
	t.Helper()
	s := newScene(t, nil)
	for _, pattern := range []string{"relay.yaml", "schemas/*.json"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("nothing matches %s: %v", pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			s.write(name, string(text))
		}
	}
	return s
}

func (s *scene) path(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// result is how a program ended.
type result struct {
	stdout, stderr string
	code           int
}

// embedded is the environment of a relay for development.
var embedded = []string{"RELAY_REDIS_URL=embedded"}

// run runs the program to its end, with nothing in its environment but env, or, where
// that is nil, with an embedded Redis.
func (s *scene) run(env []string, args ...string) result {
	s.t.Helper()
	if env == nil {
		env = embedded
	}
	cmd := exec.Command(program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, env, &stdout, &stderr
	timer := time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	var failed *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &failed) {
		s.t.Fatal(err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// expect compares an end: the exit code, and texts that stdout and stderr
// together must show.
func (r result) expect(t *testing.T, code int, texts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	for _, text := range texts {
		if !strings.Contains(r.stdout+r.stderr, text) {
			t.Errorf("does not say %q", text)
		}
	}
	if t.Failed() {
		t.Logf("stdout:\n%s\nstderr:\n%s", r.stdout, r.stderr)
	}
}

// output is what a running program has written so far. It is safe for concurrent
// use.
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

// shows waits for a text.
func (o *output) shows(t *testing.T, text string) {
	t.Helper()
	redistest.Eventually(t, wait, fmt.Sprintf("the output shows %q", text), func() bool {
		return strings.Contains(o.String(), text)
	})
}

// daemon is a running relay.
type daemon struct {
	t      *testing.T
	cmd    *exec.Cmd
	socket string
	stdout output
	stderr output
	done   chan struct{} // closed when the process has ended
}

// start runs a relay in the scene, with an embedded Redis and HTTP on a free port unless
// args say otherwise; prepare may change the command. It ends with the test.
func (s *scene) start(prepare func(*exec.Cmd), args ...string) *daemon {
	s.t.Helper()
	args = append([]string{"--http.listen=127.0.0.1:0"}, args...)
	d := &daemon{t: s.t, cmd: exec.Command(program, args...), socket: s.path("relay.sock"), done: make(chan struct{})}
	d.cmd.Dir, d.cmd.Env, d.cmd.Stdout, d.cmd.Stderr = s.dir, embedded, &d.stdout, &d.stderr
	if prepare != nil {
		prepare(d.cmd)
	}
	if err := d.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(d.done)
		_ = d.cmd.Wait() // ProcessState tells
	}()
	s.t.Cleanup(func() {
		_ = d.cmd.Process.Kill() // the error says that it has ended
		<-d.done
		if s.t.Failed() {
			s.t.Logf("stdout:\n%s\nstderr:\n%s", &d.stdout, &d.stderr)
		}
	})
	return d
}

// says waits for a text on stderr.
func (d *daemon) says(text string) {
	d.t.Helper()
	redistest.Eventually(d.t, wait, "the relay says "+text, func() bool {
		return d.hasEnded() || strings.Contains(d.stderr.String(), text)
	})
	if !strings.Contains(d.stderr.String(), text) {
		d.t.Fatalf("ended without saying %q", text)
	}
}

func (d *daemon) hasEnded() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// httpAddress finds the address of the HTTP server in the welcome.
func (d *daemon) httpAddress() string {
	d.t.Helper()
	address := regexp.MustCompile(`http://(\S+)`)
	redistest.Eventually(d.t, wait, "the relay shows its HTTP address", func() bool {
		return address.MatchString(d.stdout.String())
	})
	return address.FindStringSubmatch(d.stdout.String())[1]
}

// awaitReady waits for /readyz and returns the HTTP address.
func (d *daemon) awaitReady() string {
	d.t.Helper()
	address := d.httpAddress()
	redistest.Eventually(d.t, wait, "the relay is ready", func() bool {
		return d.hasEnded() || status(address, "/readyz") == http.StatusOK
	})
	if d.hasEnded() {
		d.t.Fatal("ended")
	}
	return address
}

// status asks over HTTP; 0 means that nobody answers.
func status(address, path string) int {
	res, err := http.Get("http://" + address + path)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

func (d *daemon) signal(sig syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(sig); err != nil {
		d.t.Fatal(err)
	}
}

// endsWithin waits for the end and returns the exit code.
func (d *daemon) endsWithin(limit time.Duration) int {
	d.t.Helper()
	select {
	case <-d.done:
		return d.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		d.t.Fatalf("has not ended within %v", limit)
		return -1
	}
}

func (d *daemon) dial() *redistest.Client {
	d.t.Helper()
	return redistest.Dial(d.t, "unix", d.socket)
}

func TestHelpListsEveryKey(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"-h"}, {"health", "--help"}} {
		r := newScene(t, nil).run(nil, args...)
		r.expect(t, exitOK, "Usage:", "--config", "--check", "--version", "health [--live]")
		for _, key := range config.Keys() {
			r.expect(t, exitOK, "--"+key.Path+" ", " "+key.Env+" ", key.Help)
		}
		if r.stderr != "" {
			t.Errorf("%s: help on stderr: %s", args, r.stderr)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	if r := newScene(t, nil).run(nil, "--version"); r != (result{stdout: "redis-relay " + testVersion + "\n"}) {
		t.Errorf("%+v", r)
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--chek"}, "-chek"},
		{[]string{"--socket.pth=x"}, "-socket.pth"},
		{[]string{"--redis.url"}, "-redis.url"},
		{[]string{"serve"}, `unexpected argument "serve"`},
		{[]string{"health", "now"}, `unexpected argument "now"`},
	} {
		r := newScene(t, nil).run(nil, c.args...)
		r.expect(t, exitUsage, c.says, "Try redis-relay --help.")
		if r.stdout != "" {
			t.Errorf("%s: an error on stdout: %s", c.args, r.stdout)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	withSchema := func(text string) map[string]string {
		return map[string]string{
			"relay.yaml":     "schemas: schemas\nroutes: [{prefix: 'a:', schema: a.json}]\n",
			"schemas/a.json": text,
		}
	}
	for name, c := range map[string]struct {
		files map[string]string
		args  []string
		code  int
		says  []string
	}{
		"no file": {nil, nil, exitOK, []string{"built-in defaults", "unrouted", "embedded", "\nok\n"}},
		"routes": {
			map[string]string{"relay.yaml": "routes: [{prefix: 'b:', publish: false}, {prefix: 'b:c', slow: drop}]"},
			nil, exitOK,
			[]string{"relay.yaml", "ROUTE", "b: ", "b:c ", "\nok\n"},
		},
		"users of routes": {
			map[string]string{"relay.yaml": "routes: [{prefix: 'b:', publish_uids: [0, 1000], subscribe: false}]"},
			nil, exitOK,
			[]string{"b:        -       uid 0,1000  no "},
		},
		"good schema": {withSchema(`{"type": "object"}`), nil, exitOK, []string{"\na.json  compiled\n", "\nok\n"}},
		"schema not compiled": {
			withSchema(`{"items": {"unevaluatedProperties": false}}`), nil, exitOK,
			[]string{"\na.json  by the library", "/items/unevaluatedProperties cannot be compiled\n", "\nok\n"},
		},
		"named file missing": {nil, []string{"--config", "my.yaml"}, exitFailed, []string{"my.yaml", "no such file"}},
		"unknown key": {
			map[string]string{"relay.yaml": "\nsocket: {pth: x}\n"},
			nil, exitFailed,
			[]string{"relay.yaml:2: socket.pth: unknown key; did you mean path?"},
		},
		"wrong type": {
			map[string]string{"relay.yaml": "limits: {clients: many}"},
			nil, exitFailed,
			[]string{`relay.yaml:1: limits.clients: expected a whole number, found text "many"`},
		},
		"two routes of one prefix": {
			map[string]string{"relay.yaml": "routes:\n- prefix: 'a:'\n- prefix: 'a:'\n"},
			nil, exitFailed,
			[]string{`relay.yaml:3: routes[1].prefix: "a:" is already the prefix of routes[0]`},
		},
		"long socket path": {
			nil,
			[]string{"--socket.path=/" + strings.Repeat("x", 200)},
			exitFailed,
			[]string{"--socket.path: socket.path: has 201 bytes", "choose a shorter folder"},
		},
		"not supported": {
			map[string]string{"relay.yaml": "redis: {mode: cluster, url: 'redis://h'}"},
			nil, exitFailed,
			[]string{"relay.yaml:1: redis.mode: redis.mode cluster: not supported by this version yet"},
		},
		"all at once": {
			map[string]string{"relay.yaml": "lgo: {}\nunrouted: 3\n"},
			[]string{"--limits.queue=much"},
			exitFailed,
			[]string{"relay.yaml:1: lgo", "did you mean log?", "relay.yaml:2: unrouted", "--limits.queue"},
		},
		"schema outside": {
			withSchema(`{"$ref": "file:///etc/passwd"}`), nil, exitFailed,
			[]string{`"a.json"`, "file:///etc/passwd", "outside the schemas folder"},
		},
		"schema missing": {
			withSchema(`{"$ref": "b.json"}`), nil, exitFailed, []string{`"a.json"`, `"b.json"`, "no such file"},
		},
		"schema is no JSON": {withSchema(`{"type":`), nil, exitFailed, []string{`"a.json"`, "line 1", "invalid JSON"}},
		"schemas that no route uses": {
			map[string]string{
				"relay.yaml": "routes: [{prefix: 'a:'}]", "schemas/a.json": `{"type":`, "schemas/b.json": `{"$ref":"gone.json"}`,
				"schemas/c.json": `{"type":"object"}`, "schemas/notes.txt": "no schema",
			},
			nil, exitOK,
			[]string{
				`warning: no route has a schema yet, but one would fail: load "a.json": invalid schema: line 1`,
				`warning: no route has a schema yet, but one would fail: load "b.json": invalid schema: /$ref: "gone.json"`,
				"\nok\n",
			},
		},
		"good schemas that no route uses": {
			map[string]string{"relay.yaml": "routes: [{prefix: 'a:'}]", "schemas/c.json": `{"type":"object"}`},
			nil, exitOK,
			[]string{"\nc.json  compiled\n\nok\n"},
		},
		"schemas folder that no route needs": {
			map[string]string{"relay.yaml": "routes: [{prefix: 'a:'}]", "schemas": "a file"},
			nil, exitOK,
			[]string{`warning: no route has a schema yet, but one would fail: open "`, "not a directory", "\nok\n"},
		},
		"route names no schema": {
			map[string]string{"relay.yaml": "routes: [{prefix: 'a:', schema: a.json}]", "schemas/b.json": "{}"},
			nil, exitFailed,
			[]string{"routes[0].schema", "a.json"},
		},
		"bad URL": {nil, []string{"--redis.url=http://h"}, exitFailed, []string{"redis.url: must begin with redis://"}},
		"password file missing": {
			nil,
			[]string{"--redis.url=redis://h", "--redis.password_file=p"},
			exitFailed,
			[]string{"redis.password_file", "no such file"},
		},
		"authorities of the NATS cluster": {
			map[string]string{"ca.pem": "not PEM"},
			[]string{"--nats.leaf.url=tls://h", "--nats.leaf.ca=ca.pem"},
			exitFailed,
			[]string{"nats.leaf.ca: no PEM certificate in "},
		},
		"credentials for the NATS cluster missing": {
			nil,
			[]string{"--nats.leaf.url=tls://h", "--nats.leaf.credentials=gone"},
			exitFailed,
			[]string{"nats.leaf.credentials: open ", "no such file"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, c.files)
			s.run(nil, append([]string{"--check"}, c.args...)...).expect(t, c.code, c.says...)
			if _, err := os.Lstat(s.path("relay.sock.lock")); err == nil {
				t.Error("--check took the socket")
			}
		})
	}
}

func TestPasswordsAreNotPrinted(t *testing.T) {
	t.Parallel()
	const secret = "s3cret"
	for _, url := range []string{
		"redis://user:" + secret + "@127.0.0.1:1/0",
		"redis://user:" + secret + "%zz@127.0.0.1:1",  // no URL
		"redis://user:" + secret + "#x@127.0.0.1:1",   // nor this
		"redis://user:" + secret + "@127.0.0.1:1?x=1", // unknown option
		"http://user:" + secret + "@127.0.0.1:1",
	} {
		r := newScene(t, nil).run([]string{"RELAY_REDIS_URL=" + url}, "--check")
		if strings.Contains(r.stdout+r.stderr, secret) {
			t.Errorf("%s: printed:\n%s%s", url, r.stdout, r.stderr)
		}
	}
	d := newScene(t, nil).start(nil, "--redis.url=redis://user:"+secret+"@127.0.0.1:1", "--redis.alert_after=1",
		"--log.level=debug")
	d.says("Redis cannot be reached")
	if all := d.stdout.String() + d.stderr.String(); strings.Contains(all, secret) {
		t.Errorf("printed:\n%s", all)
	}
}

// TestNoSecretIsTold takes a relay through what goes wrong between it and Redis,
// at level debug, and looks for its passwords wherever it tells something.
func TestNoSecretIsTold(t *testing.T) {
	t.Parallel()
	const inURL, inFile = "s3cret-of-the-url", "s3cret-of-the-file"
	redis := redistest.Start(t, redistest.WithTLS(), redistest.WithACL("default off",
		"url on >"+inURL+" ~* &* +@all", "file on >"+inFile+" ~* &* +@all"))
	for name, way := range map[string]struct {
		user, url, config string
	}{
		"url": {"url", "redis://url:" + inURL + "@" + redis.Addr(), "redis: {alert_after: 1}\n"},
		"file": {
			"file", "redis://file@" + redis.Addr(),
			"redis: {alert_after: 1, password_file: password}\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, map[string]string{"relay.yaml": way.config, "password": inFile + "\n"})
			d := s.start(func(cmd *exec.Cmd) { cmd.Env = []string{"RELAY_REDIS_URL=" + way.url} },
				"--log.level=debug", "--redis.publish_timeout=300ms")
			var told []string
			tell := func(what string, text string) { told = append(told, what+":\n"+text) }
			address := d.awaitReady()
			events := d.dial()
			events.Send("SUBSCRIBE", "relay:events", "relay:rejects")
			events.Expect(t, "[subscribe relay:events 1]", "[subscribe relay:rejects 2]")
			look := func(when string) {
				t.Helper()
				for _, path := range []string{"/", "/livez", "/readyz", "/metrics", "/status", "/debug/vars", "/config"} {
					tell(when+": "+path, body(t, address, path))
				}
				c := d.dial()
				for _, command := range []string{"INFO", "CLIENT LIST", "CLIENT INFO", "PUBLISH a m", "HELLO 3 AUTH x y"} {
					tell(when+": "+command, c.Do(strings.Fields(command)...).String())
				}
			}
			look("at first")
			redis.MustDo("ACL", "SETUSER", way.user, "resetpass", ">another")
			redis.MustDo("CLIENT", "KILL", "USER", way.user)
			d.says("WRONGPASS")
			look("with a wrong password")
			redis.MustDo("ACL", "SETUSER", way.user, ">"+map[string]string{"url": inURL, "file": inFile}[name], "-ping")
			d.says("allow +ping")
			look("without PING")
			redis.MustDo("ACL", "SETUSER", way.user, "+ping", "-publish", "resetchannels", "&relay:*")
			d.awaitReady()
			look("with few rights")

			for _, bad := range []string{
				"redis: {url: 'redis://u:" + inFile + "@h:x', password_file: gone}\n",
				"redis: {url: 'redis://u:" + inFile + "/@h'}\nlimits: {clients: 0}\n",
				"redis: {pasword: " + inURL + "}\n",
				"redis: [" + inURL + "]\n",
				"redis: redis://u:" + inURL + "@h\n", // and not redis: {url: …}
				"redis: {redis://u:" + inURL + "@h}\n",
				"redis: {url: {" + inURL + ": 1}}\n",
				"socket: {mode: \"0600\"}\nredis: {url: 'rediss://u:" + inFile + "@h'}\n",
			} {
				s.write("relay.yaml", bad)
				reloads := func() int {
					text := d.stderr.String()
					return strings.Count(text, "reload refused") + strings.Count(text, "configuration reloaded")
				}
				before := reloads()
				d.signal(syscall.SIGHUP)
				redistest.Eventually(t, wait, "it is read", func() bool { return reloads() > before })
				look("after a reload")
			}
			s.write("relay.yaml", way.config)
			for _, env := range [][]string{
				{"RELAY_REDIS_URL=" + way.url},
				{"RELAY_REDIS_URL=" + strings.Replace(way.url, "redis://", "rediss://", 1)},
				{"RELAY_REDIS_URL=" + strings.Replace(way.url, "redis://", "redis:", 1)},
				{"RELAY_REDIS_URL=" + way.url + "?password=" + inURL},
			} {
				for _, args := range [][]string{{"--check"}, {"health"}, {"--help"}, {"--redis.tls.ca=gone", "--check"}} {
					r := s.run(env, args...)
					tell(strings.Join(args, " "), r.stdout+r.stderr)
				}
			}
			d.signal(syscall.SIGTERM)
			d.endsWithin(5 * time.Second)
			for _, v := range events.Closed() {
				tell("an event", v.String())
			}
			tell("stdout", d.stdout.String())
			tell("stderr", d.stderr.String())
			for _, text := range told {
				if strings.Contains(text, "s3cret") {
					t.Errorf("a password is told by %s", text)
				}
			}
			if len(told) < 100 || !strings.Contains(d.stderr.String(), "DEBUG") {
				t.Errorf("looked at %d texts only, or not at level debug", len(told))
			}
		})
	}
}

// body is what HTTP answers, with its headers.
func body(t *testing.T, address, path string) string {
	t.Helper()
	res, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(res.Header) + string(text)
}

// TestPrecedence sets the socket in more and more places.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	s := newScene(t, map[string]string{"relay.yaml": "socket: {path: file.sock}\nroutes: [{prefix: 'file:'}]"})
	env := append([]string{"RELAY_SOCKET_PATH=env.sock", `RELAY_ROUTES=[{prefix: "env:"}]`}, embedded...)
	s.run(nil, "--check").expect(t, exitOK, "file.sock", "\nfile: ")
	s.run(env, "--check").expect(t, exitOK, "env.sock", "\nenv: ")
	s.run(env, "--check", "--socket.path", "flag.sock").expect(t, exitOK, "flag.sock", "\nenv: ")
}

// TestNoURL: nobody gets an embedded Redis who has not asked for one.
func TestNoURL(t *testing.T) {
	t.Parallel()
	const says = "redis.url: is not set; write the address of your Redis, such as redis://host:6379, " +
		"or embedded for a Redis inside the relay, for development\n"
	s := newScene(t, map[string]string{"empty.yaml": "redis: {url: ''}\n"})
	for _, args := range [][]string{
		{}, {"--check"}, {"--config", "empty.yaml"}, {"--config", "empty.yaml", "--check"}, {"--redis.url="},
	} {
		s.run([]string{}, args...).expect(t, exitFailed, says)
	}
	s.run([]string{"RELAY_REDIS_URL="}).expect(t, exitFailed, says)
	s.run([]string{"RELAY_REDIS_ULR=redis://h"}, "--check").expect(t, exitFailed,
		"RELAY_REDIS_ULR: unknown variable; the nearest known is RELAY_REDIS_URL")
}

// TestShippedConfiguration is the first minute: the relay is ready in less than a
// second (the best of three starts counts, since the machine may be busy), tells
// where, and what it says one may try works.
func TestShippedConfiguration(t *testing.T) {
	s := newShippedScene(t)
	var d *daemon
	best := time.Hour
	for range 3 {
		if d != nil {
			d.signal(syscall.SIGTERM)
			d.endsWithin(5 * time.Second)
		}
		began := time.Now()
		d = s.start(func(cmd *exec.Cmd) { cmd.Env = []string{} }) // the file names its Redis
		d.awaitReady()
		best = min(best, time.Since(began))
	}
	if best > time.Second {
		t.Errorf("ready after %v at best", best)
	}
	text := d.stdout.String()
	for _, want := range []string{
		"redis-relay " + testVersion, "relay.yaml", "embedded: for development only, history in relay.sock.history", d.socket,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the welcome does not say %q", want)
		}
	}
	address := regexp.MustCompile(`(redis://\S+), embedded`).FindStringSubmatch(text)
	if address == nil {
		t.Fatalf("the welcome does not say where the embedded Redis is:\n%s", text)
	}
	shell(t, "redis-cli -u "+address[1]+" ping").shows(t, "PONG")
	tries := regexp.MustCompile(`(?m)^  (redis-cli .*)$`).FindAllString(text, -1)
	if len(tries) != 2 {
		t.Fatalf("%d lines to try: %q", len(tries), tries)
	}
	heard := shell(t, tries[0])
	heard.shows(t, "subscribe")
	told := shell(t, tries[1])
	heard.shows(t, `"userId":"ann"`)
	told.shows(t, "1\n")
}

// TestWelcomeOfAProductionRelay says what runs, and invites nobody to publish.
func TestWelcomeOfAProductionRelay(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	d := newScene(t, nil).start(nil, "--redis.url="+redis.URL())
	d.awaitReady()
	if text := d.stdout.String(); !strings.Contains(text, redis.URL()) || strings.Contains(text, "publish") {
		t.Errorf("the welcome:\n%s", text)
	}
}

// shell runs a line until the test ends.
func shell(t *testing.T, line string) *output {
	t.Helper()
	var out output
	cmd := exec.Command("sh", "-c", "exec "+line)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // the error says that it has ended
		_ = cmd.Wait()
	})
	return &out
}

func TestSigtermDrains(t *testing.T) {
	t.Parallel()
	d := newScene(t, nil).start(nil)
	d.awaitReady()
	c := d.dial()
	c.Send("SUBSCRIBE", "a")
	c.Expect(t, "[subscribe a 1]")
	d.signal(syscall.SIGTERM)
	if code := d.endsWithin(5 * time.Second); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if got := c.Closed(); got != nil {
		t.Errorf("got %s before the end", got)
	}
	if _, err := os.Lstat(d.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
	d.says("has ended")
}

// startStuck starts a relay that cannot drain: a publish waits for a Redis that
// is not there.
func startStuck(t *testing.T) *daemon {
	t.Helper()
	d := newScene(t, nil).start(nil, "--redis.url=redis://127.0.0.1:1", "--redis.publish_timeout=1m")
	address := d.httpAddress()
	redistest.Eventually(t, wait, "the relay is alive", func() bool { return status(address, "/livez") == http.StatusOK })
	d.dial().Send("PUBLISH", "a", "b")
	watcher := d.dial()
	redistest.Eventually(t, wait, "the publish has been read", func() bool {
		return strings.Contains(watcher.Do("CLIENT", "LIST").String(), "cmd=publish")
	})
	d.signal(syscall.SIGTERM)
	d.says("draining")
	return d
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	d := startStuck(t)
	if d.hasEnded() {
		t.Fatal("did not wait for the publish")
	}
	d.signal(syscall.SIGINT)
	if code := d.endsWithin(2 * time.Second); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	d.says("second signal")
}

func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	began := time.Now()
	d := startStuck(t)
	if code := d.endsWithin(drainTime + 2*time.Second); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	if time.Since(began) < drainTime {
		t.Error("ended before the time to drain was over")
	}
	d.says("draining took too long")
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
		d.signal(syscall.SIGHUP)
	}
	c := d.dial()
	c.Send("PUBLISH", "a:1", "x")
	c.Expect(t, ":0")

	replace(closed)
	d.says("configuration reloaded")
	c.Send("PUBLISH", "a:1", "x")
	c.Expect(t, `-DENIED a:1: route "a:" says publish: false`)

	replace(strings.Replace(open, "publish: true ", "publsh: true  ", 1))
	d.says("reload refused")
	c.Send("PUBLISH", "a:1", "x")
	c.Expect(t, `-DENIED a:1: route "a:" says publish: false`)
}

func TestSocketOfALivingRelayIsNotTaken(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	d := s.start(nil)
	d.awaitReady()
	s.run(nil, "--http.listen=").expect(t, exitFailed, "socket.path: relay.sock: a living relay holds this socket",
		"stop it or choose another path")
	c := d.dial()
	c.Send("PING")
	c.Expect(t, "+PONG")
}

// TestSocketOfAStoppedRelayIsNotTaken: it answers nobody and lives all the same,
// even if somebody has tidied its lock away.
func TestSocketOfAStoppedRelayIsNotTaken(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	d := s.start(nil)
	d.awaitReady()
	c := d.dial()
	d.signal(syscall.SIGSTOP)
	t.Cleanup(func() { d.signal(syscall.SIGCONT) })
	refused := func() {
		t.Helper()
		s.run(nil, "--http.listen=").expect(t, exitFailed, "socket.path: relay.sock: a living relay holds this socket")
	}
	refused()
	if err := os.Remove(d.socket + ".lock"); err != nil {
		t.Fatal(err)
	}
	refused()
	d.signal(syscall.SIGCONT)
	for _, c := range []*redistest.Client{c, d.dial()} {
		c.Send("PING")
		c.Expect(t, "+PONG")
	}
}

// TestNextRelayTakesOver the socket while the last one still drains, and keeps it.
func TestNextRelayTakesOver(t *testing.T) {
	t.Parallel()
	old := startStuck(t)
	s := &scene{t, filepath.Dir(old.socket)}
	next := s.start(nil)
	next.awaitReady()
	if old.hasEnded() {
		t.Fatal("the first relay has not drained")
	}
	old.endsWithin(drainTime + 2*time.Second)
	c := next.dial()
	c.Send("PING")
	c.Expect(t, "+PONG")
	s.run(nil, "--http.listen=").expect(t, exitFailed, "a living relay holds this socket")
}

func TestStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	d := s.start(nil)
	d.awaitReady()
	d.signal(syscall.SIGKILL)
	d.endsWithin(wait)
	if _, err := os.Lstat(d.socket); err != nil {
		t.Fatalf("SIGKILL should leave the socket: %v", err)
	}
	again := s.start(nil)
	again.awaitReady()
	c := again.dial()
	c.Send("PING")
	c.Expect(t, "+PONG")
}

func TestRegularFileIsNotASocket(t *testing.T) {
	t.Parallel()
	s := newScene(t, map[string]string{"relay.sock": "precious"})
	s.run(nil, "--http.listen=").expect(t, exitFailed, "socket.path: relay.sock: the path exists and is not a socket",
		"remove it or choose another path")
	if text, err := os.ReadFile(s.path("relay.sock")); string(text) != "precious" {
		t.Errorf("the file holds %q now: %v", text, err)
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	s := newScene(t, nil)
	s.run(nil, "--http.listen="+ln.Addr().String()).expect(t, exitFailed, "http.listen: ", "address already in use",
		"choose another address")
	if _, err := os.Lstat(s.path("relay.sock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	s := newScene(t, nil)
	d := s.start(nil, "--redis.url="+redis.URL())
	listen := "--http.listen=" + d.awaitReady()
	ask := func(code int, says string, args ...string) {
		t.Helper()
		s.run(nil, append([]string{"health", listen}, args...)...).expect(t, code, says)
	}
	ask(exitOK, "")
	ask(exitOK, "", "--live")
	for _, mistake := range []string{"nonsense: 1", "limits: {clients: many}", "unrouted: perhaps"} {
		s.write("relay.yaml", mistake+"\nhttp: {listen: "+strings.TrimPrefix(listen, "--http.listen=")+"}\n")
		s.run(nil, "health").expect(t, exitOK, "") // the relay goes on
	}
	s.write("relay.yaml", "")

	redis.Kill()
	d.says("connection to Redis lost")
	ask(exitFailed, "/readyz: not ready: not connected to Redis")
	ask(exitOK, "", "--live")

	d.signal(syscall.SIGTERM)
	d.endsWithin(5 * time.Second)
	ask(exitFailed, "no relay answers")
	ask(exitFailed, "no relay answers", "--live")
	s.run(nil, "health", "--http.listen=").expect(t, exitFailed, "http.listen is empty")
}

// TestLogIsNotRead: the pipe is full, and whoever should read it does not.
func TestLogIsNotRead(t *testing.T) {
	t.Parallel()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	if err := writer.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = writer.Write([]byte("x\n"))
	}
	d := newScene(t, nil).start(func(cmd *exec.Cmd) { cmd.Stderr = writer }, "--log.level=debug")
	_ = writer.Close()
	_ = d.httpAddress()
	d.dial().Do("PING")
	d.awaitReady()
	for range 10 {
		c := d.dial()
		c.Send("PUBLISH", "a", "m")
		c.Expect(t, ":0")
		c.Close() // which is logged
	}
	d.signal(syscall.SIGTERM)
	if code := d.endsWithin(5 * time.Second); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestJSONLog(t *testing.T) {
	t.Parallel()
	d := newScene(t, nil).start(nil, "--log.format=json")
	d.says("connected to Redis")
	d.signal(syscall.SIGTERM)
	d.endsWithin(5 * time.Second)
	if d.stdout.String() != "" {
		t.Errorf("a welcome for machines: %s", &d.stdout)
	}
	for line := range strings.Lines(d.stderr.String()) {
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
	d.socket = s.path("run/relay.sock")
	d.awaitReady()
	info, err := os.Stat(d.socket)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o660 {
		t.Errorf("the socket has mode %v", info.Mode())
	}
	c := d.dial()
	c.Send("PUBLISH", "notifications", "hello")
	c.Expect(t, ":0")
	d.signal(syscall.SIGTERM)
	if code := d.endsWithin(5 * time.Second); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestStatic holds that a release needs nothing of the system it runs on.
func TestStatic(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "redis-relay")
	if err := build(path, "GOOS=linux"); err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("has a %v segment: it is linked dynamically", p.Type)
		}
	}
}
