package storm_test

// Floods: publishers that do not read their replies, listeners that do not read at
// all, and connections that stop in the middle of a command.

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

// volume is how many bytes a flood has.
func volume() int {
	if long {
		return 1 << 30
	}
	return 96 * mib
}

// A client pipelines all it has and only then reads its replies. As long as those
// fit into its queue it gets each of them; the messages wait in its own socket.
func TestPublishesPipelinedWithoutReading(t *testing.T) {
	c := start(t, nil)
	b := c.stand()
	const payload = 4 << 10
	command := redistest.AppendCommand(nil, "PUBLISH", "flood", strings.Repeat("x", payload))
	n := volume() / len(command)
	var again atomic.Int64
	conn, err := connect(c.Socket, &again)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Minute))
	batch := bytes.Repeat(command, 100)
	began := time.Now()
	for sent := 0; sent < n; sent += 100 {
		if _, err := conn.Write(batch[:min(100, n-sent)*len(command)]); err != nil {
			t.Fatalf("after %d of %d: %v", sent, n, err)
		}
	}
	replies := make([]byte, n*len(":0\r\n"))
	if _, err := io.ReadFull(conn, replies); err != nil {
		t.Fatal(err)
	}
	if want := bytes.Repeat([]byte(":0\r\n"), n); !bytes.Equal(replies, want) {
		t.Error("not every reply is :0")
	}
	t.Logf("%d MiB in %v", n*len(command)/mib, time.Since(began).Round(time.Millisecond))
	b.leave(t)
	c.stayedUnder(96 * mib)
	_ = conn.Close()
	c.returned()
}

// With small messages there are more replies than the queue takes: the client is
// disconnected as a slow one, and costs no more than its queue.
func TestRepliesThatNobodyReads(t *testing.T) {
	c := start(t, nil, "--limits.queue=1MiB")
	b := c.stand()
	batch := bytes.Repeat(redistest.AppendCommand(nil, "PUBLISH", "flood", "x"), 1000)
	var again atomic.Int64
	conn, err := connect(c.Socket, &again)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	for sent := 0; err == nil && sent < 1<<30; sent += len(batch) {
		_, err = conn.Write(batch)
	}
	if timeout, ok := err.(net.Error); err == nil || ok && timeout.Timeout() { //nolint:errorlint // as net returns it
		t.Errorf("the client was not disconnected: %v", err)
	}
	c.Eventually("the log says why", func() bool { return c.says("it did not keep up") == 1 })
	b.leave(t)
	c.stayedUnder(64 * mib)
	c.returned()
}

// Listeners that stop reading are let go alone, at the bound of their queues.
func TestStuckReaders(t *testing.T) {
	c := start(t, nil)
	b := c.stand()
	const stuck, payload = 20, 8 << 10
	var list []*redistest.Client
	for range stuck {
		s := c.Dial()
		s.Send("SUBSCRIBE", "flood")
		s.Expect(t, "[subscribe flood 1]")
		list = append(list, s)
	}
	good, pub := c.Dial(), c.Dial()
	good.Send("SUBSCRIBE", "flood")
	good.Expect(t, "[subscribe flood 1]")
	n, text := volume()/payload, strings.Repeat("x", payload)
	command := redistest.AppendCommand(nil, "PUBLISH", "flood", text)
	replies := make(chan error, 1)
	go func() {
		for range n {
			if v, err := pub.TryReceive(); err != nil || v.Type != ':' {
				replies <- fmt.Errorf("a publisher got %s: %w", v, err)
				return
			}
		}
		replies <- nil
	}()
	heard := make(chan error, 1)
	progress := make(chan struct{}, 256) // a window, so that the good reader is not slow by any measure
	go func() {
		for range n {
			if err := good.ReadMessages(1, func(_, p []byte) {
				if len(p) != payload {
					t.Errorf("a message of %d bytes", len(p))
				}
			}); err != nil {
				heard <- err
				return
			}
			<-progress
		}
		heard <- nil
	}()
	for range n {
		progress <- struct{}{}
		pub.SendRaw(command)
	}
	for _, done := range []chan error{replies, heard} {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if got := c.Metrics()[`disconnects_total{reason="slow"}`]; got != stuck {
		t.Errorf("%v were disconnected as slow, want %d", got, stuck)
	}
	b.leave(t)
	c.stayedUnder(128 * mib) // their queues share the messages
	for _, s := range append(list, good, pub) {
		s.Close()
	}
	c.returned()
}

// Commands that are long and never whole take no more memory than output that nobody
// reads: the longest go.
func TestLongCommandsThatAreNeverWhole(t *testing.T) {
	c := start(t, nil, "--limits.memory=64MiB")
	b := c.stand()
	argument := "$1000000\r\n" + strings.Repeat("x", 1_000_000) + "\r\n"
	var again atomic.Int64
	var conns []net.Conn
	var all sync.WaitGroup
	for range 30 {
		conn, err := connect(c.Socket, &again)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		_ = conn.SetDeadline(time.Now().Add(patience))
		all.Go(func() { // until it is whole in all but one argument, or disconnected
			_, err := io.WriteString(conn, "*61\r\n")
			for i := 0; i < 60 && err == nil; i++ {
				_, err = io.WriteString(conn, argument)
			}
		})
	}
	all.Wait()
	if n := c.Metrics()[`disconnects_total{reason="memory"}`]; n == 0 {
		t.Error("nobody was disconnected")
	}
	b.leave(t)
	c.stayedUnder(400 * mib) // the collector takes its time
	closeAll(conns)
	c.returned()
}

// Redis stands still while everybody publishes: what waits for it takes no more than
// limits.memory allows, and the rest is refused.
func TestPublishesWhileRedisStandsStill(t *testing.T) {
	c := start(t, nil, "--limits.memory=32MiB", "--limits.payload=64KiB", "--redis.publish_timeout=1m")
	const clients, each = 16, 40 // so many that Redis does not stand still for so long that it is given up
	batch := bytes.Repeat(redistest.AppendCommand(nil, "PUBLISH", "flood", strings.Repeat("x", 64<<10)), each)
	c.redis.Stop()
	var list []*redistest.Client
	for range clients {
		s := c.Dial()
		s.SendRaw(batch)
		list = append(list, s)
	}
	c.Eventually("all are taken or refused", func() bool { return c.Metrics()["commands_total"] >= clients*each })
	c.redis.Cont()
	refused := 0
	for _, s := range list {
		for range each {
			if v := s.Receive(); strings.HasPrefix(v.String(), "-BUSY") {
				refused++
			}
		}
		s.Close()
	}
	if taken := (clients*each - refused) * 64 << 10; taken > 8*mib || taken < 6*mib {
		t.Errorf("%d MiB waited for Redis, want 8", taken/mib)
	}
	c.stayedUnder(72 * mib)
	c.returned()
}

// Many connections stop in the middle of a command, or before the first.
func TestHalfOpenConnections(t *testing.T) {
	c := start(t, nil, "--limits.command_timeout=5s")
	b := c.stand()
	n := room(t, 2000)
	var again atomic.Int64
	var conns []net.Conn
	for i := range n {
		conn, err := connect(c.Socket, &again)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
		text := []string{
			"", "*3\r\n$7\r\nPUBLISH\r\n", "PING\r\n*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$1000000\r\n" + strings.Repeat("x", 50_000),
		}[i%3]
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	c.Eventually("they are shown out", func() bool {
		return c.Metrics()[`disconnects_total{reason="incomplete"}`] == float64(n)
	})
	for i, conn := range conns {
		_ = conn.SetDeadline(time.Now().Add(patience))
		if text, err := io.ReadAll(conn); strings.TrimPrefix(string(text), "+PONG\r\n") != "" {
			t.Fatalf("connection %d was told %q, %v", i, text, err)
		}
	}
	if lines := c.says("did not come in whole"); lines == 0 || lines > 50 {
		t.Errorf("%d lines in the log", lines)
	}
	closeAll(conns)
	b.leave(t)
	c.stayedUnder(200 * mib)
	c.returned()
}
