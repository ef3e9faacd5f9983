package natsbridge

// A NATS cluster instead of a server of our own: the bridge is a leaf node of it.

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"go.uber.org/zap"

	"redis-relay/relay/hub"
)

const (
	dialTimeout = 3 * time.Second // for a server to be ready for our interest
	leafPort    = "7422"

	// group shares what the cluster's clients publish among those who are its leaf node:
	// one at a time, but one that was stopped may still be connected.
	group = "redis-relay"
)

// Cluster is a NATS cluster, and how to become a leaf node of it.
type Cluster struct {
	Name           string     // of this relay, and no other's
	Servers        []*url.URL // one is chosen
	Credentials    string     // file; empty: what the URLs say
	CA             string     // PEM file of the authorities to trust; empty: the system's
	PublishTimeout time.Duration
	Counters       *Counters // outlive the bridge

	// Holds tells whether what is delivered now is this bridge's to deliver.
	Holds func() bool
}

// Attach connects to a server of a cluster. What it lets us do shows in Run, which
// the caller must call, or Close; then Leave. Of the limits those of one connection are
// the cluster's own.
func Attach(
	ctx context.Context, c Cluster, limits Limits, h *hub.Hub, backend Backend, log *zap.Logger,
) (*Bridge, error) {
	b := unlinked(limits, h, hub.NewSilentListener(1), backend, log)
	b.opts.PublishTimeout, b.stats, b.holds = c.PublishTimeout, c.Counters, c.Holds
	var errs []error
	for _, n := range rand.Perm(len(c.Servers)) {
		err := b.dial(ctx, &c, c.Servers[n])
		if err == nil {
			return b, nil
		}
		errs = append(errs, err)
	}
	b.writers.Wait()
	return nil, errors.Join(errs...)
}

// Ping waits until the cluster has dealt with all that was sent, and we with all that
// it had sent before, and reports whether it came to that.
func (b *Bridge) Ping(timeout time.Duration) bool { return b.link.barrier(timeout, b.ended) }

// Settled tells whether Redis has answered all that is listened to.
func (b *Bridge) Settled() bool {
	b.changing.Lock()
	defer b.changing.Unlock()
	for _, i := range b.names {
		if i.pending != nil {
			return false
		}
	}
	return true
}

// Leave lets go of what was listened to. Only after Run.
func (b *Bridge) Leave() {
	b.changing.Lock()
	defer b.changing.Unlock()
	for n, i := range b.names {
		b.leaveLocked(n, i)
	}
	clear(b.names)
}

// info is what a server says first.
type info struct {
	MaxPayload  int    `json:"max_payload"`
	Nonce       string `json:"nonce"`
	TLSRequired bool   `json:"tls_required"`
}

// connect is what it is answered.
type connect struct {
	Version string `json:"version"`
	Name    string `json:"name"`
	ID      string `json:"server_id"`
	Account string `json:"remote_account"` // with the name, what tells an old connection of ours
	Headers bool   `json:"headers"`
	JWT     string `json:"jwt,omitempty"`
	Nkey    string `json:"nkey,omitempty"`
	Sig     string `json:"sig,omitempty"`
	User    string `json:"user,omitempty"`
	Pass    string `json:"pass,omitempty"`
	Token   string `json:"auth_token,omitempty"`
}

// Address is the host and port of a server.
func Address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = leafPort
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// dial connects to one server and says what we want of it.
func (b *Bridge) dial(ctx context.Context, c *Cluster, u *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", Address(u))
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	l, err := b.greet(ctx, c, u, conn)
	if !stop() && err == nil {
		l.out.Close()
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return fmt.Errorf("%s: %w", Address(u), err)
	}
	b.link = l
	return nil
}

func (b *Bridge) greet(ctx context.Context, c *Cluster, u *url.URL, conn net.Conn) (*link, error) {
	in := bufio.NewReaderSize(conn, linkBuffer)
	i, err := readInfo(in)
	if err != nil {
		return nil, err
	}
	b.maxPayload = i.MaxPayload
	if i.TLSRequired || u.Scheme == "tls" {
		authorities, err := c.authorities()
		if err != nil {
			return nil, err
		}
		if conn, err = secure(ctx, conn, u.Hostname(), authorities, &b.writers); err != nil {
			return nil, err
		}
		in = bufio.NewReaderSize(conn, linkBuffer)
	}
	hello, err := c.hello(u, i.Nonce)
	if err == nil {
		_, err = conn.Write(hello)
	}
	l := &link{conn: conn, in: in, pongs: make(chan struct{}, 1)}
	if err == nil {
		l.out, err = hub.NewOutbox(conn, &b.behind, &b.writers, func(hub.Reason) {})
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return l, nil
}

func readInfo(in *bufio.Reader) (i info, err error) {
	line, err := in.ReadSlice('\n')
	text, ok := bytes.CutPrefix(line, []byte("INFO "))
	if err == nil && (!ok || json.Unmarshal(text, &i) != nil) {
		err = fmt.Errorf("%w: %.100q; is it the port for leaf nodes?", errProtocol, line)
	}
	if err != nil {
		return i, fmt.Errorf("wait for its INFO: %w", err)
	}
	if in.Buffered() > 0 {
		return i, fmt.Errorf("%w behind its INFO", errProtocol)
	}
	return i, nil
}

// hello is our answer to the INFO: who we are, and what we subscribe to.
func (c *Cluster) hello(u *url.URL, nonce string) ([]byte, error) {
	answer := connect{Version: server.VERSION, Name: c.Name, ID: c.Name, Account: c.Name, Headers: true}
	if u.User != nil {
		answer.User = u.User.Username()
		var has bool
		if answer.Pass, has = u.User.Password(); !has {
			answer.Token = answer.User
		}
	}
	if c.Credentials != "" {
		if err := answer.sign(c.Credentials, nonce); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	b := append(append([]byte("CONNECT "), text...), "\r\n"...)
	for _, token := range []string{publishToken, historyToken} {
		b = fmt.Appendf(b, "LS+ %s.> %s 1\r\n", token, group)
	}
	return b, nil
}

// sign proves with a file's key that we are who the file says.
func (a *connect) sign(file, nonce string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("nats.leaf.credentials: %w", err)
	}
	defer clear(text)
	key, err := nkeys.ParseDecoratedUserNKey(append(text, '\n'))
	if err != nil {
		return fmt.Errorf("nats.leaf.credentials: %s: %w", file, err)
	}
	defer key.Wipe()
	sig, err := key.Sign([]byte(nonce))
	if err != nil {
		return err
	}
	a.Sig = base64.RawURLEncoding.EncodeToString(sig)
	if !bytes.Contains(text, []byte("---")) { // the seed alone
		a.Nkey, err = key.PublicKey()
		return err
	}
	a.JWT, err = nkeys.ParseDecoratedJWT(text)
	return err
}

// authorities are those to trust; nil is the system's.
func (c *Cluster) authorities() (*x509.CertPool, error) {
	if c.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("nats.leaf.ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("nats.leaf.ca: no PEM certificate in %s", c.CA)
	}
	return pool, nil
}

// Check tells whether the files can be used that Attach reads each time.
func (c *Cluster) Check() error {
	_, err := c.authorities()
	if c.Credentials != "" {
		err = errors.Join(err, new(connect).sign(c.Credentials, ""))
	}
	return err
}

// secure speaks TLS on a connection. What it returns is a socket that stands for it:
// an Outbox needs one.
func secure(
	ctx context.Context, conn net.Conn, host string, authorities *x509.CertPool, writers *sync.WaitGroup,
) (net.Conn, error) {
	t := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: authorities, MinVersion: tls.VersionTLS12})
	if err := t.HandshakeContext(ctx); err != nil {
		var plain tls.RecordHeaderError
		if errors.As(err, &plain) {
			err = errors.New("it does not speak TLS")
		}
		return nil, fmt.Errorf("TLS: %w", err)
	}
	near, far, err := socketPair()
	if err != nil {
		return nil, err
	}
	copyAll := func(to, from net.Conn) {
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			if n > 0 {
				if _, werr := to.Write(buf[:n]); err == nil {
					err = werr
				}
			}
			if err != nil {
				break
			}
		}
		_ = far.Close()
		_ = conn.Close() // not t's: that would wait to say goodbye
	}
	writers.Go(func() { copyAll(t, far) })
	writers.Go(func() { copyAll(far, t) })
	return near, nil
}

// problem is what a server says before it ends the connection, or of a subscription
// that it does not let us have.
func (b *Bridge) problem(text string) error {
	text = strings.Trim(text, "' ")
	if strings.HasPrefix(strings.ToLower(text), "permissions violation") {
		b.log.Warn("the NATS cluster does not let the relay do something", zap.String("error", text))
		return nil
	}
	if strings.HasPrefix(text, "Unknown Protocol") {
		text += "; is it the port for leaf nodes?"
	}
	return errors.New(text)
}
