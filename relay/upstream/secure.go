package upstream

// Dialing with TLS, and finding out that there is none.

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// plainAfter is how long a handshake of TLS may take before the port is asked whether it
// answers without: a Redis that does not speak TLS waits for the end of what it takes for
// a command, and says nothing.
const plainAfter = 300 * time.Millisecond

var errPlain = errors.New("it answers without TLS")

// keepAlive is go-redis's own.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3}

// dialFunc is redis.Options.Dialer.
type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// dialSecure returns what dials with TLS; nil, which is go-redis's own way, without.
func dialSecure(conf *tls.Config) dialFunc {
	if conf == nil {
		return nil
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, stepTimeout)
		defer cancel()
		raw, err := (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, serving(conf, addr))
		if err := shake(ctx, conn, network, addr); err != nil {
			_ = raw.Close() // the handshake has failed already
			return nil, err
		}
		return conn, nil
	}
}

// serving names the server whose certificate is expected.
func serving(conf *tls.Config, addr string) *tls.Config {
	if conf.ServerName != "" {
		return conf
	}
	named := conf.Clone()
	if host, _, err := net.SplitHostPort(addr); err == nil {
		named.ServerName = host
	}
	return named
}

// shake makes the handshake. It fails early where the port turns out to answer without TLS.
func shake(ctx context.Context, conn *tls.Conn, network, addr string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	asked := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(asked)
		select {
		case <-stop:
		case <-time.After(plainAfter):
			if answersPlainly(ctx, network, addr) {
				cancel(errPlain)
			}
		}
	}()
	err := conn.HandshakeContext(ctx)
	close(stop)
	if plain := errors.Is(context.Cause(ctx), errPlain); plain && err != nil {
		err = errPlain
	}
	cancel(nil)
	<-asked
	return err
}

// answersPlainly tells whether a PING without TLS is answered as Redis answers it: by what
// is no record of TLS.
func answersPlainly(ctx context.Context, network, addr string) bool {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return false
	}
	var first [1]byte
	_, err = io.ReadFull(conn, first[:])
	return err == nil && (first[0] == '+' || first[0] == '-')
}
