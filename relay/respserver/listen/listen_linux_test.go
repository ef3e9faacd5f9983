package listen_test

// What only Linux does: a socket whose queue of connections is full says EAGAIN,
// not that nobody is there, and one whose mode was set before bind(2) is made with
// that mode.

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"redis-relay/relay/redistest"
	"redis-relay/relay/respserver/listen"
)

func TestListenNeverTakesASocketThatIsFull(t *testing.T) {
	path := redistest.SocketPath(t)
	socket := func() int {
		t.Helper()
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		return fd
	}
	other, address := socket(), &unix.SockaddrUnix{Name: path}
	if err := unix.Bind(other, address); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(other, 0); err != nil {
		t.Fatal(err)
	}
	for err := error(nil); err == nil; {
		err = unix.Connect(socket(), address)
	}
	refuses(t, path, unix.EAGAIN)
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the socket was taken away: %v", err)
	}
}

// While a socket is made again and again, a file that somebody else makes has the
// mode it asked for, and the socket is seen with its own mode or the owner's.
func TestListenWhileOthersMakeFiles(t *testing.T) {
	const mode = 0o606
	path := redistest.SocketPath(t)
	stop := make(chan struct{})
	var others sync.WaitGroup
	during := func(look func()) {
		others.Go(func() {
			for !t.Failed() {
				select {
				case <-stop:
					return
				default:
					look()
				}
			}
		})
	}
	file := filepath.Join(filepath.Dir(path), "file")
	want := modeOfNew(t, file)
	during(func() {
		if got := modeOfNew(t, file); got != want {
			t.Errorf("a file made meanwhile has the mode %o, want %o", got, want)
		}
	})
	during(func() {
		info, err := os.Lstat(path)
		if err != nil {
			return // between two sockets
		}
		if got := info.Mode().Perm(); got != mode && got != 0o600 {
			t.Errorf("the socket is seen with the mode %o", got)
		}
	})
	for range 500 {
		ln, err := listen.OnSocket(path, mode, "")
		if err != nil {
			t.Error(err)
			break
		}
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	others.Wait()
}

func modeOfNew(t *testing.T, path string) fs.FileMode {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o777)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer func() { _, _ = f.Close(), os.Remove(path) }()
	info, err := f.Stat()
	if err != nil {
		t.Error(err)
		return 0
	}
	return info.Mode().Perm()
}
