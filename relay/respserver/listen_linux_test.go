package respserver_test

// A socket whose queue of connections is full: Linux says EAGAIN, not that nobody
// is there.

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestListenNeverTakesASocketThatIsFull(t *testing.T) {
	path := socketPath(t)
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
