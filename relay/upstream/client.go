package upstream

// Making a go-redis client for one life of one connection.

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Options say how to reach Redis.
type Options struct {
	Mode           string // single or sentinel
	URL            string // redis://, rediss:// or unix://; for sentinel with ?master_name= and addr=
	PasswordFile   string // read again at every connect; empty: the password in URL
	CA, Cert, Key  string // PEM files; empty: the system's roots, no client certificate
	Name           string // of this host, in CLIENT LIST
	PublishTimeout time.Duration
	ProbeInterval  time.Duration // 0: no probe
	AlertAfter     int           // failed attempts in a row

	// Refused, if not nil, is told that Redis refuses a command without which the relay
	// goes on. It must not block.
	Refused func(command string, err error)

	outageInterval time.Duration // for tests; 0: outageInterval
}

// modeSentinel is the Options.Mode in which Sentinel names the master.
const modeSentinel = "sentinel"

// stepTimeout bounds dialing and each step of the handshake, which are all that go-redis
// reads and writes.
const stepTimeout = 3 * time.Second

// poolSize is one more than a client uses: when all of a pool cannot be dialed,
// go-redis leaves a goroutine trying again, which outlives the client.
const poolSize = 2

// silence keeps go-redis, whose logger is global, from writing to stderr: all that
// it would say comes back as an error, too.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(silence{}) }

// errSecondDial keeps a client to one life. Nothing was sent when it comes back
// from a command.
var errSecondDial = errors.New("connection to Redis lost")

// onDial is given the finished connection and returns what go-redis shall use.
type onDial func(net.Conn) net.Conn

// once is a go-redis hook that lets a client dial a single time.
type once struct {
	dialed atomic.Bool
	wrap   onDial
}

func (o *once) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if o.dialed.Swap(true) {
			return nil, errSecondDial
		}
		conn, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		giveUpUnacknowledged(conn)
		if o.wrap != nil {
			return o.wrap(conn), nil
		}
		return conn, nil
	}
}

func (o *once) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (o *once) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// client returns a client that dials once. role ends its name in CLIENT LIST.
func (o *Options) client(role string, wrap onDial) (*redis.Client, error) {
	var c *redis.Client
	var err error
	if o.Mode == modeSentinel {
		c, err = o.sentinelClient(role)
	} else {
		c, err = o.singleClient(role)
	}
	if err != nil {
		return nil, err
	}
	c.AddHook(&once{wrap: wrap})
	return c, nil
}

// protocol is RESP3 for the connection that subscribes, since only then it may publish, too. Answers are
// simpler in RESP2.
func protocol(role string) int {
	if role == "read" {
		return 2
	}
	return 3
}

func (o *Options) singleClient(role string) (*redis.Client, error) {
	opt, err := redis.ParseURL(o.URL)
	if err != nil {
		return nil, badURL(err)
	}
	if opt.TLSConfig, err = o.tls(opt.TLSConfig); err != nil {
		return nil, err
	}
	opt.Protocol = protocol(role)
	opt.ClientName, opt.OnConnect, opt.DisableIdentity = "", o.introduce(role), true
	opt.CredentialsProviderContext = o.credentials(opt.Username, opt.Password)
	opt.MaxRetries = -1 // a command that may have been done is never sent again
	opt.Dialer, opt.DialTimeout, opt.DialerRetries = dialSecure(opt.TLSConfig), stepTimeout, 1
	opt.ReadTimeout, opt.WriteTimeout = stepTimeout, stepTimeout
	opt.ContextTimeoutEnabled = true
	opt.PoolSize, opt.MaxActiveConns, opt.PipelinePoolSize = poolSize, 1, -1
	opt.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(opt), nil
}

// badURL words what go-redis finds wrong with a URL.
func badURL(err error) error {
	reason := strings.TrimPrefix(err.Error(), "redis: ")
	if option, ok := strings.CutPrefix(reason, "unexpected option: "); ok {
		if strings.Contains(option, "@") { // the rest of a password that was not escaped
			option = "behind its ?"
		}
		reason = fmt.Sprintf("the parameter %s is not known; take it out", option)
	}
	return errors.New("redis.url: " + reason)
}

// introduce names a new connection in CLIENT LIST. A connection without a name is as good.
func (o *Options) introduce(role string) func(context.Context, *redis.Conn) error {
	return func(ctx context.Context, conn *redis.Conn) error {
		return o.goOn("CLIENT", conn.ClientSetName(ctx, o.clientName(role)).Err())
	}
}

// goOn makes nothing of an error of Redis about a command that the relay can do without.
func (o *Options) goOn(command string, err error) error {
	var refused redis.Error
	if !errors.As(err, &refused) || strings.HasPrefix(refused.Error(), "NOAUTH ") { // which is said of all commands
		return err
	}
	if o.Refused != nil {
		o.Refused(command, refused)
	}
	return nil
}

// clientName is what CLIENT LIST on Redis shows. Redis refuses spaces and
// unprintable bytes in it.
func (o *Options) clientName(role string) string {
	host := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '-'
		}
		return r
	}, o.Name)
	return "redis-relay:" + host + ":" + role
}

// credentials reads the password file at every connect, so that a rotated
// password needs no restart.
func (o *Options) credentials(user, password string) func(context.Context) (string, string, error) {
	return func(context.Context) (string, string, error) {
		if o.PasswordFile == "" {
			return user, password, nil
		}
		b, err := os.ReadFile(o.PasswordFile)
		if err != nil {
			return "", "", fmt.Errorf("redis.password_file: %w; write the password into it, or name another file", err)
		}
		return user, strings.TrimRight(string(b), "\r\n"), nil
	}
}

// tls adds the configured certificates to what the URL asks for.
func (o *Options) tls(base *tls.Config) (*tls.Config, error) {
	if base == nil {
		if o.CA != "" || o.Cert != "" {
			return nil, errors.New("redis.tls: redis.url is not rediss://; use rediss:// or remove redis.tls")
		}
		return nil, nil
	}
	conf := base.Clone()
	if err := errors.Join(o.trust(conf), o.identify(conf)); err != nil {
		return nil, err
	}
	return conf, nil
}

// trust reads the authorities that are trusted.
func (o *Options) trust(conf *tls.Config) error {
	if o.CA == "" {
		return nil
	}
	pem, err := os.ReadFile(o.CA)
	if err != nil {
		return fmt.Errorf("redis.tls.ca: %w; name a file of PEM certificates", err)
	}
	conf.RootCAs = x509.NewCertPool()
	if !conf.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("redis.tls.ca: no PEM certificate in %s; it begins with -----BEGIN CERTIFICATE-----", o.CA)
	}
	return nil
}

// identify reads the relay's own certificate.
func (o *Options) identify(conf *tls.Config) error {
	if o.Cert == "" {
		return nil
	}
	cert, err := tls.LoadX509KeyPair(o.Cert, o.Key)
	if err != nil {
		return fmt.Errorf("redis.tls.cert: %w; cert and key are PEM files that belong together", err)
	}
	conf.Certificates = []tls.Certificate{cert}
	return nil
}

// hint adds to the failure of a connection what it mostly comes from, where the error does
// not say so. first says that there has been no connection yet: what was right at one time
// may only be away.
func (o *Options) hint(err error, first bool) error {
	password := "redis.url"
	if o.PasswordFile != "" {
		password = "redis.password_file"
	}
	switch text := err.Error(); {
	case strings.Contains(text, "NOAUTH "):
		return fmt.Errorf("%w (Redis wants a password: name its file in redis.password_file)", err)
	case strings.Contains(text, "WRONGPASS "):
		return fmt.Errorf("%w (the user or the password in %s is not one of Redis's)", err, password)
	case !first:
		return err
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w (no Redis listens there: start it, or correct redis.url)", err)
	case strings.Contains(text, "not a RESP") || strings.Contains(text, "redis: can't parse"):
		return fmt.Errorf("%w (what answers there is no Redis: correct redis.url)", err)
	}
	return o.hintTLS(err)
}

// hintTLS is hint, as far as it is about who speaks TLS.
func (o *Options) hintTLS(err error) error {
	var failed net.Error
	var op *net.OpError
	var record tls.RecordHeaderError
	plain := errors.Is(err, errPlain) || errors.As(err, &record)
	cut := errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	switch secure := strings.HasPrefix(o.URL, "rediss://"); {
	case cut && !secure:
		return fmt.Errorf("%w (if this port speaks TLS, write rediss:// in redis.url)", err)
	case cut: // the reason, an alert of TLS, may get lost behind the end of the connection
		return fmt.Errorf("%w (Redis may want a client certificate, or another: see redis.tls)", err)
	case secure && (plain || errors.As(err, &failed) && failed.Timeout() && !(errors.As(err, &op) && op.Op == "dial")):
		return fmt.Errorf("%w (if this port does not speak TLS, write redis:// in redis.url)", err)
	}
	return err
}

// Check reports what is wrong with the options that can be known without Redis:
// the URL and the files, joined.
func (o *Options) Check() error {
	c, err := o.client("check", nil)
	if err == nil {
		err = c.Close()
	}
	_, _, unread := o.credentials("", "")(context.Background())
	return errors.Join(err, unread)
}
