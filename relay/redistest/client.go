// The raw RESP client: it sends what it is told, however wrong, and shows
// exactly what came back.

package redistest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// DefaultTimeout is how long a Client waits for the next byte, or to send: longer
// than a relay takes to find a connection dead, on a busy machine, too.
const DefaultTimeout = 30 * time.Second

// Client is one connection to a RESP server. One goroutine may send while
// another receives. The methods without an error result end the test on a
// failure and belong to the test's own goroutine.
type Client struct {
	// Fixed after construction.
	t    testing.TB
	conn net.Conn

	// Set before use by SetTimeout.
	timeout time.Duration

	// Owned by the receiver.
	dec *decoder
}

// Dial connects to a server over "tcp" or "unix"; the connection is closed when
// the test ends.
func Dial(t testing.TB, network, addr string) *Client {
	t.Helper()
	conn, err := net.DialTimeout(network, addr, DefaultTimeout)
	if err != nil {
		t.Fatalf("dial %s %s: %v", network, addr, err)
	}
	return NewClient(t, conn)
}

// Open is Dial for other goroutines than the test's: it returns the error, and the
// caller closes the connection. Methods that end the test must not be called.
func Open(network, addr string) (*Client, error) {
	conn, err := net.DialTimeout(network, addr, DefaultTimeout)
	if err != nil {
		return nil, err
	}
	return newClient(nil, conn), nil
}

// NewClient is a client on a connection made elsewhere (TLS, net.Pipe). It closes
// conn when the test ends.
func NewClient(t testing.TB, conn net.Conn) *Client {
	c := newClient(t, conn)
	t.Cleanup(c.Close)
	return c
}

func newClient(t testing.TB, conn net.Conn) *Client {
	c := &Client{t: t, conn: conn, timeout: DefaultTimeout}
	c.dec = newDecoder(impatient{c})
	return c
}

// impatient reads from a client's connection, with its timeout for each read.
type impatient struct{ c *Client }

func (r impatient) Read(p []byte) (int, error) {
	_ = r.c.conn.SetReadDeadline(time.Now().Add(r.c.timeout)) // where it fails, Read says why
	return r.c.conn.Read(p)
}

// NetConn is the connection below, without the deadline that the client's last read or write left on it. Reading
// from it takes bytes from the client.
func (c *Client) NetConn() net.Conn {
	_ = c.conn.SetDeadline(time.Time{}) // where it fails, the next read or write says why
	return c.conn
}

// SetTimeout replaces DefaultTimeout. Call it while nothing is sent or received.
func (c *Client) SetTimeout(d time.Duration) { c.timeout = d }

// Close closes the connection. It may be called more than once, and while another
// goroutine receives, which ends that.
func (c *Client) Close() { _ = c.conn.Close() }

// Send sends one command as an array of bulk strings.
func (c *Client) Send(args ...string) {
	c.t.Helper()
	c.SendRaw(AppendCommand(nil, args...))
}

// SendRaw sends bytes as they are.
func (c *Client) SendRaw(b []byte) {
	c.t.Helper()
	if err := c.write(b); err != nil {
		c.t.Fatalf("send %s: %v", preview(b), err)
	}
}

// TrySend is Send with the error returned.
func (c *Client) TrySend(args ...string) error {
	return c.write(AppendCommand(nil, args...))
}

// TrySendRaw is SendRaw with the error returned.
func (c *Client) TrySendRaw(b []byte) error { return c.write(b) }

func (c *Client) write(b []byte) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	_, err := c.conn.Write(b)
	return err
}

// Receive is the next value, be it a reply or a message. It ends the test, showing
// the bytes at hand, when none comes within the timeout, the connection ends or
// the bytes are not RESP.
func (c *Client) Receive() Value {
	c.t.Helper()
	return c.receive(c.t)
}

func (c *Client) receive(t testing.TB) Value {
	t.Helper()
	v, err := c.TryReceive()
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return v
}

// TryReceive is Receive with the error returned: one that matches io.EOF when the
// connection ended between two values, io.ErrUnexpectedEOF when inside one,
// os.ErrDeadlineExceeded when nothing came in time. After a deadline between two
// values the client is still good; after any other error it is not.
func (c *Client) TryReceive() (Value, error) {
	v, err := c.dec.value()
	return v, c.explain(err)
}

// explain adds what was at hand when a read failed.
func (c *Client) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("nothing more within %v, buffered %q: %w", c.timeout, c.dec.buffered(), err)
	default:
		return fmt.Errorf("%w, buffered %q", err, c.dec.buffered())
	}
}

// Do sends a command and receives the next value.
func (c *Client) Do(args ...string) Value {
	c.t.Helper()
	c.Send(args...)
	return c.Receive()
}

// TryDo is Do with the error returned. An error reply is a Value, not an error.
func (c *Client) TryDo(args ...string) (Value, error) {
	if err := c.TrySend(args...); err != nil {
		return Value{}, fmt.Errorf("send %q: %w", args, err)
	}
	return c.TryReceive()
}

// doOK is TryDo that returns an error reply as an error too.
func (c *Client) doOK(args ...string) (Value, error) {
	v, err := c.TryDo(args...)
	if err == nil {
		err = v.Err()
	}
	if err != nil {
		return v, fmt.Errorf("do %q: %w", args, err)
	}
	return v, nil
}

// Expect receives one value for each of want and ends the test at the first whose
// String differs.
func (c *Client) Expect(t testing.TB, want ...string) {
	t.Helper()
	for i, w := range want {
		if got := c.receive(t).String(); got != w {
			t.Fatalf("value %d of %d: got %s, want %s", i+1, len(want), got, w)
		}
	}
}

// Hello3 switches the connection to RESP3 and returns the server's answer.
func (c *Client) Hello3() Value {
	c.t.Helper()
	v := c.Do("HELLO", "3")
	if v.Type != '%' {
		c.t.Fatalf("HELLO 3: got %s, want a map", v)
	}
	return v
}

// Closed waits until the server has closed the connection, by its end or by a
// reset, and returns the values that came before. It ends the test when that takes
// longer than the timeout. A value cut short by the end is dropped.
func (c *Client) Closed() []Value {
	c.t.Helper()
	var before []Value
	for deadline := time.Now().Add(c.timeout); time.Now().Before(deadline); {
		v, err := c.TryReceive()
		if isEnd(err) {
			return before
		}
		if err != nil {
			c.t.Fatalf("wait for the connection's end: %v", err)
		}
		before = append(before, v)
	}
	c.t.Fatalf("connection still open after %v and %d more values", c.timeout, len(before))
	return nil
}

func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// ReadMessages hands the channel and the payload of the next n messages to f,
// which must not keep them. It takes message, pmessage and smessage, in RESP2 and
// RESP3, fast enough for millions; any other value is an error, after which the
// client is of no more use.
func (c *Client) ReadMessages(n int, f func(channel, payload []byte)) error {
	for i := range n {
		if err := c.dec.message(f); err != nil {
			return fmt.Errorf("read message %d of %d: %w", i+1, n, c.explain(err))
		}
	}
	return nil
}

// Next reads the next value. A message is handed to f as by ReadMessages, and the
// Value is then the zero one; all others are returned as by TryReceive.
func (c *Client) Next(f func(channel, payload []byte)) (Value, error) {
	is, err := c.dec.messageIsNext()
	switch {
	case err != nil:
		return Value{}, c.explain(err)
	case is:
		return Value{}, c.explain(c.dec.message(f))
	}
	return c.TryReceive()
}

// AppendCommand appends a command as an array of bulk strings, to build pipelines
// for SendRaw.
func AppendCommand(dst []byte, args ...string) []byte {
	dst = append(dst, '*')
	dst = strconv.AppendInt(dst, int64(len(args)), 10)
	for _, a := range args {
		dst = append(dst, "\r\n$"...)
		dst = strconv.AppendInt(dst, int64(len(a)), 10)
		dst = append(dst, "\r\n"...)
		dst = append(dst, a...)
	}
	return append(dst, "\r\n"...)
}

func preview(b []byte) string {
	if len(b) > maxSeen {
		return fmt.Sprintf("%q and %d bytes more", b[:maxSeen], len(b)-maxSeen)
	}
	return strconv.Quote(string(b))
}
