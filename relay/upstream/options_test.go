package upstream

// What is wrong with the options, or with the server that they lead to, in words that help.

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"redis-relay/relay/redistest"
)

func TestOptionsCheck(t *testing.T) {
	dir := t.TempDir()
	noPEM := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(noPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	absent := filepath.Join(dir, "absent")
	cases := []struct {
		name string
		opts Options
		want string // "" for none
	}{
		{"plain", Options{URL: "redis://127.0.0.1:6379"}, ""},
		{"no scheme", Options{URL: "127.0.0.1:6379"}, "redis.url: "},
		{"no password file", Options{URL: "redis://h", PasswordFile: absent}, "redis.password_file: "},
		{"TLS files without TLS", Options{URL: "redis://h", CA: noPEM}, "use rediss://"},
		{"no CA file", Options{URL: "rediss://h", CA: absent}, "redis.tls.ca: "},
		{"CA file without a certificate", Options{URL: "rediss://h", CA: noPEM}, "no PEM certificate in "},
		{"no certificate", Options{URL: "rediss://h", Cert: absent, Key: absent}, "redis.tls.cert: "},
		{"no key", Options{URL: "rediss://h", Cert: noPEM, Key: noPEM}, "redis.tls.cert: "},
		{"sentinel", Options{Mode: "sentinel", URL: "redis://h:26379?master_name=m"}, ""},
		{"sentinel without a name", Options{Mode: "sentinel", URL: "h:26379"}, "redis.url: "},
	}
	for _, c := range cases {
		err := c.opts.Check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

func TestClientName(t *testing.T) {
	for host, want := range map[string]string{
		"web-1":        "redis-relay:web-1:sub",
		"my laptop\n2": "redis-relay:my-laptop-2:sub",
		"büro":         "redis-relay:b-ro:sub",
	} {
		if got := (&Options{Name: host}).clientName("sub"); got != want {
			t.Errorf("%q: got %q, want %q", host, got, want)
		}
	}
}

// TestSaysWhatIsWrong at the first connection.
func TestSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.WithTLS(), redistest.WithACL("app on >secret &* ~* +@all -ping", "off off",
		"nohello on >secret &* ~* +@all -hello"))
	needy, stranger := redistest.Start(t, redistest.WithACL("default on >secret ~* &* +@all")), stranger(t)
	for name, tt := range map[string]struct{ url, want string }{
		"no PING":          {"redis://app:secret@" + srv.Addr(), "allow +ping to this user"},
		"plain to TLS":     {"redis://" + srv.TLSAddr(), "if this port speaks TLS, write rediss:// in redis.url"},
		"TLS to plain":     {"rediss://" + srv.Addr(), "if this port does not speak TLS, write redis:// in redis.url"},
		"wrong password":   {"redis://app:wrong@" + srv.Addr(), "(the user or the password in redis.url is not one of Redis's)"},
		"no password":      {"redis://" + needy.Addr(), "(Redis wants a password: name its file in redis.password_file)"},
		"no Redis":         {"redis://" + stranger, "what answers there is no Redis"},
		"user is off":      {"redis://off:any@" + srv.Addr(), "WRONGPASS"},
		"nobody is there":  {"redis://127.0.0.1:1", "connection refused (no Redis listens there: start it, or correct redis.url)"},
		"no such host":     {"redis://no-such-host.invalid:6379", "no-such-host.invalid"},
		"unknown CA":       {"rediss://app:secret@" + srv.TLSAddr(), "certificate signed by unknown authority"},
		"unix socket gone": {"unix:///no/such/socket", "no such file or directory"},
		"too old":          {old(t, "-ERR unknown command 'HELLO'\r\n"), "needs RESP3, which HELLO 3 asks for: this Redis is older than 6.0"},
		"RESP2 only":       {old(t, "-NOPROTO unsupported protocol version\r\n"), "needs RESP3, which HELLO 3 asks for: this Redis is older than 6.0"},
		"loading":          {loading(t), "LOADING"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opts := testOptions(tt.url)
			opts.AlertAfter, opts.outageInterval = 1, time.Hour // what is told from time to time does not come between
			c := connect(t, opts, "a")
			redistest.Eventually(t, 2*patience, "an alert", func() bool {
				return c.count(func() int { return len(c.alerts) }) > 0
			})
			c.with(func() {
				if len(c.causes) != 1 || "1: "+c.causes[0] != c.alerts[0] {
					t.Errorf("told of the first failure: %q", c.causes)
				}
				if !strings.Contains(c.alerts[0], tt.want) || strings.Contains(c.alerts[0], "secret") {
					t.Errorf("alert: %s\nwant %q", c.alerts[0], tt.want)
				}
				if len(c.ups) != 0 {
					t.Error("it was up")
				}
			})
		})
	}
}

// old is a server that does not speak RESP3.
func old(t *testing.T, refusal string) (url string) {
	return fakeRedis(t, func(args []string) (string, bool) { return refusal, strings.EqualFold(args[0], "hello") })
}

// loading is a server that carries out nothing yet.
func loading(t *testing.T) (url string) {
	return fakeRedis(t, func(args []string) (string, bool) {
		return "-LOADING Redis is loading the dataset in memory\r\n", strings.EqualFold(args[0], "ping")
	})
}

// fakeRedis is a server that answers as Redis does, but for what reply knows. It ends with the test.
func fakeRedis(t *testing.T, reply func(args []string) (answer string, known bool)) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for conn := range open {
			_ = conn.Close()
		}
		open = nil
		mu.Unlock()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			if open == nil {
				_ = conn.Close()
			} else {
				open[conn] = true
			}
			mu.Unlock()
			f := &fake{cutIn: never, cutOut: never, executed: &executions{}, reply: reply}
			wg.Go(func() { f.serve(conn) })
		}
	})
	return "redis://" + ln.Addr().String()
}

// stranger listens, and does not speak Redis's language. It returns its address.
func stranger(t *testing.T) string {
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
			_, _ = conn.Write([]byte("<!DOCTYPE HTML>\r\n"))
			_ = conn.Close()
		}
	}()
	return ln.Addr().String()
}
