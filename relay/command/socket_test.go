package command

// The files and addresses that a relay takes and leaves.

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"redis-relay/relay/redistest"
)

func TestSocketOfALivingRelayIsNotTaken(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	d := s.start(nil)
	d.awaitReady()
	s.run(nil, "--http.listen=").expect(t, exitFailed, "socket.path: relay.sock: a living relay holds this socket",
		"stop it or choose another path")
	c := d.Dial()
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
	c := d.Dial()
	d.Signal(syscall.SIGSTOP)
	t.Cleanup(func() { d.Signal(syscall.SIGCONT) })
	refused := func() {
		t.Helper()
		s.run(nil, "--http.listen=").expect(t, exitFailed, "socket.path: relay.sock: a living relay holds this socket")
	}
	refused()
	if err := os.Remove(d.Socket + ".lock"); err != nil {
		t.Fatal(err)
	}
	refused()
	d.Signal(syscall.SIGCONT)
	for _, c := range []*redistest.Client{c, d.Dial()} {
		c.Send("PING")
		c.Expect(t, "+PONG")
	}
}

// TestNextRelayTakesOver the socket while the last one still drains, and keeps it.
func TestNextRelayTakesOver(t *testing.T) {
	t.Parallel()
	old := startStuck(t)
	redistest.Eventually(t, wait, "the socket is given up", func() bool {
		_, err := os.Lstat(old.Socket)
		return errors.Is(err, os.ErrNotExist)
	})
	old.Signal(syscall.SIGSTOP) // it drains for as long as the next one takes to start
	t.Cleanup(func() { _ = old.Cmd.Process.Signal(syscall.SIGCONT) })
	s := &scene{t, filepath.Dir(old.Socket)}
	next := s.start(nil)
	next.awaitReady()
	old.Signal(syscall.SIGCONT)
	old.EndsWithin(wait)
	c := next.Dial()
	c.Send("PING")
	c.Expect(t, "+PONG")
	s.run(nil, "--http.listen=").expect(t, exitFailed, "a living relay holds this socket")
}

func TestStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	d := s.start(nil)
	d.awaitReady()
	d.Signal(syscall.SIGKILL)
	d.EndsWithin(wait)
	if _, err := os.Lstat(d.Socket); err != nil {
		t.Fatalf("SIGKILL should leave the socket: %v", err)
	}
	again := s.start(nil)
	again.awaitReady()
	c := again.Dial()
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

// TestSocketThatCannotBeMade: what is in the way is named, and the way out.
func TestSocketThatCannotBeMade(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path   string         // in the scene, unless absolute
		others map[string]int // files of other users
		asRoot bool           // the test needs other users
		says   []string
	}{
		"no folder": {"gone/relay.sock", nil, false, []string{"--socket.path: gone/relay.sock: there is no folder gone; create it ("}},
		"no folder below /run": {"/run/no-such-folder/relay.sock", nil, false, []string{
			"there is no folder /run/no-such-folder; create it; a systemd unit does with RuntimeDirectory=no-such-folder",
		}},
		"a file": {"file/relay.sock", map[string]int{"file": 0}, false, []string{"file is no folder; choose another path"}},
		"a folder of others": {"closed/relay.sock", map[string]int{"closed/": 0}, true, []string{
			"user 65532 may not write into the folder closed; give it to that user",
		}},
		"a lock of others": {"relay.sock", map[string]int{"relay.sock.lock": 1234}, true, []string{
			"relay.sock.lock is of user 1234, and this relay runs as user 65532; delete it when the relay's user changes",
		}},
		"a socket of others": {"relay.sock", map[string]int{"relay.sock=": 1234}, true, []string{
			"relay.sock is of user 1234, and this relay runs as user 65532; delete it when the relay's user changes",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.asRoot && os.Geteuid() != 0 {
				t.Log("needs other users: let root run it")
				return
			}
			s := newScene(t, nil)
			if err := os.Chmod(s.dir, 0o777|os.ModeSticky); err != nil {
				t.Fatal(err)
			}
			for file, owner := range c.others {
				s.leave(file, owner)
			}
			s.runAs(c.asRoot, "--http.listen=", "--socket.path="+c.path).expect(t, exitFailed, c.says...)
		})
	}
	newScene(t, nil).run(nil, "--http.listen=", "--socket.group=no-such-group").expect(t, exitFailed,
		`--socket.group: there is no group "no-such-group"; create it, or write the number of another`)
}

// leave makes a file of a user: a folder, if its name ends with a slash, a socket that
// nobody answers on, if with =.
func (s *scene) leave(name string, owner int) {
	s.t.Helper()
	path := s.path(strings.TrimRight(name, "/="))
	var err error
	switch name[len(name)-1] {
	case '/':
		err = os.Mkdir(path, 0o755)
	case '=':
		var ln *net.UnixListener
		if ln, err = net.ListenUnix("unix", &net.UnixAddr{Name: path}); err == nil {
			ln.SetUnlinkOnClose(false)
			err = errors.Join(ln.Close(), os.Chmod(path, 0o600))
		}
	default:
		err = os.WriteFile(path, nil, 0o600)
	}
	if owner != 0 {
		err = errors.Join(err, os.Chown(path, owner, owner))
	}
	if err != nil {
		s.t.Fatal(err)
	}
}
