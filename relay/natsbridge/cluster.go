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
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"go.uber.org/zap"

	"redis-relay/relay/hub"
)

const (
	dialTimeout = 3 * time.Second // for a server to accept our CONNECT
	leafPort    = "7422"

	// group is the queue group in which relays subscribe to what the cluster's clients publish, so that each
	// message reaches one relay. One relay at a time is the leaf node, but a stopped one may still be connected.
	group = "redis-relay"
)

// Cluster is a NATS cluster, with what it takes to become a leaf node of it.
type Cluster struct {
	Name           string        // of this relay; no other relay has the same
	Servers        []*url.URL    // tried in random order
	Credentials    string        // a file; empty: the URLs hold them
	CA             string        // a PEM file of the authorities to trust; empty: the system's
	PublishTimeout time.Duration // the longest that a publish, or a history request, may take
	Counters       *Counters     // outlive the bridge

	// Leads reports whether this relay is the cluster's leaf node now: if it is not, nothing is delivered. The
	// loop calls it.
	Leads func() bool
}

// Attach connects to a server of a cluster. The caller must call Run, which reports what the cluster refuses, and
// then Unsubscribe. Of limits, Payload and Behind count; the others are the cluster's own. Attach blocks for up to
// 3 s a server: call it in a goroutine, while the loop runs.
func Attach(ctx context.Context, parts Parts, c Cluster, limits Limits) (b *Bridge, err error) {
	var errs []error
	for _, n := range rand.Perm(len(c.Servers)) {
		conn, maxPayload, err := c.dial(ctx, c.Servers[n])
		if err == nil {
			return attach(parts, &c, limits, conn, maxPayload)
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

func attach(parts Parts, c *Cluster, limits Limits, conn net.Conn, maxPayload int) (b *Bridge, err error) {
	if !parts.Loop.Call(func() {
		b = newUnconnected(parts, limits, c.PublishTimeout, hub.NewInterestOnlyListener(1), c.Counters)
		b.maxPayload, b.out.leads = maxPayload, c.Leads
		err = b.connect(conn, nil)
	}) {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// infoMessage is the INFO that a server sends first.
type infoMessage struct {
	MaxPayload  int    `json:"max_payload"`
	Nonce       string `json:"nonce"`
	TLSRequired bool   `json:"tls_required"`
}

// connectMessage is the CONNECT that answers an INFO.
type connectMessage struct {
	Version string `json:"version"`
	Name    string `json:"name"`
	ID      string `json:"server_id"`
	Account string `json:"remote_account"` // with Name, by which the server knows an older connection of ours
	Headers bool   `json:"headers"`
	JWT     string `json:"jwt,omitempty"`
	Nkey    string `json:"nkey,omitempty"`
	Sig     string `json:"sig,omitempty"`
	User    string `json:"user,omitempty"`
	Pass    string `json:"pass,omitempty"`
	Token   string `json:"auth_token,omitempty"`
}

// Address returns the host and port of a server, as in "host:7422".
func Address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = leafPort
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// dial connects to one server and sends our CONNECT and subscriptions. maxPayload is the largest message that the
// server accepts, in bytes.
func (c *Cluster) dial(ctx context.Context, u *url.URL) (conn net.Conn, maxPayload int, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var dialer net.Dialer
	below, err := dialer.DialContext(ctx, "tcp", Address(u))
	if err != nil {
		return nil, 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = below.Close() })
	conn, maxPayload, err = c.greet(ctx, u, below)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = below.Close()
		return nil, 0, fmt.Errorf("%s: %w", Address(u), err)
	}
	return conn, maxPayload, nil
}

func (c *Cluster) greet(ctx context.Context, u *url.URL, below net.Conn) (conn net.Conn, maxPayload int, err error) {
	i, err := readInfo(bufio.NewReaderSize(below, inputSize))
	if err != nil {
		return nil, 0, err
	}
	conn = below
	if i.TLSRequired || u.Scheme == "tls" {
		if conn, err = c.secure(ctx, below, u.Hostname()); err != nil {
			return nil, 0, err
		}
	}
	hello, err := c.hello(u, i.Nonce)
	if err == nil {
		_, err = conn.Write(hello)
	}
	return conn, i.MaxPayload, err
}

func readInfo(in *bufio.Reader) (i infoMessage, err error) {
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

// hello returns our answer to the INFO: CONNECT, and the subscriptions.
func (c *Cluster) hello(u *url.URL, nonce string) ([]byte, error) {
	answer := connectMessage{Version: server.VERSION, Name: c.Name, ID: c.Name, Account: c.Name, Headers: true}
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

// sign adds the credentials of a file, and signs the nonce with their key.
func (a *connectMessage) sign(file, nonce string) error {
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

// authorities returns the certificate authorities to trust; nil: the system's.
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

// Check reads the files that Attach will read each time, and returns what is wrong with them.
func (c *Cluster) Check() error {
	_, err := c.authorities()
	if c.Credentials != "" {
		err = errors.Join(err, new(connectMessage).sign(c.Credentials, ""))
	}
	return err
}

// secure makes a TLS connection of one over TCP.
func (c *Cluster) secure(ctx context.Context, conn net.Conn, host string) (net.Conn, error) {
	authorities, err := c.authorities()
	if err != nil {
		return nil, err
	}
	t := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: authorities, MinVersion: tls.VersionTLS12})
	if err := t.HandshakeContext(ctx); err != nil {
		var plain tls.RecordHeaderError
		if errors.As(err, &plain) {
			err = errors.New("it does not speak TLS")
		}
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return t, nil
}

// problem handles an -ERR. A subscription that the server refuses is logged; any other text is returned as an error,
// since the server closes the connection.
func problem(log *zap.Logger, text string) error {
	text = strings.Trim(text, "' ")
	if strings.HasPrefix(strings.ToLower(text), "permissions violation") {
		log.Warn("the NATS cluster does not let the relay do something", zap.String("error", text))
		return nil
	}
	if strings.HasPrefix(text, "Unknown Protocol") {
		text += "; is it the port for leaf nodes?"
	}
	return errors.New(text)
}
