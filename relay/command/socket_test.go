package command

// The files and addresses that a relay takes and leaves.

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

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
