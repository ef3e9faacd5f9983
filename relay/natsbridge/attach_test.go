package natsbridge

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// newCertificate makes one of 127.0.0.1, and the file of its authority.
func newCertificate(t *testing.T) (certificate tls.Certificate, ca string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, ca
}

// newCluster starts a NATS server that takes leaf nodes.
func newCluster(t *testing.T, edit func(*server.Options)) (s *server.Server, leafPort int) {
	t.Helper()
	o := &server.Options{
		ServerName: "hub", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		LeafNode: server.LeafNodeOpts{Host: "127.0.0.1", Port: server.RANDOM_PORT, TLSTimeout: 10},
	}
	edit(o)
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(soon) {
		t.Fatal("the cluster does not start")
	}
	return s, o.LeafNode.Port
}

// attach has a bridge of a running loop be a leaf node.
func (r *rig) attach(rawURL, ca string, holds func() bool) error {
	r.t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		r.t.Fatal(err)
	}
	c := Cluster{
		Name: "test", Servers: []*url.URL{u}, CA: ca, PublishTimeout: time.Second, Counters: new(Counters), Leads: holds,
	}
	b, err := Attach(context.Background(), r.parts, c, testLimits())
	if err != nil {
		return err
	}
	r.do(func() { r.bridge = b })
	r.runBridge()
	return nil
}

// TestAttach is a leaf node of a cluster, with TLS and without: it publishes, delivers, and lets go.
func TestAttach(t *testing.T) {
	certificate, ca := newCertificate(t)
	for _, scheme := range []string{"nats", "tls"} {
		t.Run(scheme, func(t *testing.T) {
			cluster, port := newCluster(t, func(o *server.Options) {
				if scheme == "tls" {
					o.LeafNode.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
				}
			})
			r := newRig(t)
			r.run()
			if err := r.attach(fmt.Sprintf("%s://127.0.0.1:%d", scheme, port), ca, nil); err != nil {
				t.Fatal(err)
			}
			if !r.bridge.Await(soon) {
				t.Fatal("the cluster does not answer")
			}
			nc, err := nats.Connect(cluster.ClientURL(), nats.Timeout(soon))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(nc.Close)
			sub := r.listen(nc, "a.1")
			big := strings.Repeat("x", 500_000)
			for i := range 10 {
				m, err := nc.Request("publish.a.1", []byte(big), soon)
				if err != nil || string(m.Data) != `{"receivers":500000}` {
					t.Fatalf("answer %v, %v", m, err)
				}
				r.do(func() { r.bridge.Deliver(message1(big + strconv.Itoa(i))) })
			}
			for i := range 10 {
				if m := next(t, sub); string(m.Data) != big+strconv.Itoa(i) {
					t.Fatalf("message %d has %d bytes", i, len(m.Data))
				}
			}
			r.do(func() {
				tooLarge := strings.Repeat("x", r.bridge.maxPayload)
				if r.bridge.Deliver(message1(tooLarge)) || r.bridge.Listeners([]byte("a:1")) != 1 {
					t.Error("delivered what the cluster does not take, or it is not one listener")
				}
			})
			r.eventually("it is told", func() bool { return len(r.backend.missed) == 1 })
			if err := r.stop(); err != nil {
				t.Error(err)
			}
			r.do(r.bridge.Unsubscribe)
			r.eventually("Redis has let go", func() bool { return r.redis.held["a:1"] == 0 })
		})
	}
}

// TestNotHeld gives nothing to the cluster while the lease is another's.
func TestNotHeld(t *testing.T) {
	cluster, port := newCluster(t, func(*server.Options) {})
	r := newRig(t)
	r.run()
	holds := true // belongs to the loop
	if err := r.attach(fmt.Sprintf("nats://127.0.0.1:%d", port), "", func() bool { return holds }); err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(cluster.ClientURL(), nats.Timeout(soon))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	sub := r.listen(nc, "a.1")
	for i := range 4 {
		r.do(func() {
			holds = i%2 == 1
			r.bridge.Deliver(message1(strconv.Itoa(i)))
		})
	}
	for _, want := range []string{"1", "3"} {
		if m := next(t, sub); string(m.Data) != want {
			t.Errorf("heard %q, want %q", m.Data, want)
		}
	}
}

// TestAttachFails says why, and leaves nothing behind.
func TestAttachFails(t *testing.T) {
	_, port := newCluster(t, func(*server.Options) {})
	r := newRig(t)
	r.run()
	if err := r.attach(fmt.Sprintf("tls://127.0.0.1:%d", port), "", nil); err == nil ||
		!strings.Contains(err.Error(), "it does not speak TLS") {
		t.Errorf("got %v", err)
	}
	if err := r.attach("nats://127.0.0.1:1", "", nil); err == nil {
		t.Error("connected with nobody")
	}
}

// TestStuckCluster ends though the cluster takes nothing any more.
func TestStuckCluster(t *testing.T) {
	certificate, ca := newCertificate(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	release := make(chan struct{})
	served := make(chan error, 1)
	go func() { served <- serveStuck(ln, certificate, release) }()
	r := newRig(t)
	r.run()
	if err := r.attach("tls://"+ln.Addr().String(), ca, nil); err != nil {
		t.Fatal(err)
	}
	r.eventually("the subscription has come", func() bool { return r.bridge.HasListeners([]byte("a:1")) })
	r.eventually("nothing is taken any more", func() bool {
		r.bridge.Deliver(message1(strings.Repeat("x", 1<<20)))
		return r.bridge.conn.out.Queued() > 16<<20
	})
	if err := r.stop(); err != nil { // the cleanup would hang, too
		t.Error(err)
	}
	close(release)
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// serveStuck is a cluster's server that subscribes and reads nothing more.
func serveStuck(ln net.Listener, certificate tls.Certificate, release <-chan struct{}) error {
	conn, err := ln.Accept()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, `INFO {"tls_required":true}`+"\r\n"); err != nil {
		return err
	}
	t := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	line, err := bufio.NewReader(t).ReadString('\n')
	if err == nil && !strings.HasPrefix(line, "CONNECT ") {
		err = errors.New(line)
	}
	if err == nil {
		_, err = io.WriteString(t, "LS+ a.1\r\n")
	}
	<-release
	return err
}
