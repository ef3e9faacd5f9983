package loop_test

// Connections made elsewhere, in the loop.

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"redis-relay/relay/loop"
)

// kinds are the connections that can be adopted. Each returns both sides, connected.
var kinds = map[string]func(t *testing.T) (ours, peer net.Conn){
	"tcp":  func(t *testing.T) (net.Conn, net.Conn) { return dialed(t, "tcp", "127.0.0.1:0") },
	"unix": func(t *testing.T) (net.Conn, net.Conn) { return dialed(t, "unix", filepath.Join(t.TempDir(), "s")) },
	"tls":  overTLS,
}

func dialed(t *testing.T, network, address string) (ours, peer net.Conn) {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	ours, err = net.Dial(network, listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	peer, err = listener.Accept()
	if err = errors.Join(err, listener.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = peer.Close() })
	if err := peer.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return ours, peer
}

func overTLS(t *testing.T) (ours, peer net.Conn) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"peer"},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	known := x509.NewCertPool()
	if cert, err := x509.ParseCertificate(der); err == nil {
		known.AddCert(cert)
	}
	ours, peer = dialed(t, "tcp", "127.0.0.1:0")
	server := tls.Server(peer, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	client := tls.Client(ours, &tls.Config{RootCAs: known, ServerName: "peer"})
	var greeted sync.WaitGroup
	greeted.Go(func() { err = server.Handshake() })
	clientErr := client.Handshake()
	greeted.Wait()
	if err = errors.Join(err, clientErr); err != nil {
		t.Fatal(err)
	}
	return client, server
}

// adopted is a connection in the loop: what comes is sent back, through whatever is full.
type adopted struct {
	fd   int
	d    *loop.Descriptor
	late []byte
	end  chan error // what reading said at the end
}

func (a *adopted) Ready(loop.Events) {
	got, err := drain(a.fd)
	a.late = append(a.late, got...)
	for len(a.late) > 0 {
		n, werr := unix.Write(a.fd, a.late)
		if werr != nil {
			break
		}
		a.late = a.late[n:]
	}
	a.d.AwaitWritable(len(a.late) > 0)
	if !errors.Is(err, unix.EAGAIN) {
		a.d.Close()
		a.end <- err
	}
}

// adopt puts a connection of a kind into the loop. copied waits for the copiers.
func adopt(t *testing.T, l *loop.Loop, ours net.Conn) (a *adopted, copied func()) {
	t.Helper()
	var copiers sync.WaitGroup
	if err := ours.SetDeadline(time.Unix(1, 0)); err != nil { // left from a handshake
		t.Fatal(err)
	}
	fd, err := loop.Adopt(ours, &copiers)
	if err != nil {
		t.Fatal(err)
	}
	a = &adopted{fd: fd, end: make(chan error, 1)}
	do(t, l, func() { a.d, err = l.Register(fd, a) })
	if err != nil {
		t.Fatal(err)
	}
	return a, func() {
		t.Helper()
		done := make(chan struct{})
		go func() { copiers.Wait(); close(done) }()
		wait(t, "the copiers", done)
		_ = ours.Close() // a TLS connection is closed already
	}
}

// TestAdoptedBothWays carries more than any buffer holds, and then the peer closes.
func TestAdoptedBothWays(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			l := running(t)
			ours, peer := kind(t)
			a, copied := adopt(t, l, ours)
			sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
			var writer sync.WaitGroup
			writer.Go(func() {
				if _, err := peer.Write(sent); err != nil {
					t.Errorf("the peer writes: %v", err)
				}
			})
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(peer, got); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("the peer read something else, or %v", err)
			}
			writer.Wait()
			if err := peer.Close(); err != nil {
				t.Error(err)
			}
			if err := wait(t, "the end", a.end); err != nil {
				t.Errorf("reading ended with %v, want the end of the stream", err)
			}
			copied()
		})
	}
}

// TestAdoptedIsClosed: the peer gets what was written last, and then the end.
func TestAdoptedIsClosed(t *testing.T) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			l := running(t)
			ours, peer := kind(t)
			a, copied := adopt(t, l, ours)
			do(t, l, func() { write(t, a.fd, "goodbye"); a.d.Close() })
			if name != "tls" {
				_ = ours.Close()
			}
			got, err := io.ReadAll(peer)
			if string(got) != "goodbye" || (err != nil && name != "tls") {
				t.Errorf("the peer read %q, %v", got, err)
			}
			copied()
		})
	}
}

// TestAdoptedIsIndependent: the end of the Go connection is not the end of the descriptor.
func TestAdoptedIsIndependent(t *testing.T) {
	for _, name := range []string{"tcp", "unix"} {
		l := running(t)
		ours, peer := kinds[name](t)
		_, copied := adopt(t, l, ours)
		copied()
		if _, err := peer.Write([]byte("x")); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadFull(peer, make([]byte, 1)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCopiersEnd when nobody reads, on neither side.
func TestCopiersEnd(t *testing.T) {
	for _, closing := range []string{"peer", "ours"} {
		ours, peer := overTLS(t)
		var copiers, writer sync.WaitGroup
		fd, err := loop.Adopt(ours, &copiers)
		if err != nil {
			t.Fatal(err)
		}
		writer.Go(func() { _, _ = peer.Write(make([]byte, 16<<20)) })
		stuff(t, fd)
		if closing == "peer" {
			_ = peer.(*tls.Conn).NetConn().Close() // without goodbye, with unread bytes
		} else {
			_ = unix.Close(fd)
			_ = ours.Close()
		}
		done := make(chan struct{})
		go func() { copiers.Wait(); close(done) }()
		wait(t, "the copiers, "+closing+" closed", done)
		if closing == "peer" {
			_ = unix.Close(fd)
		}
		_ = peer.(*tls.Conn).NetConn().Close()
		writer.Wait()
	}
}

// stuff writes until there is no room any more, and none comes.
func stuff(t *testing.T, fd int) {
	t.Helper()
	for n := 1; n > 0; {
		for err := error(nil); err == nil; {
			_, err = unix.Write(fd, make([]byte, 64<<10))
		}
		var err error
		n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 300)
		if err != nil && !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
		if err != nil {
			n = 1
		}
	}
}

// TestAdoptFails when the connection is closed already.
func TestAdoptFails(t *testing.T) {
	for name, kind := range kinds {
		ours, _ := kind(t)
		_ = ours.Close()
		var copiers sync.WaitGroup
		if fd, err := loop.Adopt(ours, &copiers); err == nil && name != "tls" {
			t.Errorf("%s: a closed connection gave descriptor %d", name, fd)
		} else if err == nil {
			_ = unix.Close(fd)
		}
		copiers.Wait()
	}
}
