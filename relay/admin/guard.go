package admin

// The door: which requests are answered at all, and the headers of all answers.

import (
	"crypto/sha256"
	"crypto/subtle"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// contentPolicy lets the page load its own files and ask its own server, and nothing else. Text cannot become markup.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// securityHeaders are those of every answer, whoever asks. All answers share the values: nobody may change one.
var securityHeaders = http.Header{
	"Cache-Control":                {"no-store"},
	"Content-Security-Policy":      {contentPolicy},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Referrer-Policy":              {"no-referrer"},
	"X-Content-Type-Options":       {"nosniff"},
	"X-Frame-Options":              {"DENY"},
}

// guard decides which requests get in.
type guard struct {
	hosts map[string]bool        // names by which the server may be asked, in lower case
	token func() (string, error) // nil: none is asked for
	next  http.Handler
}

// newGuard returns a guard for a server that was told to listen on address.
func newGuard(o *Options, next http.Handler) *guard {
	g := &guard{hosts: map[string]bool{"localhost": true}, token: o.Token, next: next}
	if host, _, err := net.SplitHostPort(o.Address); err == nil && host != "" {
		g.hosts[strings.ToLower(host)] = true
	}
	for _, host := range o.Hosts {
		g.hosts[strings.ToLower(host)] = true
	}
	return g
}

// ServeHTTP implements http.Handler.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), securityHeaders)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		text(w, http.StatusMethodNotAllowed, "only GET and HEAD: nothing can be changed by HTTP\n")
	case !g.knows(r.Host):
		text(w, http.StatusMisdirectedRequest,
			"this name is not known here: ask by an IP address, or add the name to http.hosts\n")
	case isForeign(r):
		text(w, http.StatusForbidden, "a page of another site may not ask\n")
	case isProbe(r) || g.admits(w, r):
		g.next.ServeHTTP(w, r)
	}
}

// knows reports whether a server may be asked by this name. A page of another site whose name leads here (DNS
// rebinding) asks by its own name, which is not among them; an IP address is no name.
func (g *guard) knows(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "" { // HTTP/1.0, which no browser speaks
		return true
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return g.hosts[host] || strings.HasSuffix(host, ".localhost")
}

// isForeign reports whether a browser says that a page of another site asks. A link that somebody follows is none.
func isForeign(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// isProbe reports whether a request is one that needs no token.
func isProbe(r *http.Request) bool { return r.URL.Path == "/livez" || r.URL.Path == "/readyz" }

// admits reports whether a request has the token, and refuses it if not.
func (g *guard) admits(w http.ResponseWriter, r *http.Request) bool {
	if g.token == nil {
		return true
	}
	token, err := g.token()
	if err != nil {
		text(w, http.StatusServiceUnavailable, err.Error()+"\n")
		return false
	}
	if isSame(given(r), token) {
		return true
	}
	w.Header().Add("WWW-Authenticate", `Basic realm="redis-relay: any name, and the token as password", charset="UTF-8"`)
	w.Header().Add("WWW-Authenticate", "Bearer")
	text(w, http.StatusUnauthorized,
		"the token of http.token_file is needed: as a bearer token, or as the password of any user\n")
	return false
}

// given returns the token of a request; browsers give it as a password.
func given(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// isSame compares tokens in a time that tells nothing of them.
func isSame(given, token string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(token))
	return token != "" && subtle.ConstantTimeCompare(a[:], b[:]) == 1
}
