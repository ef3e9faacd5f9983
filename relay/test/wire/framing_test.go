package wire

// Where a command begins and ends: raw bytes, compared with redis-server as in
// wire_test.go.

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/test/harness"
)

// framings are bytes after which the server closes the connection: for QUIT, or
// because it cannot go on.
var framings = []string{
	"*0\r\n*-1\r\n\r\n\n  \r\n*-7\r\nPING\r\nQUIT\r\n",
	"PING\nping x\nQUIT\n",
	"  PING \t x  \r\n\v\f PING\r\nQUIT\r\n",
	`PING "a b"` + "\r\n" + `PING 'a b'` + "\r\n" + `PING "\x41\n\r\t\b\a\"\\\q"` + "\r\n" + `PING 'it\'s \n'` + "\r\nQUIT\r\n",
	"PING \"\"\r\nPING ''\r\n\"PING\" x\r\nPING a\"b c\"\r\nQUIT\r\n",
	"PING\rQUIT\r\nQUIT\r\n",
	"PING \"a\r\nPING\r\n",
	"PING 'a\r\nPING\r\n",
	"PING \"a\"b\r\nPING\r\n",
	"PING 'a'b\r\nPING\r\n",
	"PING\r\n*1\r\nfoo\r\nPING\r\n",
	"*1\r\n\r\nPING\r\n",
	"*1\r\n:4\r\nPING\r\n",
	"*2\r\n$4\r\nPING\r\n*1\r\nx\r\n",
	"*x\r\nPING\r\n",
	"*\r\nPING\r\n",
	"*+1\r\nPING\r\n",
	"*01\r\nPING\r\n",
	"*1 \r\nPING\r\n",
	"*2147483648\r\nPING\r\n",
	"*99999999999999999999\r\nPING\r\n",
	"*1\r\n$-1\r\nPING\r\n",
	"*1\r\n$-5\r\nPING\r\n",
	"*1\r\n$\r\nPING\r\n",
	"*1\r\n$x\r\nPING\r\n",
	"*1\r\n$04\r\nPING\r\n",
	"*1\r\n$536870913\r\nPING\r\n",
	"*1\r\n$600000000\r\nPING\r\n",
	"*1\r\n$4\r\nPINGxx*1\r\n$4\r\nQUIT\r\n",
	"*1\rx$4\ryPING\r\n*1\r\n$4\r\nQUIT\r\n",
	"*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n",
	"PING " + strings.Repeat("x", 65_000) + "\r\nQUIT\r\n",
	"PING " + strings.Repeat("x", 70_000),
	"*" + strings.Repeat("1", 70_000),
	"*1\r\n$" + strings.Repeat("1", 70_000),
	"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nPING\r\n",
	"post\r\nPING\r\n",
	"Host: localhost\r\nPING\r\n",
	"*1\r\n$4\r\nPoSt\r\n*1\r\n$4\r\nPING\r\n",
	"SUBSCRIBE a\r\nPING\r\nQUIT\r\n",
	"HELLO 3\r\nPING\r\n*x\r\nPING\r\n",
}

func TestFramingIsThatOfRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Reference())
	r := harness.Start(t, redis)
	for _, input := range framings {
		t.Run(fmt.Sprintf("%.40q", input), func(t *testing.T) {
			want, got := answer(t, redis.Socket(), input), answer(t, r.Socket, input)
			if want != got {
				t.Errorf("redis-server says\n%q\nrelay says\n%q", want, got)
			}
		})
	}
}

// answer sends raw bytes and returns what comes back until the server closes.
func answer(t *testing.T, socket, input string) string {
	t.Helper()
	conn := dialRaw(t, socket)
	_, _ = io.WriteString(conn, input) // fails halfway when the server has had enough
	return rest(t, conn)
}

func dialRaw(t *testing.T, socket string) *net.UnixConn {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.UnixConn)
}

// rest reads until the end, which may be a reset when input was left unread.
func rest(t *testing.T, conn net.Conn) string {
	t.Helper()
	all, err := io.ReadAll(conn)
	if nerr, ok := err.(net.Error); ok && nerr.Timeout() { //nolint:errorlint // as net returns it
		t.Fatalf("the connection is still open, after %q", all)
	}
	return masked([]string{string(all)})[0]
}

// A client that sends all it has to say and closes its side, as in
// printf ... | nc -N -U relay.sock, still gets every reply.
func TestHalfClosedGetsItsReplies(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.Reference())
	r := harness.Start(t, redis)
	input := "PING\r\nPUBLISH c x\r\nSUBSCRIBE a b\r\nUNSUBSCRIBE a\r\nUNSUBSCRIBE b\r\nPUBLISH c y\r\nPUBSUB NUMPAT\r\nPING z\r\n"
	halfClosed := func(socket string) string {
		conn := dialRaw(t, socket)
		if _, err := io.WriteString(conn, input); err != nil {
			t.Fatal(err)
		}
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		return rest(t, conn)
	}
	want := halfClosed(redis.Socket())
	for range 50 {
		if got := halfClosed(r.Socket); got != want {
			t.Fatalf("redis-server says\n%q\nrelay says\n%q", want, got)
		}
	}
}
