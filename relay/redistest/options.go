// Options of Start and the configuration file they end up in.

package redistest

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Option changes how Start runs redis-server.
type Option func(*options)

type options struct {
	args       []string
	acl        []string
	appendOnly bool
	tls        bool
	reference  bool
	sentinel   []string // lines of the file; nil: it is no sentinel
}

// Reference is the redis-server that others are compared with, whichever version the tests
// run on: the one on the PATH.
func Reference() Option {
	return func(o *options) { o.reference = true }
}

// WithArgs adds command-line arguments, which win over everything else:
// WithArgs("--maxmemory", "1mb").
func WithArgs(args ...string) Option {
	return func(o *options) { o.args = append(o.args, args...) }
}

// WithAppendOnly keeps the data on disk, each write synced, so that Restart finds
// it again. Without it a restart finds an empty memory.
func WithAppendOnly() Option {
	return func(o *options) { o.appendOnly = true }
}

// WithACL adds users, each in the words of ACL SETUSER:
// WithACL("app on >secret ~* &chat:* +@all", "default off"). As in Redis 7, a user begins without
// channels. Commands that the server is too old for are left out.
func WithACL(users ...string) Option {
	return func(o *options) { o.acl = append(o.acl, users...) }
}

// WithTLS opens a TLS port beside the plain one (Server.TLSAddr) and makes the
// files for it (Server.TLS). As is Redis's default, a client must show a
// certificate; WithArgs("--tls-auth-clients", "no") lets it come without.
func WithTLS() Option {
	return func(o *options) { o.tls = true }
}

var shardCommands = regexp.MustCompile(`\+(ssubscribe|sunsubscribe|spublish)\b`)

// controlUser is the ACL user of Server.Do, which therefore works whatever becomes
// of the others.
const controlUser = "redistest"

// writeConfig writes the file that redis-server is started with. A sentinel keeps what it knows in it.
func (s *Server) writeConfig() error {
	if s.opts.sentinel != nil && s.remembers {
		return nil
	}
	var b strings.Builder
	set := func(key, value string) { fmt.Fprintf(&b, "%s %s\n", key, value) }
	set("bind", host)
	set("port", s.port)
	set("unixsocket", s.Socket())
	set("dir", s.dir)
	if s.opts.sentinel == nil {
		set("save", `""`)
	}
	for _, line := range s.opts.sentinel {
		set("sentinel", line)
	}
	set("loglevel", "notice")
	if s.opts.appendOnly {
		set("appendonly", "yes")
		set("appendfsync", "always")
	}
	if s.opts.tls {
		set("tls-port", s.tlsPort)
		set("tls-ca-cert-file", s.tls.CA)
		set("tls-cert-file", s.tls.Cert)
		set("tls-key-file", s.tls.Key)
	}
	set("user", controlUser+" on nopass ~* &* +@all")
	for _, user := range s.opts.acl {
		name, rules, _ := strings.Cut(user, " ")
		if !s.Shards() {
			rules = shardCommands.ReplaceAllString(rules, "")
		}
		set("user", name+" resetchannels "+rules)
	}
	return os.WriteFile(s.configFile(), []byte(b.String()), 0o600)
}
