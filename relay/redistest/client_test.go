// Tests of the raw client: against a real redis-server, and at its limits over a
// pipe.

package redistest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestClientSpeaksBothVersions(t *testing.T) {
	srv := Start(t)
	c := Dial(t, "unix", srv.Socket())
	c.SendRaw([]byte("PING\r\n"))
	c.Expect(t, "+PONG")
	c.Send("SUBSCRIBE", "a", "b")
	c.Expect(t, "[subscribe a 1]", "[subscribe b 2]")
	srv.MustDo("PUBLISH", "a", "m")
	c.Expect(t, "[message a m]")
	c.Send("RESET")
	c.Expect(t, "+RESET")

	hello := c.Hello3().String()
	if !strings.HasPrefix(hello, "%[server redis version ") || !strings.Contains(hello, " proto 3 ") {
		t.Errorf("HELLO 3: got %s", hello)
	}
	c.Send("SUBSCRIBE", "a")
	c.Expect(t, ">[subscribe a 1]")
	if v := c.Do("ECHO", "x"); v.String() != "x" {
		t.Errorf("ECHO x: got %s", v)
	}
}

func TestReadMessages(t *testing.T) {
	const n = 50_000
	srv := Start(t)
	sub, pub := Dial(t, "unix", srv.Socket()), Dial(t, "unix", srv.Socket())
	sub.Send("SUBSCRIBE", "a")
	sub.Expect(t, "[subscribe a 1]")

	sent := make(chan error, 1)
	go func() {
		var pipeline []byte
		for i := range n {
			pipeline = AppendCommand(pipeline, "PUBLISH", "a", fmt.Sprint(i))
		}
		sent <- pub.write(append([]byte("CLIENT REPLY OFF\r\n"), pipeline...))
	}()
	got := 0
	err := sub.ReadMessages(n, func(channel, payload []byte) {
		if string(channel) != "a" || string(payload) != fmt.Sprint(got) {
			t.Errorf("message %d: got %q, %q", got, channel, payload)
		}
		got++
	})
	if err := errors.Join(err, <-sent); err != nil || got != n {
		t.Fatalf("%d of %d messages: %v", got, n, err)
	}
}

func TestReadMessagesNamesWhatIsNone(t *testing.T) {
	srv := Start(t)
	c := Dial(t, "unix", srv.Socket())
	c.Send("SUBSCRIBE", "a")
	err := c.ReadMessages(1, func(_, _ []byte) {})
	if err == nil || !strings.Contains(err.Error(), "subscribe") {
		t.Errorf("got %v, want an error that names the confirmation", err)
	}
}

func TestClosed(t *testing.T) {
	srv := Start(t)
	c := Dial(t, "tcp", srv.Addr())
	c.Send("PING")
	c.Send("QUIT")
	if got := fmt.Sprint(c.Closed()); got != "[+PONG +OK]" {
		t.Errorf("before the end: got %s", got)
	}
	if _, err := c.TryReceive(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: got %v, want EOF", err)
	}
}

// pipe is a client of tb whose server's side the test holds. Tests with it run in false time, in which its timeout passes
// only when nobody has anything to do.
func pipe(t *testing.T, tb testing.TB) (*Client, net.Conn) {
	client, server := net.Pipe()
	t.Cleanup(func() { _ = server.Close() })
	c := NewClient(tb, client)
	c.SetTimeout(50 * time.Millisecond)
	return c, server
}

func TestClientFailures(t *testing.T) {
	reply := func(server net.Conn, wire string) { _, _ = server.Write([]byte(wire)) }
	cases := []struct {
		name  string
		body  func(tb testing.TB, c *Client, server net.Conn)
		words []string
	}{
		{"no reply", func(_ testing.TB, c *Client, server net.Conn) {
			go reply(server, "*3\r\n$7\r\nmessage\r\n$1")
			c.Receive()
		}, []string{"nothing more within 50ms", `*3\r\n$7\r\nmessage\r\n$1`}},
		{"malformed", func(_ testing.TB, c *Client, server net.Conn) {
			go reply(server, "hello\r\n+OK\r\n")
			c.Receive()
		}, []string{"malformed", `hello\r\n+OK\r\n`}},
		{"unexpected", func(tb testing.TB, c *Client, server net.Conn) {
			go reply(server, "+OK\r\n:2\r\n")
			c.Expect(tb, "+OK", ":1")
		}, []string{"value 2 of 2: got :2, want :1"}},
		{"ended", func(_ testing.TB, c *Client, server net.Conn) {
			go func() { reply(server, "$5\r\nhel"); _ = server.Close() }()
			c.Receive()
		}, []string{"unexpected EOF", `$5\r\nhel`}},
		{"no RESP3", func(_ testing.TB, c *Client, server net.Conn) {
			go func() {
				_, _ = server.Read(make([]byte, 100))
				reply(server, "-NOPROTO sorry\r\n")
			}()
			c.Hello3()
		}, []string{"got -NOPROTO sorry, want a map"}},
		{"never closed", func(_ testing.TB, c *Client, _ net.Conn) { c.Closed() }, []string{"end", "50ms"}},
		{"closed never for noise", func(_ testing.TB, c *Client, server net.Conn) {
			go func() {
				for err := error(nil); err == nil; time.Sleep(time.Millisecond) {
					_, err = server.Write([]byte("+noise\r\n"))
				}
			}()
			c.Closed()
		}, []string{"50ms"}},
		{"peer does not read", func(_ testing.TB, c *Client, _ net.Conn) { c.Send("PING") }, []string{"send", "PING"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wantFailure(t, func(tb testing.TB) {
					c, server := pipe(t, tb)
					tc.body(tb, c, server)
				}, tc.words...)
				time.Sleep(time.Second) // what it has begun ends
			})
		})
	}
}

func TestDialFailure(t *testing.T) {
	wantFailure(t, func(tb testing.TB) { Dial(tb, "unix", t.TempDir()+"/none") }, "dial unix", "no such file")
}

func TestClientOutlivesADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, server := pipe(t, t)
		if _, err := c.TryReceive(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("silence: got %v, want a deadline", err)
		}
		go func() { _, _ = server.Write([]byte("+late\r\n")) }()
		c.Expect(t, "+late")
	})
}

func TestNetConnHasNoDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, server := pipe(t, t)
		go func() { _, _ = server.Write([]byte("+OK\r\n")) }()
		c.Expect(t, "+OK")
		conn := c.NetConn()
		time.AfterFunc(100*time.Millisecond, func() { _, _ = server.Write([]byte("x")) }) // later than the read's deadline
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Error(err)
		}
	})
}
