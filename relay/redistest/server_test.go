// Tests of the redis-server: that it comes up clean, takes every fault and leaves
// nothing behind.

package redistest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStart(t *testing.T) {
	srv, other := Start(t), Start(t)
	if srv.Addr() == other.Addr() || srv.Socket() == other.Socket() {
		t.Fatalf("two servers at %s and %s", srv.Addr(), srv.Socket())
	}
	tcp, unix := Dial(t, "tcp", srv.Addr()), Dial(t, "unix", srv.Socket())
	tcp.Send("SET", "k", "v")
	tcp.Expect(t, "+OK")
	unix.Send("GET", "k")
	unix.Expect(t, "v")
	if v := other.MustDo("DBSIZE"); v.Int != 0 {
		t.Errorf("the other server has %s keys", v)
	}
	for setting, want := range map[string]string{"save": `[save ""]`, "appendonly": "[appendonly no]"} {
		if v := srv.MustDo("CONFIG", "GET", setting); v.String() != want {
			t.Errorf("CONFIG GET %s: got %s, want %s", setting, v, want)
		}
	}
	if want := "redis://" + srv.Addr(); srv.URL() != want {
		t.Errorf("URL: got %s, want %s", srv.URL(), want)
	}
	if !strings.Contains(srv.Log(), "Ready to accept connections") {
		t.Errorf("log: got %q", srv.Log())
	}
}

func TestArgs(t *testing.T) {
	srv := Start(t, WithArgs("--maxclients", "77", "--appendonly", "yes"))
	if v := srv.MustDo("CONFIG", "GET", "maxclients"); v.String() != `[maxclients "77"]` {
		t.Errorf("got %s", v)
	}
}

func TestKillAndRestart(t *testing.T) {
	srv := Start(t)
	addr := srv.Addr()
	srv.MustDo("SET", "k", "v")
	c := Dial(t, "tcp", addr)
	c.Send("PING")
	c.Expect(t, "+PONG")

	srv.Kill()
	c.Closed()
	if conn, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("dial a killed server: got %v, %v", conn, err)
	}
	if _, err := srv.Do("PING"); err == nil {
		t.Error("a killed server answers")
	}
	srv.Kill() // again, to no effect

	srv.Restart()
	if srv.Addr() != addr {
		t.Errorf("restarted at %s, was at %s", srv.Addr(), addr)
	}
	if v := srv.MustDo("DBSIZE"); v.Int != 0 {
		t.Errorf("memory not empty: %s keys", v)
	}
	srv.Restart() // a running one
	srv.MustDo("PING")
}

func TestAppendOnly(t *testing.T) {
	srv := Start(t, WithAppendOnly())
	srv.MustDo("XADD", "s", "1-0", "f", "v")
	srv.Kill()
	srv.Restart()
	if v := srv.MustDo("XRANGE", "s", "-", "+"); v.String() != "[[1-0 [f v]]]" {
		t.Errorf("after the restart: got %s", v)
	}
}

func TestStopAndCont(t *testing.T) {
	srv := Start(t)
	c := Dial(t, "tcp", srv.Addr())
	srv.Stop()
	c.SetTimeout(50 * time.Millisecond)
	c.Send("PING")
	if v, err := c.TryReceive(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a stopped server says %s, %v", v, err)
	}
	fresh := Dial(t, "tcp", srv.Addr()) // accepted by the kernel
	fresh.Send("PING")
	srv.Cont()
	c.SetTimeout(DefaultTimeout)
	c.Expect(t, "+PONG")
	fresh.Expect(t, "+PONG")
}

func TestRestartOfAStoppedServer(t *testing.T) {
	srv := Start(t)
	srv.Stop()
	srv.Restart()
	srv.MustDo("PING")
}

func TestCleanup(t *testing.T) {
	var running, stopped *Server
	var pids []int
	t.Run("test", func(t *testing.T) {
		running, stopped = Start(t), Start(t)
		stopped.Stop()
		pids = append(pids, running.proc.cmd.Process.Pid, stopped.proc.cmd.Process.Pid)
	})
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d after the test: got %v, want none", pid, err)
		}
	}
	for _, s := range []*Server{running, stopped} {
		if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s after the test: got %v, want none", s.dir, err)
		}
	}
}

func TestPortTaken(t *testing.T) {
	taken, srv := Start(t), Start(t)
	free := srv.port
	srv.Kill()
	srv.port = taken.port
	if err := srv.runLocked(); !errors.Is(err, errPortTaken) {
		t.Fatalf("on a taken port: got %v", err)
	}
	srv.port = free
	if err := srv.startOnFreePort(); err != nil {
		t.Fatal(err)
	}
	srv.MustDo("PING")
}

func TestRestartWaitsForItsPort(t *testing.T) {
	srv := Start(t)
	srv.Kill()
	ln, err := net.Listen("tcp", srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	restarted := make(chan struct{})
	go func() {
		defer close(restarted)
		srv.Restart()
	}()
	Eventually(t, DefaultTimeout, "Restart finds the port taken", func() bool {
		return strings.Contains(srv.Log(), "Address already in use")
	})
	_ = ln.Close()
	<-restarted
	srv.MustDo("PING")
}

func TestACL(t *testing.T) {
	srv := Start(t, WithACL("app on >secret ~* resetchannels &chat:* +@all", "default off"))
	c := Dial(t, "tcp", srv.Addr())
	c.Send("PING")
	c.Expect(t, "-NOAUTH Authentication required.")
	c.Send("AUTH", "app", "secret")
	c.Expect(t, "+OK")
	c.Send("SUBSCRIBE", "chat:1")
	c.Expect(t, "[subscribe chat:1 1]")
	c.Send("SUBSCRIBE", "other")
	if v := c.Receive(); !strings.HasPrefix(v.String(), "-NOPERM") {
		t.Errorf("a forbidden channel: got %s", v)
	}
	srv.MustDo("ACL", "SETUSER", "app", "allchannels") // the server's own user is not locked out
	c.Send("SUBSCRIBE", "other")
	c.Expect(t, "[subscribe other 2]")
}

func TestTLS(t *testing.T) {
	srv := Start(t, WithTLS())
	pem, err := os.ReadFile(srv.TLS().CA)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(pem)

	if err := pingTLS(t, srv, config); err == nil {
		t.Error("let in without a certificate")
	}
	pair, err := tls.LoadX509KeyPair(srv.TLS().Cert, srv.TLS().Key)
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{pair}
	if err := pingTLS(t, srv, config); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	config.RootCAs = x509.NewCertPool()
	if err := pingTLS(t, srv, config); err == nil {
		t.Error("the server's certificate passed without its CA")
	}
	if want := "rediss://" + srv.TLSAddr(); srv.TLSURL() != want {
		t.Errorf("TLSURL: got %s, want %s", srv.TLSURL(), want)
	}
	Dial(t, "tcp", srv.Addr()).Do("PING") // the plain port is there too
}

func pingTLS(t *testing.T, srv *Server, config *tls.Config) error {
	conn, err := tls.Dial("tcp", srv.TLSAddr(), config)
	if err != nil {
		return err
	}
	_, err = NewClient(t, conn).TryDo("PING")
	return err
}

func TestPubSubClients(t *testing.T) {
	srv := Start(t)
	if got := srv.PubSubClients(); len(got) != 0 {
		t.Errorf("before: got %q", got)
	}
	c := Dial(t, "tcp", srv.Addr())
	c.Do("CLIENT", "SETNAME", "me")
	c.Send("SUBSCRIBE", "a")
	c.Expect(t, "[subscribe a 1]")
	if got := srv.PubSubClients(); len(got) != 1 || !strings.Contains(got[0], "name=me ") {
		t.Errorf("subscribed: got %q", got)
	}
	c.Close()
	Eventually(t, DefaultTimeout, "no line left", func() bool { return len(srv.PubSubClients()) == 0 })
}

func TestDoReturnsErrorReplies(t *testing.T) {
	srv := Start(t)
	v, err := srv.Do("FOO")
	if err == nil || !strings.Contains(err.Error(), "unknown command") || v.Type != '-' {
		t.Errorf("got %s, %v", v, err)
	}
}

func TestServerFailures(t *testing.T) {
	t.Run("no redis-server", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		t.Setenv(ServerVariable, "")
		wantFailure(t, func(tb testing.TB) { Start(tb) }, "redis-server", "install it", ServerVariable)
	})
	t.Run("bad argument", func(t *testing.T) {
		wantFailure(t, func(tb testing.TB) { Start(tb, WithArgs("--no-such-setting", "1")) }, "no-such-setting")
	})
	t.Run("log shown", func(t *testing.T) {
		wantFailure(t, func(tb testing.TB) { Start(tb).MustDo("FOO") }, "unknown command", "Ready to accept connections")
	})
	t.Run("log not shown", func(t *testing.T) {
		if failed, said := outcome(func(tb testing.TB) { Start(tb).MustDo("PING") }); failed || said != "" {
			t.Errorf("a passing test said: %s", said)
		}
	})
	t.Run("stop after kill", func(t *testing.T) {
		wantFailure(t, func(tb testing.TB) { s := Start(tb); s.Kill(); s.Stop() }, "not running")
	})
}
