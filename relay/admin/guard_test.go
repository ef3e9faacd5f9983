package admin

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// answer is what a server says.
type answer struct {
	code   int
	header http.Header
	body   string
}

// ask sends a request as it is, and returns the answer.
func ask(t *testing.T, s *Server, method, path, host string, header http.Header) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	req.Header = header
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

// paths are all that a server answers.
var paths = []string{
	"/", "/livez", "/readyz", "/metrics", "/api/v1/status", "/page/main.js", "/page/style.css", "/debug/pprof/", "/nowhere",
}

func TestOnlyKnownNames(t *testing.T) {
	s := serve(t, fine, func(o *Options) {
		o.Address, o.Hosts = "localhost:0", []string{"relay.internal"}
	})
	for host, want := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:9464": 200, "10.1.2.3:9464": 200, "[::1]:9464": 200, "[fe80::1%25eth0]": 200,
		"localhost": 200, "LOCALHOST:1": 200, "a.localhost": 200, "relay.internal": 200, "Relay.Internal.:80": 200,
		"evil.example": 421, "evil.example:9464": 421, "127.0.0.1.evil.example": 421, "localhost.evil.example": 421,
		"notlocalhost": 421, "relay.internal.evil.example": 421, "127.1": 421, "0x7f.1": 421,
	} {
		if res := ask(t, s, http.MethodGet, "/api/v1/status", host, nil); res.code != want {
			t.Errorf("%s: %d %s", host, res.code, res.body)
		}
	}
	for _, path := range paths {
		if res := ask(t, s, http.MethodGet, path, "evil.example", nil); res.code != 421 || len(res.body) > 200 {
			t.Errorf("%s by another name: %d %s", path, res.code, res.body)
		}
	}
}

func TestNothingCanBeChanged(t *testing.T) {
	s := serve(t, fine, nil)
	for _, path := range paths {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"} {
			res := ask(t, s, method, path, "", nil)
			if res.code != http.StatusMethodNotAllowed || res.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d", method, path, res.code)
			}
		}
	}
	for _, path := range append(paths, "/api/v1/events") {
		if res := ask(t, s, http.MethodHead, path, "", nil); res.code >= 405 || res.body != "" {
			t.Errorf("HEAD %s: %d %q", path, res.code, res.body)
		}
	}
}

func TestPagesOfOtherSitesAreRefused(t *testing.T) {
	s := serve(t, fine, nil)
	for _, c := range []struct {
		site, mode string
		want       int
	}{
		{"cross-site", "cors", 403},
		{"cross-site", "no-cors", 403},
		{"same-site", "cors", 403},
		{"cross-site", "navigate", 200},
		{"same-origin", "cors", 200},
		{"none", "navigate", 200},
	} {
		h := http.Header{"Sec-Fetch-Site": {c.site}, "Sec-Fetch-Mode": {c.mode}}
		if res := ask(t, s, http.MethodGet, "/api/v1/status", "", h); res.code != c.want {
			t.Errorf("%+v: %d", c, res.code)
		}
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	s := serve(t, fine, func(o *Options) { o.Token = func() (string, error) { return "secret", nil } })
	for _, path := range append(paths, "/../x", "/page/../../server.go", "/page/%2e%2e%2fserver.go") {
		res := ask(t, s, http.MethodGet, path, "", http.Header{"Authorization": {"Bearer secret"}, "Accept": {"text/html"}})
		for name, values := range securityHeaders {
			if got := res.header.Get(name); got != values[0] && res.code != http.StatusTemporaryRedirect {
				t.Errorf("%s: %d, %s: %q", path, res.code, name, got)
			}
		}
	}
	if strings.Contains(contentPolicy, "unsafe") || !strings.Contains(contentPolicy, "frame-ancestors 'none'") {
		t.Errorf("the policy of content is weak: %s", contentPolicy)
	}
}

func TestToken(t *testing.T) {
	token, failure := "secret", error(nil)
	s := serve(t, fine, func(o *Options) { o.Token = func() (string, error) { return token, failure } })
	basic := func(password string) http.Header {
		req := http.Request{Header: http.Header{}}
		req.SetBasicAuth("anybody", password)
		return req.Header
	}
	bearer := func(token string) http.Header { return http.Header{"Authorization": {token}} }
	for _, path := range append(paths, "/api/v1/events") {
		open := path == "/livez" || path == "/readyz"
		for name, h := range map[string]http.Header{
			"none": nil, "wrong": bearer("Bearer wrong"), "empty": bearer("Bearer "), "longer": bearer("Bearer secrets"),
			"shorter": bearer("Bearer secre"), "bare": bearer("secret"), "wrong password": basic("wrong"), "no password": basic(""),
			"unknown scheme": bearer("Digest secret"), "half": bearer("Basic c2Vj"),
		} {
			res := ask(t, s, http.MethodGet, path, "", h)
			if open && res.code != http.StatusOK || !open && (res.code != http.StatusUnauthorized || len(res.header["Www-Authenticate"]) != 2) {
				t.Errorf("%s, %s: %d %q", path, name, res.code, res.body)
			}
		}
	}
	for name, h := range map[string]http.Header{
		"bearer": bearer("Bearer secret"), "lower case": bearer("bearer secret"), "password": basic("secret"),
	} {
		if res := ask(t, s, http.MethodGet, "/metrics", "", h); res.code != 404 { // as the test has it
			t.Errorf("%s: %d", name, res.code)
		}
	}
	token = "another"
	if res := ask(t, s, http.MethodGet, "/api/v1/status", "", bearer("Bearer secret")); res.code != 401 {
		t.Errorf("after a change, with the old token: %d", res.code)
	}
	if res := ask(t, s, http.MethodGet, "/api/v1/status", "", bearer("Bearer another")); res.code != http.StatusOK {
		t.Errorf("after a change: %d", res.code)
	}
	token, failure = "", errors.New("http.token_file: gone")
	for _, h := range []http.Header{nil, bearer("Bearer another"), bearer("Bearer ")} {
		if res := ask(t, s, http.MethodGet, "/api/v1/status", "", h); res.code != 503 {
			t.Errorf("without its file: %d", res.code)
		}
	}
	if res := ask(t, s, http.MethodGet, "/readyz", "", nil); res.code != http.StatusOK {
		t.Errorf("a probe without the file: %d", res.code)
	}
}

func TestPprof(t *testing.T) {
	off, on := serve(t, fine, nil), serve(t, fine, func(o *Options) { o.Pprof = true })
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/goroutine?debug=1", "/debug/pprof/profile?seconds=1"} {
		if res := ask(t, off, http.MethodGet, path, "", nil); res.code != 404 {
			t.Errorf("%s, off: %d", path, res.code)
		}
	}
	if res := ask(t, on, http.MethodGet, "/debug/pprof/goroutine?debug=1", "", nil); res.code != http.StatusOK || !strings.Contains(res.body, "goroutine profile") {
		t.Errorf("goroutines: %d", res.code)
	}
	if res := ask(t, on, http.MethodGet, "/debug/pprof/cmdline", "", nil); res.code != 404 || strings.Contains(res.body, os.Args[0]) {
		t.Errorf("the command line: %d %s", res.code, res.body)
	}
	begun := time.Now() // longer than the time that a request has to come in
	if res := ask(t, on, http.MethodGet, "/debug/pprof/profile?seconds=3", "", nil); res.code != http.StatusOK || time.Since(begun) < 3*time.Second {
		t.Errorf("a profile: %d after %v", res.code, time.Since(begun))
	}
}

// TestSlowRequestsEnd: what comes byte by byte is not waited for.
func TestSlowRequestsEnd(t *testing.T) {
	s := serve(t, fine, nil)
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, conn)
	}()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n"); err != nil {
		t.Fatal(err)
	}
	late := time.After(30 * headerTime)
	for {
		select {
		case <-ended:
			return
		case <-late:
			t.Fatal("still open")
		case <-time.After(50 * time.Millisecond):
			_, _ = io.WriteString(conn, "X") // it may have ended
		}
	}
}

// TestHugeRequestsEnd: neither a MiB of headers nor a body is taken.
func TestHugeRequestsEnd(t *testing.T) {
	s := serve(t, fine, nil)
	line := "X-Y: " + strings.Repeat("z", 1000) + "\r\n"
	for name, request := range map[string]string{
		"headers": "GET /livez HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat(line, 1<<10) + "\r\n",
		"one":     "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("z", 1<<20) + "\r\n\r\n",
		"path":    "GET /" + strings.Repeat("z", 1<<20) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		go func() { _, _ = io.WriteString(conn, request) }() // it may be cut off
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			t.Errorf("%s: no end", name)
		case err == nil && res.Body.Close() == nil && res.StatusCode != http.StatusRequestHeaderFieldsTooLarge:
			t.Errorf("%s: %d", name, res.StatusCode)
		}
		_ = conn.Close()
		if err := probe(t, s.Addr().String(), true); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}
