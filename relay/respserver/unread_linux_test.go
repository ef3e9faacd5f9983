package respserver_test

// When a request leaves the client's socket. Only on Linux can a sender see it.

import (
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// unread is how many bytes of a client are still in its socket, as the kernel
// accounts for them: 0 or more than were sent.
func unread(t *testing.T, conn *net.UnixConn) (n int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if cerr := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) }); cerr != nil || err != nil {
		t.Fatal(cerr, err)
	}
	return n
}

func dialUnix(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func write(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	b := make([]byte, len(want))
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != want {
		t.Fatalf("got %q, %v, want %q", b, err, want)
	}
}

// TestPublishStaysInTheSocketUntilAnswered, for a connection that publishes and has
// a publish to wait for; whatever else it sends is taken out at once.
func TestPublishStaysInTheSocketUntilAnswered(t *testing.T) {
	s := serve(t)
	conn := dialUnix(t, s.path)
	seen := func(n int) func() bool { return func() bool { return len(s.backend.published()) == n } }
	taken := func() bool { return unread(t, conn) == 0 }

	write(t, conn, "PUBLISH a 0\r\n") // from now on it is known to publish
	expect(t, conn, ":1\r\n")
	s.backend.keep.Store(true)
	write(t, conn, "PUBLISH a 1\r\n")
	until(t, "the publish is read", seen(2))
	if taken() {
		t.Error("a publish was taken out of the socket before its answer")
	}
	write(t, conn, "PUBLISH a 2\r\nPING\r\nPUBLI")
	until(t, "the next is read", seen(3))
	s.backend.answer()
	until(t, "all is taken out", taken) // also before the client reads the answers
	expect(t, conn, ":0\r\n:1\r\n+PONG\r\n")

	s.backend.keep.Store(false)
	write(t, conn, "SH a 3\r\nPING\r\n")
	expect(t, conn, ":1\r\n+PONG\r\n")
	until(t, "all is taken out", taken)
	write(t, conn, "PUBLISH closed x\r\nPING\r\n")
	expect(t, conn, "-"+errClosed.Error()+"\r\n+PONG\r\n")
	until(t, "a refused publish is taken out", taken)

	s.backend.keep.Store(true)
	write(t, conn, strings.Repeat("PUBLISH a many\r\n", 300)) // more than may stay, and than the window
	until(t, "much is taken out before it is answered", taken)
}

// TestPublishesAreReadOnce: answers come, and take requests out of the socket, at
// the moment when a connection that publishes becomes one that subscribes, from
// which is read in another way.
func TestPublishesAreReadOnce(t *testing.T) {
	const rounds = 1000
	s := serve(t)
	conn := dialUnix(t, s.path)
	s.backend.keep.Store(true)
	stop := make(chan struct{})
	var answering sync.WaitGroup
	answering.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.backend.answer()
			}
		}
	})
	var want []string
	for i := range rounds {
		one, two := strconv.Itoa(i), strconv.Itoa(i)+"b"
		want = append(want, one, two)
		write(t, conn, "PUBLISH a "+one+"\r\n")
		expect(t, conn, ":0\r\n")
		write(t, conn, "PUBLISH a "+two+"\r\nSUBSCRIBE b\r\n")
		expect(t, conn, ":0\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:1\r\n")
		write(t, conn, "UNSUBSCRIBE b\r\n")
		expect(t, conn, "*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n")
	}
	close(stop)
	answering.Wait()
	if got := s.backend.published(); !slices.Equal(got, want) {
		t.Errorf("%d publishes were sent, %d arrived, or others", len(want), len(got))
	}
}

// TestEndAfterAPublish: what stayed in the socket does not turn the end of the
// connection into a failure.
func TestEndAfterAPublish(t *testing.T) {
	s := serve(t)
	conn := dialUnix(t, s.path)
	write(t, conn, "PUBLISH a 0\r\n") // from now on it is known to publish
	expect(t, conn, ":1\r\n")
	write(t, conn, "QUIT\r\n")
	if rest, err := io.ReadAll(conn); err != nil || string(rest) != "+OK\r\n" {
		t.Errorf("got %q, %v", rest, err)
	}
}
