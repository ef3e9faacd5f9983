// A real redis-server with the faults that a process can have.

package redistest

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ServerVariable names the environment variable that may hold the path of the
// redis-server to test with, instead of the one on the PATH. It may be built without TLS:
// a server WithTLS, like a Reference, is always the one on the PATH.
const ServerVariable = "REDIS_SERVER"

const (
	host          = "127.0.0.1"
	startAttempts = 10               // ports tried
	readyTimeout  = 30 * time.Second // from the start to the first PONG
	logTail       = 4 << 10          // bytes of the server's log shown when a test fails
)

var (
	errPortTaken  = errors.New("port taken")
	errNotRunning = errors.New("redis-server is not running: call Restart first")
)

// Server is a redis-server of its own for one test, on a TCP port of 127.0.0.1 and
// on a Unix socket, with nothing saved. It is safe for concurrent use.
type Server struct {
	// Fixed after construction.
	t       testing.TB
	bin     string
	dir     string
	opts    options
	port    string
	tlsPort string
	tls     TLSFiles

	mu sync.Mutex

	remembers bool     // it is a sentinel that has run; guarded by mu
	proc      *Process // guarded by mu; nil after Kill
}

// Start runs a redis-server and returns when it answers PING. It is killed when the
// test ends; if the test has failed, the end of its log is shown. Without a
// redis-server the test fails.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	s := &Server{t: t}
	for _, o := range opts {
		o(&s.opts)
	}
	if s.bin = findServer(t); s.opts.reference || s.opts.tls {
		s.bin = lookUp(t, onPath)
	}
	var err error
	// Not t.TempDir, whose path may be too long for a socket.
	if s.dir, err = os.MkdirTemp("", "rt"); err != nil {
		t.Fatalf("make a directory for redis-server: %v", err)
	}
	t.Cleanup(s.cleanup)
	if s.opts.tls {
		if s.tls, err = writeTLSFiles(s.dir); err != nil {
			t.Fatalf("make TLS files for redis-server: %v", err)
		}
	}
	if err := s.startOnFreePort(); err != nil {
		t.Fatalf("start redis-server: %v", err)
	}
	return s
}

const onPath = "redis-server"

func findServer(t testing.TB) string {
	t.Helper()
	return lookUp(t, cmp.Or(os.Getenv(ServerVariable), onPath))
}

func lookUp(t testing.TB, name string) string {
	t.Helper()
	bin, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("find redis-server: %v; install it (apt-get install redis-server, brew install redis) "+
			"or set %s to its path", err, ServerVariable)
	}
	return bin
}

// cleanup ends the server and removes its files.
func (s *Server) cleanup() {
	s.Kill()
	if s.t.Failed() {
		log := s.Log()
		s.t.Logf("end of the log of redis-server at %s:\n%s", s.Addr(), log[max(0, len(log)-logTail):])
	}
	if err := os.RemoveAll(s.dir); err != nil {
		s.t.Errorf("remove the directory of redis-server: %v", err)
	}
}

// startOnFreePort tries ports until redis-server could bind one.
func (s *Server) startOnFreePort() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errPortTaken
	for range startAttempts {
		if s.port, s.tlsPort, err = freePorts(); err != nil {
			return err
		}
		if err = s.runLocked(); !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return err
}

// runLocked starts one life and waits until it answers. The error matches
// errPortTaken if it could not bind.
func (s *Server) runLocked() error {
	if err := s.writeConfig(); err != nil {
		return fmt.Errorf("write redis.conf: %w", err)
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own
	before, err := log.Stat()
	if err != nil {
		return err
	}
	args := append([]string{s.configFile()}, s.opts.args...)
	if s.opts.sentinel != nil {
		args = append(args, "--sentinel")
	}
	cmd := exec.Command(s.bin, args...)
	cmd.Stdout, cmd.Stderr = log, log
	p, err := StartProcess(cmd)
	if err != nil {
		return err
	}
	if err := s.awaitReady(p); err != nil {
		p.Kill()
		life := s.Log()
		life = life[min(int(before.Size()), len(life)):]
		if strings.Contains(life, "Address already in use") {
			return fmt.Errorf("%w: %s", errPortTaken, life)
		}
		return fmt.Errorf("%w; it logged:\n%s", err, life)
	}
	s.proc, s.remembers = p, true
	return nil
}

// awaitReady asks until the server answers PING on its Unix socket, which it opens
// after its ports and which nobody else can hold.
func (s *Server) awaitReady(p *Process) error {
	deadline := time.After(readyTimeout)
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		_, err := s.Do("PING")
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended at once: %w", p.err)
		case <-deadline:
			return fmt.Errorf("not ready within %v: %w", readyTimeout, err)
		case <-time.After(pause):
		}
	}
}

// Addr is the plain TCP address, host:port.
func (s *Server) Addr() string { return net.JoinHostPort(host, s.port) }

// URL is the plain TCP address as redis://host:port.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// TLSAddr is the TLS address, host:port, of a server started WithTLS.
func (s *Server) TLSAddr() string { return net.JoinHostPort(host, s.tlsPort) }

// TLSURL is the TLS address as rediss://host:port.
func (s *Server) TLSURL() string { return "rediss://" + s.TLSAddr() }

// TLS names the files of a server started WithTLS.
func (s *Server) TLS() TLSFiles { return s.tls }

// Socket is the path of the Unix socket.
func (s *Server) Socket() string { return filepath.Join(s.dir, "s") }

func (s *Server) configFile() string { return filepath.Join(s.dir, "redis.conf") }

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// Log is everything the server has logged, in all its lives. It is shown by itself
// when the test fails.
func (s *Server) Log() string {
	log, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(log)
}

// Kill ends the server with SIGKILL and returns when it is gone. It does nothing if
// the server is gone already.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killLocked()
}

func (s *Server) killLocked() {
	if s.proc != nil {
		s.proc.Kill()
		s.proc = nil
	}
}

// Restart kills the server if it runs, starts it again on the same port and socket
// and returns when it answers PING. Its memory is empty unless it was started
// WithAppendOnly.
func (s *Server) Restart() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.killLocked()
	err := s.runLocked()
	for deadline := time.Now().Add(readyTimeout); errors.Is(err, errPortTaken) && time.Now().Before(deadline); {
		time.Sleep(maxPause)
		err = s.runLocked()
	}
	if err != nil {
		s.t.Fatalf("restart redis-server: %v", err)
	}
}

// Stop halts the server with SIGSTOP and returns when it stands still: its
// connections stay open, and new ones are accepted by the kernel, but nothing is
// answered until Cont.
func (s *Server) Stop() {
	s.t.Helper()
	pid := s.signal(syscall.SIGSTOP)
	Eventually(s.t, readyTimeout, "redis-server stopped by SIGSTOP", func() bool { return isStopped(pid) })
}

// Cont lets a stopped server go on.
func (s *Server) Cont() {
	s.t.Helper()
	s.signal(syscall.SIGCONT)
}

// signal sends sig to the running server and returns its process id.
func (s *Server) signal(sig os.Signal) int {
	s.t.Helper()
	s.mu.Lock()
	p := s.proc
	s.mu.Unlock()
	err := errNotRunning
	if p != nil {
		err = p.Signal(sig)
	}
	if err != nil {
		s.t.Fatalf("send %v to redis-server: %v", sig, err)
	}
	return p.cmd.Process.Pid
}

// Do runs one command over a Unix connection of its own, as a user with all
// rights. An error reply is returned as an error, beside its Value.
func (s *Server) Do(args ...string) (Value, error) {
	conn, err := net.DialTimeout("unix", s.Socket(), DefaultTimeout)
	if err != nil {
		return Value{}, err
	}
	c := newClient(s.t, conn)
	defer c.Close()
	if v, err := c.doOK("AUTH", controlUser, "any"); err != nil {
		return v, err
	}
	return c.doOK(args...)
}

// MustDo is Do that ends the test on an error.
func (s *Server) MustDo(args ...string) Value {
	s.t.Helper()
	v, err := s.Do(args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

// KillSubscribers ends all connections that are subscribed to anything, at least one: it waits for the first, since a
// connection of a relay that has just begun may have no subscription yet.
func (s *Server) KillSubscribers() {
	s.t.Helper()
	Eventually(s.t, DefaultTimeout, "a connection is subscribed, and killed", func() bool {
		return s.MustDo("CLIENT", "KILL", "TYPE", "pubsub").Int > 0
	})
}

// PubSubClients is CLIENT LIST TYPE pubsub: a line for each connection that is
// subscribed to anything.
func (s *Server) PubSubClients() []string {
	s.t.Helper()
	list := strings.TrimSpace(s.MustDo("CLIENT", "LIST", "TYPE", "pubsub").Str)
	if list == "" {
		return nil
	}
	return strings.Split(list, "\n")
}
