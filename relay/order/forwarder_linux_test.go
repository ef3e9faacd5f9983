package order_test

// A server that keeps the order of arrival: redis-server, behind a loop that tells it what came first.

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"redis-relay/relay/redistest"
)

// forwarder stands before a redis-server and hands it the commands of one connection at a time. Edge-triggered
// epoll lists connections in the order in which they became readable. redis-server's own loop is
// level-triggered: there a connection that was served stays listed, and is served again before others that
// wrote first. So redis-server errs, if seldom.
type forwarder struct {
	t         *testing.T
	redis     *redistest.Server
	control   *redistest.Client
	socket    string
	listener  int
	epoll     int
	upstreams map[int]*peer // by the client's descriptor; their buffers are not used
	reading   atomic.Bool   // it is in the read of a client's commands
	stop      atomic.Bool
}

func startForwarder(t *testing.T, redis *redistest.Server) *forwarder {
	t.Helper()
	dir, err := os.MkdirTemp("", "order")
	if err != nil {
		t.Fatal(err)
	}
	f := &forwarder{
		t: t, redis: redis, control: redistest.Dial(t, "unix", redis.Socket()),
		socket: filepath.Join(dir, "s"), upstreams: map[int]*peer{},
	}
	if err := f.open(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); f.run() }()
	t.Cleanup(func() {
		f.stop.Store(true)
		<-done
		_ = os.RemoveAll(dir)
	})
	return f
}

func (f *forwarder) open() (err error) {
	if f.listener, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0); err != nil {
		return err
	}
	if f.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	return errors.Join(unix.Bind(f.listener, &unix.SockaddrUnix{Name: f.socket}), unix.Listen(f.listener, 100), f.watch(f.listener))
}

func (f *forwarder) watch(fd int) error {
	return unix.EpollCtl(f.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(fd)})
}

// run serves until it is stopped.
func (f *forwarder) run() {
	const wait = 50 // milliseconds between two looks at stop
	for events := make([]unix.EpollEvent, 64); !f.stop.Load(); {
		n, _ := unix.EpollWait(f.epoll, events, wait) // -1 where it is interrupted
		for _, e := range events[:max(n, 0)] {
			if int(e.Fd) == f.listener {
				f.accept()
			} else if q := f.upstreams[int(e.Fd)]; q != nil {
				f.serve(int(e.Fd), q, e.Events)
			}
			f.answer()
		}
		f.answer()
	}
	for client, q := range f.upstreams {
		f.drop(client, q)
	}
	_, _ = unix.Close(f.listener), unix.Close(f.epoll)
}

func (f *forwarder) accept() {
	for {
		client, _, err := unix.Accept4(f.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			return // nobody more
		}
		q, err := dial(f.redis.Socket())
		if err = errors.Join(err, f.watch(client)); err != nil {
			f.t.Error(err)
			return
		}
		f.upstreams[client] = q
	}
}

func (f *forwarder) read(client int, space []byte) (n int, err error) {
	f.reading.Store(true)
	defer f.reading.Store(false)
	n, _, err = unix.Recvfrom(client, space, 0)
	return n, err
}

// readOver returns when the forwarder is done with the read that it is in.
func (f *forwarder) readOver() error {
	for f.reading.Load() {
		runtime.Gosched()
	}
	return nil
}

// serve hands on what one read brings, and returns when Redis has carried it out.
func (f *forwarder) serve(client int, q *peer, events uint32) {
	space := make([]byte, 64<<10)
	n, err := f.read(client, space)
	if n > 0 {
		_ = q.write(space[:n])
	}
	if n > 0 && events&unix.EPOLLRDHUP != 0 { // the end came with it, and is not told again
		n, err = f.read(client, space)
	}
	if n == 0 && err == nil || errors.Is(err, unix.ECONNRESET) {
		_ = unix.Shutdown(q.fd, unix.SHUT_WR)
	}
	for end := time.Now().Add(patience); !q.taken() && time.Now().Before(end); {
	}
	for range 2 {
		if _, err := f.control.TryDo("PING"); err != nil {
			f.t.Error(err)
		}
	}
}

// answer brings back what Redis has answered.
func (f *forwarder) answer() {
	space := make([]byte, 64<<10)
	for client, q := range f.upstreams {
		switch n, _, err := unix.Recvfrom(q.fd, space, unix.MSG_DONTWAIT); {
		case n > 0:
			_, _ = unix.SendmsgN(client, space[:n], nil, nil, unix.MSG_NOSIGNAL)
		case err == nil, errors.Is(err, unix.ECONNRESET):
			f.drop(client, q)
		}
	}
}

func (f *forwarder) drop(client int, q *peer) {
	_ = unix.Close(client)
	q.close()
	delete(f.upstreams, client)
}
