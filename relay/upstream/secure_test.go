package upstream

// Dialing with TLS: a port that does not speak it is recognized soon, and one that is slow
// is not taken for such a port.

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"redis-relay/relay/redistest"
	"redis-relay/relay/upstream/secure"
)

// serveAt serves connections until the test ends.
func serveAt(t *testing.T, serve func(net.Conn)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			}()
		}
	}()
	return ln.Addr().String()
}

// TestPlainPortIsRecognizedSoon, though it says nothing to a handshake.
func TestPlainPortIsRecognizedSoon(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"+PONG\r\n", "-NOAUTH Authentication required.\r\n"} {
		addr := serveAt(t, func(conn net.Conn) {
			first := make([]byte, 6)
			if _, err := io.ReadFull(conn, first); err == nil && string(first) == "PING\r\n" {
				_, _ = io.WriteString(conn, answer)
			}
			_, _ = io.Copy(io.Discard, conn)
		})
		began := time.Now()
		conn, err := secure.Dialer(&tls.Config{ServerName: "127.0.0.1"}, 2*patience)(context.Background(), "tcp", addr)
		if conn != nil || !errors.Is(err, secure.ErrPlain) {
			t.Errorf("got %v, want %v", err, secure.ErrPlain)
		}
		if took := time.Since(began); took >= patience { // twice as long, if it was not recognized
			t.Errorf("seen after %v", took)
		}
		o := &Options{URL: "rediss://" + addr}
		if text := o.hint(err, true).Error(); !strings.Contains(text, "write redis:// in redis.url") {
			t.Errorf("it is said: %s", text)
		}
	}
}

// TestPlainRedis is said to be one, be it that it answers the handshake as if it were a command
// or that it waits for the rest of it.
func TestPlainRedis(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	o := &Options{URL: "rediss://" + redis.Addr()}
	began := time.Now()
	for range 10 {
		_, err := secure.Dialer(&tls.Config{ServerName: "127.0.0.1"}, stepTimeout)(context.Background(), "tcp", redis.Addr())
		if err == nil {
			t.Fatal("connected")
		}
		if text := o.hint(err, true).Error(); !strings.Contains(text, "write redis:// in redis.url") {
			t.Errorf("it is said: %s", text)
		}
	}
	if took := time.Since(began); took > 8*stepTimeout { // each would take stepTimeout, if the port was not recognized
		t.Errorf("10 times in %v", took)
	}
}

// slow is longer than the time after which a PING without TLS is tried.
const slow = time.Second

// TestSlowHandshake of a server that speaks TLS only.
func TestSlowHandshake(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t, redistest.WithTLS())
	addr := serveAt(t, func(conn net.Conn) {
		in := bufio.NewReader(conn)
		if _, err := in.Peek(1); err != nil {
			return
		}
		behind, err := net.Dial("tcp", redis.TLSAddr())
		if err != nil {
			return
		}
		defer func() { _ = behind.Close() }()
		timer := time.NewTimer(slow) // the slowness that is tested
		<-timer.C
		go func() { _, _ = io.Copy(behind, in) }()
		_, _ = io.Copy(conn, behind)
	})
	conf, err := (&secure.Files{Section: "redis", CA: redis.TLS().CA}).Config(&tls.Config{ServerName: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := secure.Dialer(conf, patience)(context.Background(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}
