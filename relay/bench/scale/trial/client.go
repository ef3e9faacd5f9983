//go:build linux

package trial

// Connections that ask, and connections that listen.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// command appends a command in RESP.
func command(b []byte, args ...string) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

// conn asks, and waits for each answer for at most a minute.
type conn struct {
	net.Conn
	in *bufio.Reader
}

func dial(network, address string) (*conn, error) {
	c, err := net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReader(c)}, nil
}

// do sends a command and returns its answer: a text, an integer in digits, or the number of an array's elements, which
// must be simple and are skipped.
func (c *conn) do(args ...string) (string, error) {
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return "", err
	}
	if _, err := c.Write(command(nil, args...)); err != nil {
		return "", err
	}
	answer, err := c.answer()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(args[:min(2, len(args))], " "), err)
	}
	return answer, nil
}

func (c *conn) answer() (string, error) {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	kind, rest := line[0], strings.TrimSuffix(line[1:], "\r\n")
	switch kind {
	case '-':
		return "", errors.New(rest)
	case '$', '*':
		n, err := strconv.Atoi(rest)
		if err != nil || kind == '$' && n < 0 {
			return "", err
		}
		if kind == '*' {
			for range n {
				if _, err := c.answer(); err != nil {
					return "", err
				}
			}
			return rest, nil
		}
		body := make([]byte, n+len("\r\n"))
		_, err = io.ReadFull(c.in, body)
		return string(body[:n]), err
	}
	return rest, nil
}

// listener counts the bytes that come to one subscriber, in RESP2.
type listener struct {
	*conn
	got    atomic.Int64 // bytes of messages
	failed atomic.Value // error
}

// listen subscribes to some channels and goes on reading until the connection is closed.
func listen(network, address string, channels []string) (*listener, error) {
	c, err := dial(network, address)
	if err != nil {
		return nil, err
	}
	if _, err := c.Write(command(nil, append([]string{"SUBSCRIBE"}, channels...)...)); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	for range channels {
		if _, err := c.answer(); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	l := &listener{conn: c}
	go l.count()
	return l, nil
}

func (l *listener) count() {
	b := make([]byte, 64<<10)
	for {
		n, err := l.in.Read(b)
		l.got.Add(int64(n))
		if err != nil {
			l.failed.Store(err)
			return
		}
	}
}
