package loop_test

// What the tests share.

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"redis-relay/relay/loop"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// handler is a loop.Handler that is a function.
type handler func(e loop.Events)

func (h handler) Ready(e loop.Events) { h(e) }

func made(t testing.TB, opts loop.Options) *loop.Loop {
	t.Helper()
	l, err := loop.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run runs a loop until the test ends, or stop is called, which waits.
func run(t testing.TB, l *loop.Loop) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := l.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	stop = func() {
		cancel()
		wait(t, "the loop's end", done)
	}
	t.Cleanup(stop)
	return stop
}

func running(t testing.TB) *loop.Loop {
	t.Helper()
	l := made(t, loop.Options{})
	run(t, l)
	return l
}

// wait waits until done is closed, or something comes.
func wait[T any](t testing.TB, what string, done <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-done:
	case <-time.After(patience):
		panic("waited too long for " + what) // with what every goroutine does
	}
	return got
}

// do runs f in the loop.
func do(t testing.TB, l *loop.Loop, f func()) {
	t.Helper()
	if !l.Call(f) {
		t.Fatal("the loop has ended")
	}
}

// turns lets the loop make at least n turns.
func turns(t testing.TB, l *loop.Loop, n int) {
	t.Helper()
	for range n {
		do(t, l, func() {})
	}
}

// pair returns two sockets that are connected; both are non-blocking, and theirs is closed with the test.
func pair(t testing.TB) (ours, theirs int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err = errors.Join(err, unix.SetNonblock(fds[0], true), unix.SetNonblock(fds[1], true)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fds[1]) })
	return fds[0], fds[1]
}

// register is Loop.Register from another goroutine, for a loop that runs.
func register(t testing.TB, l *loop.Loop, fd int, h loop.Handler) (d *loop.Descriptor) {
	t.Helper()
	var err error
	do(t, l, func() { d, err = l.Register(fd, h) })
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func write(t testing.TB, fd int, s string) {
	t.Helper()
	if n, err := unix.Write(fd, []byte(s)); n != len(s) || err != nil {
		t.Errorf("write %q: %d, %v", s, n, err)
	}
}

// drain reads what there is. The error is nil at the end of the stream, and EAGAIN before.
func drain(fd int) (got []byte, err error) {
	buf := make([]byte, 64<<10)
	for {
		n, err := unix.Read(fd, buf)
		if n <= 0 || err != nil {
			return got, err
		}
		got = append(got, buf[:n]...)
	}
}
