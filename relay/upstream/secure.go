package upstream

// TLS: the certificates, dialing, and noticing a port without TLS.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// plainAfter is how long a handshake of TLS may take before a PING without TLS is tried. A Redis without TLS
// takes the handshake for the beginning of a command: it waits for the rest, and says nothing.
const plainAfter = 300 * time.Millisecond

var errPlain = errors.New("it answers without TLS")

// keepAlive is go-redis's own.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3}

// tls adds the configured certificates to the URL's settings.
func (o *Options) tls(base *tls.Config) (*tls.Config, error) {
	if base == nil {
		if o.CA != "" || o.Cert != "" {
			return nil, fmt.Errorf("%[1]s: %[2]s is not rediss://; use rediss:// or remove %[1]s", o.key("tls"), o.key("url"))
		}
		return nil, nil
	}
	conf := base.Clone()
	if err := errors.Join(o.trust(conf), o.identify(conf)); err != nil {
		return nil, err
	}
	return conf, nil
}

// trust reads the trusted authorities.
func (o *Options) trust(conf *tls.Config) error {
	if o.CA == "" {
		return nil
	}
	pem, err := os.ReadFile(o.CA)
	if err != nil {
		return fmt.Errorf("%s: %w; name a file of PEM certificates", o.key("tls.ca"), err)
	}
	conf.RootCAs = x509.NewCertPool()
	if !conf.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s: no PEM certificate in %s; it begins with -----BEGIN CERTIFICATE-----", o.key("tls.ca"), o.CA)
	}
	return nil
}

// identify reads the relay's own certificate.
func (o *Options) identify(conf *tls.Config) error {
	if o.Cert == "" {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(o.Cert, o.Key)
	if err != nil {
		return fmt.Errorf("%s: %w; cert and key are PEM files that belong together", o.key("tls.cert"), err)
	}
	conf.Certificates = []tls.Certificate{cert}
	return nil
}

// dialFunc is redis.Options.Dialer.
type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// dialSecure returns a dialer with TLS; nil, which means go-redis's own dialer, if conf is nil.
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

// serving returns conf with the name of the server that the certificate must have.
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

// shake makes the handshake. It fails early if the port answers without TLS.
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

// answersPlainly tells whether a PING without TLS is answered as Redis answers it, not by
// a record of TLS.
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
