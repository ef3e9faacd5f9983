package secure

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

// ErrPlain says that a port answers without TLS.
var ErrPlain = errors.New("it answers without TLS")

// keepAlive is go-redis's own.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 5 * time.Second, Count: 3}

// Files are PEM files; empty: none.
type Files struct {
	Section   string // of the configuration that names them, for errors: redis
	CA        string // trusted authorities, in place of the system's
	Cert, Key string // the relay's own certificate
}

// Config adds the certificates to the settings of a URL; nil, which is returned as it is: the URL is not for TLS.
func (f *Files) Config(base *tls.Config) (*tls.Config, error) {
	if base == nil {
		if f.CA != "" || f.Cert != "" {
			return nil, fmt.Errorf("%[1]s.tls: %[1]s.url is not rediss://; use rediss:// or remove %[1]s.tls", f.Section)
		}
		return nil, nil
	}
	conf := base.Clone()
	if err := errors.Join(f.trust(conf), f.identify(conf)); err != nil {
		return nil, err
	}
	return conf, nil
}

// trust reads the trusted authorities.
func (f *Files) trust(conf *tls.Config) error {
	if f.CA == "" {
		return nil
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return fmt.Errorf("%s.tls.ca: %w; name a file of PEM certificates", f.Section, err)
	}
	conf.RootCAs = x509.NewCertPool()
	if !conf.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s.tls.ca: no PEM certificate in %s; it begins with -----BEGIN CERTIFICATE-----", f.Section, f.CA)
	}
	return nil
}

// identify reads the relay's own certificate.
func (f *Files) identify(conf *tls.Config) error {
	if f.Cert == "" {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return fmt.Errorf("%s.tls.cert: %w; cert and key are PEM files that belong together", f.Section, err)
	}
	conf.Certificates = []tls.Certificate{cert}
	return nil
}

// DialFunc is redis.Options.Dialer.
type DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

// Dialer returns a dialer with TLS, that takes at most timeout; nil, which means go-redis's own dialer, if conf is nil.
func Dialer(conf *tls.Config, timeout time.Duration) DialFunc {
	if conf == nil {
		return nil
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
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
				cancel(ErrPlain)
			}
		}
	}()
	err := conn.HandshakeContext(ctx)
	close(stop)
	if plain := errors.Is(context.Cause(ctx), ErrPlain); plain && err != nil {
		err = ErrPlain
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
