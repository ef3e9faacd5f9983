package tail

// A relay, what watches it, and programs beside it.

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/tail"
	"redis-relay/relay/test/harness"
	"redis-relay/relay/test/process"
)

func TestMain(m *testing.M) { process.Main(m) }

const patience = time.Minute

// scene is a running relay and its Redis.
type scene struct {
	*process.Relay
	t     *testing.T
	redis *redistest.Server
}

// start runs a relay with these lines in its relay.yaml, and the schemas that are shipped.
func start(t *testing.T, lines string, args ...string) *scene {
	t.Helper()
	dir := redistest.TempDir(t)
	write(t, filepath.Join(dir, "relay.yaml"), "schemas: "+harness.Path(t, "schemas")+"\n"+lines)
	return startIn(t, dir, redistest.Start(t), args...)
}

// startIn runs a relay in a folder that has a relay.yaml.
func startIn(t *testing.T, dir string, redis *redistest.Server, args ...string) *scene {
	t.Helper()
	s := &scene{t: t, redis: redis}
	s.Relay = process.Start(t, dir, nil, append([]string{"--redis.url=" + redis.URL()}, args...)...)
	s.AwaitReady()
	return s
}

// restart starts the relay again that has ended.
func (s *scene) restart() *scene {
	s.t.Helper()
	return startIn(s.t, s.Dir, s.redis)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// monitor connects a client that is in MONITOR.
func (s *scene) monitor(options ...string) *redistest.Client {
	s.t.Helper()
	c := s.Dial()
	c.Send(append([]string{"MONITOR"}, options...)...)
	c.Expect(s.t, "+OK")
	return c
}

// next reads a line of MONITOR.
func (s *scene) next(c *redistest.Client) tail.Line {
	s.t.Helper()
	l, err := tail.Parse(c.Receive().Str)
	if err != nil {
		s.t.Fatal(err)
	}
	return l
}

// program prepares redis-relay as a user of this relay starts it.
func (s *scene) program(args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.Command(process.Path(), args...)
	cmd.Dir, cmd.Env = s.Dir, []string{"TZ=UTC"}
	return cmd
}

// running is a program that was started.
type running struct {
	cmd            *exec.Cmd
	stdout, stderr process.Output
	done           chan struct{}
}

// launch starts a program, which ends with the test.
func (s *scene) launch(args ...string) *running {
	s.t.Helper()
	r := &running{cmd: s.program(args...), done: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.stdout, &r.stderr
	s.run(r)
	return r
}

// run starts what was prepared.
func (s *scene) run(r *running) {
	s.t.Helper()
	if err := r.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(r.done)
		_ = r.cmd.Wait() // ProcessState tells
	}()
	s.t.Cleanup(func() {
		_ = r.cmd.Process.Kill() // the error says that it has ended
		<-r.done
		if s.t.Failed() {
			s.t.Logf("%q\nstdout:\n%s\nstderr:\n%s", r.cmd.Args, &r.stdout, &r.stderr)
		}
	})
}

// code waits for the end and returns the exit code.
func (r *running) code(t *testing.T) int {
	t.Helper()
	select {
	case <-r.done:
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		t.Fatalf("%q has not ended", r.cmd.Args)
		return -1
	}
}

// output runs a program to its end with an input, and returns what it printed on each, and its exit code.
func output(t *testing.T, cmd *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, bad process.Output
	cmd.Stdout, cmd.Stderr = &out, &bad
	var failed *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return out.String(), bad.String(), cmd.ProcessState.ExitCode()
}

// connected waits until a client of this name has sent its last command.
func (s *scene) connected(name, last string) {
	s.t.Helper()
	c := s.Dial()
	defer c.Close()
	redistest.Eventually(s.t, patience, name+" is connected", func() bool {
		list := c.Do("CLIENT", "LIST").Str
		return contains(list, " name="+name+" ", " cmd="+last+" ")
	})
}
