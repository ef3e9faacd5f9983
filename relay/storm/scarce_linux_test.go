package storm_test

// A system that has run out: of file descriptors, and of room for the log.

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"redis-relay/relay/test/process"
)

// The relay keeps descriptors back: clients are refused before Redis cannot be
// reached any more.
func TestFewDescriptors(t *testing.T) {
	const files = 150
	c := start(t, mayOpen(files))
	c.Eventually("the log says that there will be fewer clients", func() bool { return c.says("limits.clients is lowered") > 0 })
	b := c.stand()
	var served, refused []net.Conn
	var again atomic.Int64
	for range files {
		conn, err := connect(c.Socket, &again)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(conn, "PING\r\n") // fails for one that is refused already
		answer := make([]byte, 7)
		_, err = io.ReadFull(conn, answer)
		switch {
		case err != nil:
			t.Fatal(err)
		case string(answer) == "+PONG\r\n":
			served = append(served, conn)
		case strings.HasPrefix("-ERR max number of clients reached", string(answer)):
			refused = append(refused, conn)
		default:
			t.Fatalf("got %q", answer)
		}
	}
	if len(served) < files/2 || len(refused) == 0 {
		t.Errorf("%d served, %d refused", len(served), len(refused))
	}
	var idle []net.Conn // on HTTP: they take nothing from others
	for range files {
		conn, err := net.Dial("tcp", c.HTTP)
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, conn)
	}
	c.Eventually("the relay answers beside them", func() bool { return c.Status("/readyz") == 200 })
	if n := c.Metrics()["http_displaced_total"]; n < files/2 {
		t.Errorf("%v of %d connections made room for others", n, files)
	}
	for range 3 {
		made := c.Metrics()["upstream_connections_total"]
		c.redis.KillSubscribers()
		c.Eventually("the relay is connected again", func() bool {
			return c.Metrics()["upstream_connections_total"] > made && c.Status("/readyz") == 200
		})
	}
	closeAll(append(served, append(refused, idle...)...))
	b.dismiss(t)
	c.returned()
}

// mayOpen lets a relay have so many descriptors.
func mayOpen(files int) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		cmd.Args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, files), process.Path()}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
	}
}

// NATS clients have as many as those on the socket, and no more than there are.
func TestFewDescriptorsForTwoDoors(t *testing.T) {
	c := start(t, mayOpen(164), "--nats.listen="+process.FreeAddress(t))
	c.Eventually("the log says that there will be 50 clients at each door", func() bool {
		return c.says(`"lowered_to":50`)+c.says(`"lowered_to": 50`) > 0
	})
}

// With no descriptor left connections wait, and the relay does not spin.
func TestNoDescriptorsLeft(t *testing.T) {
	c := start(t, nil)
	b := c.stand()
	const left = 20
	limit := uint64(c.footprint().descriptors + left)
	var before unix.Rlimit
	if err := unix.Prlimit(c.Cmd.Process.Pid, unix.RLIMIT_NOFILE, nil, &before); err != nil {
		t.Fatal(err)
	}
	lower := unix.Rlimit{Cur: limit, Max: before.Max}
	if err := unix.Prlimit(c.Cmd.Process.Pid, unix.RLIMIT_NOFILE, &lower, nil); err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	var again atomic.Int64
	for range 3 * left {
		conn, err := connect(c.Socket, &again)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	c.Eventually("it says so", func() bool { return c.says("cannot accept connections") == 1 })
	b.leave(t)
	const watched = 2 * time.Second
	used := c.processor()
	time.Sleep(watched) // what is measured is what it does in that time
	if used = c.processor() - used; used > watched/4 {
		t.Errorf("used the processor for %v in %v", used, watched)
	}
	if n := c.says("cannot accept connections"); n != 1 {
		t.Errorf("says so %d times", n)
	}
	// When some go, others come in; in the end all have been answered.
	for _, conn := range conns {
		_ = conn.SetDeadline(time.Now().Add(patience))
		if text := make([]byte, 7); readFull(t, conn, text) != "+PONG\r\n" {
			t.Fatalf("got %q", text)
		}
		_ = conn.Close()
	}
	c.Eventually("it says that it is over", func() bool {
		c.Dial().Close()
		return c.says("connections are accepted again") == 1
	})
	if n := c.says("cannot accept connections"); n != 1 {
		t.Errorf("said so %d times", n)
	}
	if err := unix.Prlimit(c.Cmd.Process.Pid, unix.RLIMIT_NOFILE, &before, nil); err != nil {
		t.Fatal(err)
	}
	c.returned()
}

func readFull(t *testing.T, conn net.Conn, buf []byte) string {
	t.Helper()
	if _, err := io.ReadFull(conn, buf); err != nil {
		t.Fatal(err)
	}
	return string(buf)
}

// A log that cannot be written ends nothing.
func TestLogWithoutRoom(t *testing.T) {
	full := func(t *testing.T) *os.File {
		t.Helper()
		f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	broken := func(t *testing.T) *os.File {
		t.Helper()
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Close() // whoever collected the log has died
		return w
	}
	for name, open := range map[string]func(*testing.T) *os.File{"disk full": full, "pipe broken": broken} {
		t.Run(name, func(t *testing.T) {
			log := open(t)
			defer func() { _ = log.Close() }()
			c := start(t, func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = log, log }, "--log.level=debug")
			b := c.stand()
			sub := c.Dial()
			sub.Send("SUBSCRIBE", "a")
			sub.Expect(t, "[subscribe a 1]")
			for range 100 { // each is a line in the log, or would be
				other := c.Dial()
				other.Send("PUBLISH", "relay:closed", "m")
				if v := other.Receive(); v.Type != '-' {
					t.Fatalf("got %s", v)
				}
				other.Close()
			}
			c.redis.KillSubscribers()
			sub.Closed()
			b.dismiss(t)
			if err := c.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			c.Eventually("ready again", func() bool { return c.Status("/readyz") == 200 })
			b = c.stand()
			c.Eventually("the bystander goes on", func() bool { return c.Metrics()[`messages_received_total{route="unrouted"}`] > 0 })
			b.leave(t)
			c.returned()
			if code := c.end(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}
