package listen_test

// The socket file: who may take it, and what it looks like.

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"redis-relay/relay/redistest"
	"redis-relay/relay/respserver/listen"
)

// listens ends the test unless Listen takes path.
func listens(t *testing.T, path string) *listen.Socket {
	t.Helper()
	ln, err := listen.OnSocket(path, 0o660, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	if conn, err := net.Dial("unix", path); err != nil {
		t.Fatal(err)
	} else if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	return ln
}

func refuses(t *testing.T, path string, want error) {
	t.Helper()
	ln, err := listen.OnSocket(path, 0o660, "")
	if err == nil {
		_ = ln.Close()
		t.Fatalf("Listen took %s", path)
	}
	if !errors.Is(err, want) || !strings.Contains(err.Error(), path) || !strings.HasPrefix(err.Error(), "socket.path: ") {
		t.Errorf("got %q, want %q, with the key and the path", err, want)
	}
}

func TestListenReplacesStaleSocket(t *testing.T) {
	path := redistest.SocketPath(t)
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false) // as after SIGKILL
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	listens(t, path)
}

func TestListenGivesEverythingBack(t *testing.T) {
	path := redistest.SocketPath(t)
	for range 3 {
		if err := listens(t, path).Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after Close the socket is still there: %v", err)
		}
	}
}

func TestListenRefusesWhatIsNoSocket(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"regular file": func(path string) error { return os.WriteFile(path, []byte("precious"), 0o600) },
		"folder":       func(path string) error { return os.Mkdir(path, 0o700) },
		"symlink":      func(path string) error { return os.Symlink("elsewhere", path) },
	} {
		t.Run(name, func(t *testing.T) {
			path := redistest.SocketPath(t)
			if err := put(path); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			refuses(t, path, listen.ErrNotSocket)
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) || before.Size() != after.Size() {
				t.Errorf("it was touched: %v, %v", after, err)
			}
		})
	}
}

func TestListenNeverTakesALivingRelaysSocket(t *testing.T) {
	path := redistest.SocketPath(t)
	first := listens(t, path)
	refuses(t, path, listen.ErrInUse)
	if conn, err := net.Dial("unix", path); err != nil {
		t.Fatalf("the first listener cannot be reached: %v", err)
	} else if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	fd := -1
	if err := first.Offer(func(own int) { fd = own }); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fd) }()
	for range 2 { // listens has connected once
		conn, _, err := syscall.Accept(fd)
		if err != nil {
			t.Fatalf("the first listener is dead: %v", err)
		}
		_ = syscall.Close(conn)
	}
}

// Something else that listens there holds no lock, and is spared too.
func TestListenNeverTakesAnybodysLivingSocket(t *testing.T) {
	path := redistest.SocketPath(t)
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	refuses(t, path, listen.ErrInUse)
	if _, err := os.Lstat(path); err != nil {
		t.Error(err)
	}
}

// A relay that is just starting has the lock and not yet the socket.
func TestListenRefusesWhenTheLockIsHeld(t *testing.T) {
	path := redistest.SocketPath(t)
	lock, err := os.Create(path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	refuses(t, path, listen.ErrInUse)
	if err := lock.Close(); err != nil { // its process ended
		t.Fatal(err)
	}
	listens(t, path)
}

// In a folder that others can write to, the lock must not be made elsewhere.
func TestListenDoesNotFollowTheLock(t *testing.T) {
	path := redistest.SocketPath(t)
	target := filepath.Join(filepath.Dir(path), "target")
	if err := os.Symlink(target, path+".lock"); err != nil {
		t.Fatal(err)
	}
	refuses(t, path, syscall.ELOOP)
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link was followed: %v", err)
	}
}

func TestListenInAMissingFolder(t *testing.T) {
	refuses(t, filepath.Join(filepath.Dir(redistest.SocketPath(t)), "missing", "s"), fs.ErrNotExist)
}

func TestListenModes(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o077, 0o777} {
		for _, mode := range []fs.FileMode{0o600, 0o660, 0o666, 0o700, 0o777} {
			path := redistest.SocketPath(t)
			old := syscall.Umask(umask)
			ln, err := listen.OnSocket(path, mode, "")
			left := syscall.Umask(old)
			if err != nil {
				if umask != 0o777 || os.Geteuid() == 0 {
					t.Fatal(err)
				}
				continue // without permissions the lock cannot be opened again
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != mode {
				t.Errorf("umask %o: the mode is %o, want %o", umask, got, mode)
			}
			if left != umask {
				t.Errorf("the umask was %o and is %o", umask, left)
			}
			if err := ln.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestListenGroup(t *testing.T) {
	path := redistest.SocketPath(t)
	ln, err := listen.OnSocket(path, 0o660, strconv.Itoa(os.Getegid()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if gid := info.Sys().(*syscall.Stat_t).Gid; gid != uint32(os.Getegid()) {
		t.Errorf("the group is %d", gid)
	}
	if _, err := listen.OnSocket(redistest.SocketPath(t), 0o660, "no-such-group"); err == nil ||
		!strings.HasPrefix(err.Error(), "socket.group: ") {
		t.Errorf("got %v, want an error about socket.group", err)
	}
}

func TestOfManyThatListenOneWins(t *testing.T) {
	path := redistest.SocketPath(t)
	var winners atomic.Int32
	var all sync.WaitGroup
	start := make(chan struct{})
	for range 20 {
		all.Go(func() {
			<-start
			ln, err := listen.OnSocket(path, 0o660, "")
			switch {
			case err == nil:
				winners.Add(1)
				t.Cleanup(func() { _ = ln.Close() })
			case !errors.Is(err, listen.ErrInUse):
				t.Error(err)
			}
		})
	}
	close(start)
	all.Wait()
	if n := winners.Load(); n != 1 {
		t.Errorf("%d took the socket", n)
	}
}
