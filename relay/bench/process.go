//go:build linux

// Child processes: started, watched, weighed, ended.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a child. Its end is an error of the lab's, unless stop was called.
type process struct {
	name    string
	cmd     *exec.Cmd
	stderr  bytes.Buffer  // complete once done is closed
	done    chan struct{} // closed when it has been reaped
	stopped atomic.Bool
}

// start runs a child that dies with the lab. It must be called by the main
// goroutine (see main).
func (l *lab) start(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, done: make(chan struct{})}
	cmd.Stderr = &p.stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	l.children.Add(1)
	go func() {
		defer l.children.Done()
		defer close(p.done)
		err := cmd.Wait()
		if !p.stopped.Load() {
			l.fail(fmt.Errorf("%s ended (%w): %s", name, err, bytes.TrimSpace(p.stderr.Bytes())))
		}
	}()
	return p, nil
}

// stop ends the process, also one that SIGSTOP has halted, and returns when it is
// gone.
func (p *process) stop() {
	p.stopped.Store(true)
	_ = p.cmd.Process.Kill() // the error says that it is gone already
	<-p.done
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// cpu is the processor time that the process has used, in all its threads.
func (p *process) cpu() (time.Duration, error) {
	const scheduled = 2           // CPUCLOCK_SCHED: of the process, in nanoseconds
	id := ^p.pid()<<3 | scheduled // how Linux names the CPU clock of another process
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(id), &ts); err != nil {
		return 0, fmt.Errorf("read the CPU clock of %s: %w", p.name, err)
	}
	return time.Duration(ts.Nano()), nil
}

// spent is the processor time of some processes.
func spent(processes ...*process) ([]time.Duration, error) {
	all := make([]time.Duration, len(processes))
	for i, p := range processes {
		var err error
		if all[i], err = p.cpu(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// memory is the resident set of the process, in bytes.
func (p *process) memory() (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.Atoi(field(value, 0))
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("%s has no resident set", p.name)
}

// patience is how long a worker may take over an order. Who takes longer waits for
// messages that do not come, which is errSilent.
const patience = time.Minute

var errSilent = fmt.Errorf("no answer within %v", patience)

// worker is a child that runs this binary and takes orders.
type worker struct {
	*process
	in  *json.Encoder
	out *json.Decoder
}

// worker starts a worker and returns when it is set up.
func (l *lab) worker(s setup) (*worker, error) {
	cmd := exec.CommandContext(l.ctx, l.self)
	// A worker blocks in the kernel where Go's scheduler cannot see it.
	cmd.Env = append(os.Environ(), workerVariable+"=1")
	if s.Role != roleNATSServer { // which runs as it would anywhere
		cmd.Env = append(cmd.Env, "GOGC=off", "GOMAXPROCS=2", "GODEBUG=asyncpreemptoff=1")
	}
	cmd.ExtraFiles = []*os.File{l.acksReader, l.acksWriter}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p, err := l.start(string(s.Role), cmd)
	if err != nil {
		return nil, err
	}
	w := &worker{p, json.NewEncoder(in), json.NewDecoder(out)}
	if err := w.in.Encode(s); err != nil {
		return nil, fmt.Errorf("set up a %s: %w", s.Role, err)
	}
	_, err = w.answer()
	return w, err
}

// order has something done and returns when it is.
func (w *worker) order(o order) (outcome, error) {
	if err := w.send(o); err != nil {
		return outcome{}, err
	}
	return w.answer()
}

// send is the first half of order, answer the second.
func (w *worker) send(o order) error {
	if err := w.in.Encode(o); err != nil {
		return fmt.Errorf("order a %s: %w", w.name, err)
	}
	return nil
}

func (w *worker) answer() (outcome, error) {
	var o outcome
	heard := make(chan error, 1)
	go func() { heard <- w.out.Decode(&o) }()
	select {
	case err := <-heard:
		if err != nil {
			return outcome{}, fmt.Errorf("hear from a %s: %w", w.name, err)
		}
		return o, nil
	case <-time.After(patience):
		return outcome{}, fmt.Errorf("hear from a %s: %w", w.name, errSilent)
	}
}

// relay is a running relay.
type relay struct {
	*process
	socket string
	http   string // host:port
}

// moreRoutes are what the bench adds to the shipped configuration.
const moreRoutes = `
  - prefix: "` + prefixNATS + `"
    nats: true
  - prefix: "` + prefixKept + `"
    schema: chat.json
    history: {length: 1000, ttl: 1h}
    on_gap: disconnect
  - prefix: "` + prefixExam + `"
    schema: examined.json
    slow: drop
    on_gap: notify
`

// writeConfig writes the shipped configuration and moreRoutes.
func (l *lab) writeConfig() error {
	shipped, err := os.ReadFile(filepath.Join(l.root, "relay.yaml"))
	if err != nil {
		return fmt.Errorf("read the shipped configuration: %w", err)
	}
	l.relayConfig = filepath.Join(l.dir, "relay.yaml")
	return os.WriteFile(l.relayConfig, append(shipped, moreRoutes...), 0o600)
}

// startRelay runs the configuration on a Redis, with more flags, which win, and does not wait.
func (l *lab) startRelay(on *redisServer, flags ...string) (*relay, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	r := &relay{socket: l.path(), http: port}
	cmd := exec.CommandContext(l.ctx, l.relayBinary, append([]string{
		"--config=" + l.relayConfig, "--schemas=" + l.schemas, "--redis.url=unix://" + on.socket,
		"--socket.path=" + r.socket, "--http.listen=" + r.http,
		"--limits.clients=20000", "--log.level=warn", "--log.format=json",
	}, flags...)...)
	r.process, err = l.start("relay", cmd)
	return r, err
}

// readyRelay is startRelay that waits.
func (l *lab) readyRelay(on *redisServer, flags ...string) (*relay, error) {
	r, err := l.startRelay(on, flags...)
	if err != nil {
		return nil, err
	}
	return r, poll(l.ctx, r.ready)
}

// poll asks again and again, at short distances, until there is no error.
func poll(ctx context.Context, try func() error) error {
	const (
		pause   = 200 * time.Microsecond
		timeout = 20 * time.Second
	)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last: %w)", ctx.Err(), err)
		case <-time.After(pause):
		}
	}
}

// ping asks for a PONG on a Unix socket, over a connection of its own.
func ping(socket string) error {
	_, err := ask(socket, "PING")
	return err
}

// ask sends one command and returns the first line of the reply, which may be an
// error.
func ask(socket string, args ...string) (string, error) {
	fd, err := dial(socket)
	if err != nil {
		return "", err
	}
	file := os.NewFile(uintptr(fd), socket)
	defer func() { _ = file.Close() }()
	if _, err := file.Write(command(args...)); err != nil {
		return "", err
	}
	b := make([]byte, 4<<10)
	n, err := file.Read(b)
	if err != nil {
		return "", err
	}
	return string(firstLine(b[:n])), nil
}
