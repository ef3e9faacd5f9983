package upstream

// Errors of a connection, with what the operator can do about them.

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"redis-relay/relay/upstream/secure"
	"redis-relay/relay/upstream/sentinel"
)

// badURL words an error of go-redis about a URL.
func (o *Options) badURL(err error) error {
	reason := strings.TrimPrefix(err.Error(), "redis: ")
	if option, ok := strings.CutPrefix(reason, "unexpected option: "); ok {
		if strings.Contains(option, "@") { // the rest of a password that was not escaped
			option = "behind its ?"
		}
		reason = fmt.Sprintf("the parameter %s is not known; take it out", option)
	}
	return errors.New(o.key("url") + ": " + reason)
}

// hint adds the usual cause to an error of a connection that does not tell it. first says that there has been
// no connection yet: settings that were right once are not doubted, because Redis may only be away.
func (o *Options) hint(err error, first bool) error {
	var named *sentinel.Error
	if errors.As(err, &named) {
		return o.hintSentinel(err, first)
	}
	password := o.key("url")
	if o.PasswordFile != "" {
		password = o.key("password_file")
	}
	switch text := err.Error(); {
	case o.Credentials != nil && strings.Contains(text, o.key("credentials")): // it says what is wrong
		return err
	case o.Credentials != nil && isBadLogin(text):
		return fmt.Errorf("%w (that is what the helper of %s prints)", err, o.key("credentials.command"))
	case strings.Contains(text, "NOAUTH "):
		return fmt.Errorf("%w (Redis wants a password: name its file in %s)", err, o.key("password_file"))
	case strings.Contains(text, "WRONGPASS "):
		return fmt.Errorf("%w (the user or the password in %s is not one of Redis's)", err, password)
	case o.Mode == modeCluster && strings.Contains(text, "cluster support disabled"):
		return fmt.Errorf("%w (this Redis is no node of a cluster: write single in %s)", err, o.key("mode"))
	case !first:
		return err
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w (no Redis listens there: start it, or correct %s)", err, o.key("url"))
	case strings.Contains(text, "not a RESP") || strings.Contains(text, "redis: can't parse"):
		return fmt.Errorf("%w (what answers there is no Redis: correct %s)", err, o.key("url"))
	}
	return o.hintTLS(err)
}

// hintSentinel is hint for an error of a sentinel.
func (o *Options) hintSentinel(err error, first bool) error {
	password := o.key("url")
	if o.SentinelPasswordFile != "" {
		password = o.key("sentinel.password_file")
	}
	switch text := err.Error(); {
	case strings.Contains(text, "NOAUTH "):
		return fmt.Errorf("%w (the sentinels want a password: name its file in %s)", err, o.key("sentinel.password_file"))
	case strings.Contains(text, "WRONGPASS "):
		return fmt.Errorf("%w (the user or the password in %s is not one of the sentinels')", err, password)
	case strings.Contains(text, "NOPERM "):
		return fmt.Errorf("%w (allow +sentinel|get-master-addr-by-name and +sentinel|master to this user)", err)
	case errors.Is(err, sentinel.ErrNoMaster):
		return fmt.Errorf("%w (correct master_name in %s)", err, o.key("url"))
	case first && errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w (no sentinel listens there: start it, or correct %s)", err, o.key("url"))
	case first:
		return o.hintTLS(err)
	}
	return err
}

// hintTLS is hint for the side that does not speak TLS.
func (o *Options) hintTLS(err error) error {
	var failed net.Error
	var op *net.OpError
	var record tls.RecordHeaderError
	plain := errors.Is(err, secure.ErrPlain) || errors.As(err, &record)
	cut := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	switch secure := strings.HasPrefix(o.URL, "rediss://"); {
	case cut && !secure:
		return fmt.Errorf("%w (if this port speaks TLS, write rediss:// in %s)", err, o.key("url"))
	case cut: // the reason, an alert of TLS, may get lost behind the end of the connection
		return fmt.Errorf("%w (Redis may want a client certificate, or another: see %s)", err, o.key("tls"))
	case secure && (plain || errors.As(err, &failed) && failed.Timeout() && !(errors.As(err, &op) && op.Op == "dial")):
		return fmt.Errorf("%w (if this port does not speak TLS, write redis:// in %s)", err, o.key("url"))
	}
	return err
}

// isBadLogin tells whether a text has the words with which Redis refuses a user or a password.
func isBadLogin(text string) bool {
	return strings.Contains(text, "WRONGPASS ") || strings.Contains(text, "NOAUTH ")
}
