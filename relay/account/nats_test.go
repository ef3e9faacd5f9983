package account

// NATS as it is on the wire: a client that hides nothing, and does not come back by
// itself.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

const natsBuffer = 64 << 10 // bytes that a client's socket takes in while nobody reads

// natsClient is one connection. One goroutine may receive; any may send.
type natsClient struct {
	conn net.Conn
	in   *bufio.Reader

	mu sync.Mutex // Held while something is written.
}

// natsMessage is what a client receives.
type natsMessage struct {
	subject string
	header  string
	payload []byte // until the next one is received
}

// dialNATS connects to a server.
func dialNATS(address string) (*natsClient, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	_ = conn.(*net.TCPConn).SetReadBuffer(natsBuffer) // a bound for what is slow, not needed
	c := &natsClient{conn: conn, in: bufio.NewReaderSize(conn, natsBuffer)}
	err = c.send([]byte(`CONNECT {"verbose":false,"pedantic":true,"headers":true,"protocol":1,"lang":"go"}` + "\r\n"))
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// send writes lines of the protocol.
func (c *natsClient) send(b []byte) error { return c.sendWithin(replyTimeout, b) }

func (c *natsClient) sendWithin(timeout time.Duration, b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.conn.SetWriteDeadline(time.Now().Add(timeout))
	_, err := c.conn.Write(b)
	return err
}

// receive returns the next message.
func (c *natsClient) receive(timeout time.Duration) (m natsMessage, err error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(timeout))
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return m, err
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "MSG", "HMSG":
			return c.body(strings.Fields(rest), verb == "HMSG")
		case "PING":
			err = c.send([]byte("PONG\r\n"))
		case "-ERR":
			if !strings.Contains(rest, "Permissions Violation for Subscription") { // to a route that was closed
				err = fmt.Errorf("the server says %s", rest)
			}
		case "PONG", "INFO", "+OK":
		default:
			err = fmt.Errorf("not of the protocol: %.80q", line)
		}
		if err != nil {
			return m, err
		}
	}
}

// body reads what follows the line of a message: a subject, a number, perhaps a reply
// subject, and one or two sizes.
func (c *natsClient) body(args []string, headers bool) (m natsMessage, err error) {
	if len(args) < 3 {
		return m, fmt.Errorf("a message with the arguments %q", args)
	}
	size, err := strconv.Atoi(args[len(args)-1])
	if err != nil {
		return m, err
	}
	m.subject, m.payload = args[0], make([]byte, size+len("\r\n"))
	if _, err := io.ReadFull(c.in, m.payload); err != nil {
		return m, err
	}
	m.payload = bytes.TrimSuffix(m.payload, []byte("\r\n"))
	if headers {
		n, err := strconv.Atoi(args[len(args)-2])
		if err != nil || n > size {
			return m, fmt.Errorf("a message with the arguments %q", args)
		}
		m.header, m.payload = string(m.payload[:n]), m.payload[n:]
	}
	return m, nil
}

func (c *natsClient) Close() { _ = c.conn.Close() }

// appendPub appends a publication; without reply nothing is answered.
func appendPub(b []byte, subject, reply string, payload []byte) []byte {
	b = fmt.Appendf(b, "PUB %s %s %d\r\n", subject, reply, len(payload))
	return append(append(b, payload...), "\r\n"...)
}

// subjectOf is the subject of a channel or of a pattern, as the tests have them.
func subjectOf(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, ":", "."), "*", ">")
}

// nameOf is its inverse for channels.
func nameOf(subject string) string { return strings.ReplaceAll(subject, ".", ":") }
