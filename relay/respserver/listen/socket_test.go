package listen_test

// The socket's file after others have touched it.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/respserver/listen"
)

// maintained is a socket that is looked after for the length of a test. Who connects gets a
// byte.
type maintained struct {
	*listen.Socket
	t    *testing.T
	path string
	dir  string
	end  func() error

	parts sync.WaitGroup

	mu   sync.Mutex // Guards what follows.
	told []error
	ln   net.Listener // on which they connect
}

const keptMode = 0o640

func keep(t *testing.T) *maintained {
	t.Helper()
	path := redistest.SocketPath(t)
	s, err := listen.OnSocket(path, keptMode, "")
	if err != nil {
		t.Fatal(err)
	}
	k := &maintained{Socket: s, t: t, path: path, dir: filepath.Dir(path)}
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Offer(k.greet); err != nil {
		t.Fatal(err)
	}
	k.parts.Go(func() {
		if err := s.Maintain(ctx, k.tell); err != nil {
			t.Errorf("Maintain: %v", err)
		}
	})
	k.end = sync.OnceValue(func() error {
		cancel()
		err := s.Close()
		k.stopGreeting()
		k.parts.Wait()
		return err
	})
	t.Cleanup(func() {
		if err := k.end(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return k
}

// greet greets who connects to the file as it is now.
func (k *maintained) greet(fd int) {
	f := os.NewFile(uintptr(fd), "listener")
	ln, err := net.FileListener(f)
	if err = errors.Join(err, f.Close()); err != nil {
		k.t.Error(err)
		return
	}
	k.stopGreeting()
	k.mu.Lock()
	k.ln = ln
	k.mu.Unlock()
	k.parts.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("k")) // the other end may be gone
			_ = conn.Close()
		}
	})
}

func (k *maintained) stopGreeting() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ln != nil {
		_ = k.ln.Close()
	}
}

func (k *maintained) tell(lost error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.told = append(k.told, lost)
}

// story is what was told so far: nil for "clients can connect again".
func (k *maintained) story() []error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.told)
}

// greets tells who answers at path.
func greets(path string) string {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }()
	b := make([]byte, 1)
	_, _ = conn.Read(b)
	return strings.Trim(string(b), "\x00")
}

// lost waits until it is told that nobody can connect, and why. Another reason may come before: that of a moment between
// two steps of the test.
func (k *maintained) lost(want error) {
	k.t.Helper()
	var err error
	redistest.Eventually(k.t, redistest.DefaultTimeout, "it is told that "+want.Error(), func() bool {
		if told := k.story(); len(told) > 0 {
			err = told[len(told)-1]
		}
		return errors.Is(err, want)
	})
	if !strings.HasPrefix(err.Error(), "socket.path: ") || !strings.Contains(err.Error(), k.path) {
		k.t.Errorf("told %q, want %q, with the key and the path", err, want)
	}
	if got := k.Unreachable(); got == nil || got.Error() != err.Error() {
		k.t.Errorf("Unreachable says %v, %v was told", got, err)
	}
}

// back waits until the socket can be reached again, which is told once.
func (k *maintained) back(remade uint64) {
	k.t.Helper()
	var told []error
	redistest.Eventually(k.t, redistest.DefaultTimeout, "the return is told", func() bool {
		told = k.story()
		return slices.Contains(told, nil)
	})
	once := slices.CompactFunc(slices.Clone(told), func(a, b error) bool { return fmt.Sprint(a) == fmt.Sprint(b) })
	if slices.Index(told, nil) != len(told)-1 || len(told) < 2 || len(once) != len(told) {
		k.t.Errorf("told %v", told)
	}
	if err := k.Unreachable(); err != nil || greets(k.path) != "k" || k.Remade() != remade {
		k.t.Errorf("lost: %v; made anew %d times, want %d", err, k.Remade(), remade)
	}
	if info, err := os.Lstat(k.path); err != nil || info.Mode().Perm() != keptMode {
		k.t.Errorf("%v, %v", info, err)
	}
}

// removeFolder removes the folder and all that is in it: for who looks, in one step.
func (k *maintained) removeFolder() {
	k.t.Helper()
	must(k.t, os.Rename(k.dir, k.dir+".gone"), os.RemoveAll(k.dir+".gone"))
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestASocketThatIsDeletedIsMadeAnew(t *testing.T) {
	k := keep(t)
	must(t, os.Remove(k.path))
	if err := k.Unreachable(); !errors.Is(err, listen.ErrGone) && greets(k.path) != "k" {
		t.Errorf("Unreachable says %v", err)
	}
	k.back(1)
	refuses(t, k.path, listen.ErrInUse)
}

func TestASocketWhoseFolderIsMadeAnewIsMadeAnew(t *testing.T) {
	k := keep(t)
	k.removeFolder()
	k.lost(fs.ErrNotExist)
	must(t, os.Mkdir(k.dir, 0o700))
	k.back(1)
	refuses(t, k.path, listen.ErrInUse) // the lock, too
}

func TestASocketThatIsMovedAwayAndBackIsTheSame(t *testing.T) {
	k := keep(t)
	must(t, os.Rename(k.dir, k.dir+".away"))
	k.lost(fs.ErrNotExist)
	must(t, os.Rename(k.dir+".away", k.dir))
	k.back(0)
}

func TestAStaleSocketInTheOnesPlaceIsReplaced(t *testing.T) {
	k := keep(t)
	other := filepath.Join(k.dir, "other")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: other, Net: "unix"})
	must(t, err)
	ln.SetUnlinkOnClose(false)
	must(t, ln.Close(), os.Rename(other, k.path))
	k.back(1)
}

// Whatever others put at the path stays, while the relay runs and when it ends.
func TestWhatOthersPutInTheSocketsPlaceStays(t *testing.T) {
	for name, tt := range map[string]struct {
		put  func(t *testing.T, path string) error
		want error
	}{
		"a file": {
			func(_ *testing.T, path string) error { return os.WriteFile(path, []byte("precious"), 0o600) }, listen.ErrNotSocket,
		},
		"a folder": {
			func(_ *testing.T, path string) error { return os.Mkdir(path, 0o700) }, listen.ErrNotSocket,
		},
		"a link": {
			func(_ *testing.T, path string) error { return os.Symlink("elsewhere", path) }, listen.ErrNotSocket,
		},
		"a living socket": {
			func(t *testing.T, path string) error {
				ln, err := net.Listen("unix", path)
				if err == nil {
					t.Cleanup(func() { _ = ln.Close() })
				}
				return err
			}, listen.ErrInUse,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, lookedAfter := range []bool{true, false} {
				k := keep(t)
				other := filepath.Join(k.dir, "other")
				must(t, tt.put(t, other))
				before, err := os.Lstat(other)
				must(t, err)
				if before.IsDir() { // a folder cannot be moved over a file
					must(t, os.Remove(k.path))
				}
				must(t, os.Rename(other, k.path))
				if lookedAfter {
					k.lost(tt.want)
				}
				if err := k.end(); err != nil {
					t.Errorf("Close: %v", err)
				}
				if after, err := os.Lstat(k.path); err != nil || !os.SameFile(before, after) || before.Size() != after.Size() {
					t.Errorf("looked after %v: it was touched: %v, %v", lookedAfter, after, err)
				}
			}
		})
	}
}

// The folder is made anew, as by a container's restart, and a second relay starts in
// it before the first one has looked: neither takes the other's socket away.
func TestTwoRelaysAfterTheFolderWasMadeAnew(t *testing.T) {
	for _, lookedAfter := range []bool{true, false} {
		k, second := keep(t), keep(t)
		k.removeFolder()
		must(t, os.Rename(second.dir, k.dir)) // with its lock
		if lookedAfter {
			k.lost(listen.ErrInUse)
		}
		before, err := os.Lstat(k.path)
		must(t, err, k.end())
		if after, err := os.Lstat(k.path); err != nil || !os.SameFile(before, after) || greets(k.path) != "k" {
			t.Errorf("looked after %v: the second relay's socket: %v, %v", lookedAfter, after, err)
		}
	}
}

// And once the second one has ended, the first one can be reached again.
func TestTheSocketIsMadeAnewWhenTheOtherRelayHasEnded(t *testing.T) {
	k, second := keep(t), keep(t)
	k.removeFolder()
	must(t, os.Rename(second.dir, k.dir))
	k.lost(listen.ErrInUse)
	must(t, second.end()) // its file, which is not where it was made, stays behind
	k.back(1)
}
