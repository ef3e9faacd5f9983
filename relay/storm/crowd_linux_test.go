package storm_test

// Crowds: very many connections, at once and one after the other, and a client
// with very many subscriptions.

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

// connect dials as a client does that tries again while the queue of the socket is
// full, and counts how often that was.
func connect(path string, again *atomic.Int64) (net.Conn, error) {
	for {
		conn, err := net.DialTimeout("unix", path, patience)
		if !errors.Is(err, syscall.EAGAIN) {
			return conn, err
		}
		again.Add(1)
		time.Sleep(time.Millisecond)
	}
}

// ask sends a command and reads an answer of known length.
func ask(conn net.Conn, answer int, command ...string) error {
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(redistest.AppendCommand(nil, command...)); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, answer))
	return err
}

// room returns how many of n connections this process can have: the other ends are
// the relay's.
func room(t *testing.T, n int) int {
	t.Helper()
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	const own = 200
	if uint64(n) > files.Cur-own {
		n = int(files.Cur - own)
		t.Logf("%d connections only: a process may open %d files here", n, files.Cur)
	}
	if n < 800 {
		t.Fatalf("a process may open %d files here; raise the limit (ulimit -n)", files.Cur)
	}
	return n
}

func TestTenThousandConnectionsAtOnce(t *testing.T) {
	c := start(t, nil)
	n := room(t, 9900) // with the bystander's, as many as limits.clients
	b := c.stand()
	const channels = 100
	conns, errs := make([]net.Conn, n), make([]error, n)
	var again atomic.Int64
	began := time.Now()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			conn, err := connect(c.Socket, &again)
			if err != nil {
				errs[i] = err
				return
			}
			conns[i] = conn
			channel := fmt.Sprintf("crowd:%02d", i%channels)
			errs[i] = ask(conn, len("*3\r\n$9\r\nsubscribe\r\n$8\r\ncrowd:00\r\n:1\r\n"), "SUBSCRIBE", channel)
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d connected and subscribed in %v; %d times the socket's queue was full",
		n, time.Since(began).Round(time.Millisecond), again.Load())

	pub := c.Dial()
	for i := range channels {
		pub.Send("PUBLISH", fmt.Sprintf("crowd:%02d", i), "m")
	}
	for i := range channels {
		listeners := (n + channels - 1 - i) / channels
		pub.Expect(t, ":"+strconv.Itoa(listeners))
	}
	heard := make([]byte, len("*3\r\n$7\r\nmessage\r\n$8\r\ncrowd:00\r\n$1\r\nm\r\n"))
	for i, conn := range conns {
		if _, err := io.ReadFull(conn, heard); err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
	c.stayedUnder(200 * mib)
	pub.Close()
	closeAll(conns) // at once, too
	b.leave(t)
	c.returned()
}

func TestAThousandConnectsASecond(t *testing.T) {
	const rate = 1000
	seconds := 3
	if long {
		seconds = 60
	}
	c := start(t, nil)
	b := c.stand()
	var again, failed atomic.Int64
	var all sync.WaitGroup
	began := time.Now()
	for i := range rate * seconds {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / rate)))
		all.Go(func() {
			conn, err := connect(c.Socket, &again)
			if err == nil {
				err = ask(conn, len("+PONG\r\n"), "PING")
				_ = conn.Close()
			}
			if err != nil && failed.Add(1) == 1 {
				t.Error(err)
			}
		})
	}
	all.Wait()
	t.Logf("%d connections in %v", rate*seconds, time.Since(began).Round(time.Millisecond))
	if n := failed.Load(); n > 0 {
		t.Errorf("%d were not answered", n)
	}
	c.stayedUnder(64 * mib)
	b.leave(t)
	c.returned()
}

// A client subscribes to 100,000 channels and vanishes: once it has them, and, on
// another connection, in the middle of it.
func TestAHundredThousandChannelsVanish(t *testing.T) {
	c := start(t, nil)
	b := c.stand()
	const channels, each = 100_000, 1000
	subscribe := func(conn net.Conn, prefix string) (answer int, err error) {
		for first := 0; first < channels && err == nil; first += each {
			command := []string{"SUBSCRIBE"}
			for i := first; i < first+each; i++ {
				name := fmt.Sprintf("%s:%06d", prefix, i)
				command = append(command, name)
				answer += len("*3\r\n$9\r\nsubscribe\r\n$10\r\n") + len(name) + len("\r\n:\r\n") + len(strconv.Itoa(i+1))
			}
			_ = conn.SetDeadline(time.Now().Add(patience))
			_, err = conn.Write(redistest.AppendCommand(nil, command...))
		}
		return answer, err
	}
	var again atomic.Int64
	whole, err := connect(c.Socket, &again)
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	answer := 0
	for first := range channels { // known before they are sent, as the answers come meanwhile
		answer += len("*3\r\n$9\r\nsubscribe\r\n$10\r\nabc:000000\r\n:\r\n") + len(strconv.Itoa(first+1))
	}
	go func() {
		_, err := subscribe(whole, "abc")
		sent <- err
	}()
	if _, err := io.CopyN(io.Discard, whole, int64(answer)); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if n := c.footprint().subscriptions; n < channels {
		t.Errorf("%d subscriptions", n)
	}
	cut, err := connect(c.Socket, &again)
	if err != nil {
		t.Fatal(err)
	}
	go func() { // until the connection is closed under it
		_, err := subscribe(cut, "xyz")
		sent <- err
	}()
	c.Eventually("it has subscribed to some", func() bool { return c.footprint().subscriptions > channels+each })
	closeAll([]net.Conn{whole, cut})
	t.Logf("in the middle of it: %v", <-sent)
	b.leave(t)
	c.returned()
	c.stayedUnder(150 * mib)
}
