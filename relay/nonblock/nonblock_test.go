package nonblock_test

import (
	"errors"
	"syscall"
	"testing"

	"redis-relay/relay/nonblock"
)

// TestReadWrite goes through what a socket can answer.
func TestReadWrite(t *testing.T) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := uintptr(fds[0]), uintptr(fds[1])
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 8)
	want := func(what string, n int, err error, wantN int, wantErr error) {
		t.Helper()
		if n != wantN || !errors.Is(err, wantErr) {
			t.Errorf("%s: got %d, %v, want %d, %v", what, n, err, wantN, wantErr)
		}
	}

	n, err := nonblock.Read(ours, buf)
	want("read nothing", n, err, 0, syscall.EAGAIN)
	n, err = nonblock.Write(ours, []byte("abc"))
	want("write", n, err, 3, nil)
	n, err = nonblock.Read(theirs, buf)
	want("read", n, err, 3, nil)
	if got := string(buf[:3]); got != "abc" {
		t.Errorf("read %q, want abc", got)
	}
	n, err = nonblock.Write(ours, nil)
	want("write nothing", n, err, 0, nil)
	for err == nil {
		_, err = nonblock.Write(ours, make([]byte, 64<<10))
	}
	want("write to a full socket", 0, err, 0, syscall.EAGAIN)
	if err := syscall.Close(fds[1]); err != nil {
		t.Fatal(err)
	}
	_, err = nonblock.Write(ours, []byte("x"))
	want("write to nobody", 0, err, 0, syscall.EPIPE)
	_, _ = nonblock.Read(ours, buf) // ECONNRESET: what was written is lost
	n, err = nonblock.Read(ours, buf)
	want("read at the end", n, err, 0, nil)
	if err := syscall.Close(fds[0]); err != nil {
		t.Fatal(err)
	}
}
