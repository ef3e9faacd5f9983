package upstream

// The options, and the go-redis client of one session.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"redis-relay/relay/upstream/cluster"
	"redis-relay/relay/upstream/credentials"
	"redis-relay/relay/upstream/secure"
	"redis-relay/relay/upstream/sentinel"
)

// Options say how to reach Redis.
type Options struct {
	Section        string              // of the configuration file that these are, for errors; empty: redis
	Mode           string              // single, sentinel or cluster
	URL            string              // redis://, rediss:// or unix://; for sentinel with ?master_name= and addr=
	Cluster        *cluster.Known      // shared by all connections, with Mode cluster
	Sentinels      *sentinel.Known     // shared by all connections, with Mode sentinel; nil: each has its own
	Node           string              // host:port of the one node to connect to, with Mode cluster; empty: any master
	PasswordFile   string              // read again at every connect; empty: the password in URL
	Credentials    *credentials.Keeper // has the user and the password of each connection; nil: URL and PasswordFile do
	CA, Cert, Key  string              // PEM files; empty: the system's roots, no client certificate
	SentinelUser   string              // of the sentinels themselves; empty: the one in URL
	Name           string              // this host's, in CLIENT LIST
	PublishTimeout time.Duration
	ProbeInterval  time.Duration // 0: no probe
	AlertAfter     int           // failed attempts in a row

	SentinelPasswordFile string // of the sentinels themselves; as PasswordFile

	// Refused, if not nil, is called when Redis refuses a command that the relay can do without, from the
	// goroutine that dials or from the loop. It must not block.
	Refused func(command string, err error)

	// RoundTrip, if not nil, is called in the loop when a probe comes back, with the time since it was published.
	RoundTrip func(took time.Duration)

	// Revoked, if not nil, is called in the loop when Redis ends a subscription to a shard channel: of itself, because
	// the slot has moved, or as it was asked to. Without it the former ends the session.
	Revoked func(name string)

	outageInterval time.Duration // for tests; 0: outageInterval
}

// files are those for TLS.
func (o *Options) files() *secure.Files {
	return &secure.Files{Section: o.section(), CA: o.CA, Cert: o.Cert, Key: o.Key}
}

// stepTimeout bounds dialing and each step of the handshake. go-redis reads and writes
// nothing else. It is a variable for the tests of this package, which have more patience with a busy machine.
var stepTimeout = 3 * time.Second

// poolSize is one more than a client uses. If go-redis cannot dial a full pool, it leaves a goroutine
// that tries again and outlives the client.
const poolSize = 2

// noLog keeps go-redis, whose logger is global, from writing to stderr. Its errors
// say the same.
type noLog struct{}

func (noLog) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(noLog{}) }

// errSecondDial keeps a client to one session. A command that fails with it was not
// sent.
var errSecondDial = errors.New("connection to Redis lost")

// onDial takes the finished connection and returns the one that go-redis uses.
type onDial func(net.Conn) net.Conn

// dialOnce is a go-redis hook that lets a client dial a single time.
type dialOnce struct {
	dialed atomic.Bool
	wrap   onDial
}

func (o *dialOnce) DialHook(next redis.DialHook) redis.DialHook {
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

func (o *dialOnce) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (o *dialOnce) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// client returns a client that dials once. role ends its name in CLIENT LIST. l is what Options.Credentials has. at is
// the address of the master that sentinels name, or of the node of a cluster.
func (o *Options) client(role string, l credentials.Login, at string, wrap onDial) (*redis.Client, error) {
	var c *redis.Client
	var err error
	switch o.Mode {
	case modeSentinel:
		c, err = o.masterClient(role, l, at)
	case modeCluster:
		c, err = o.nodeClient(role, l, at)
	default:
		c, err = o.singleClient(role, l)
	}
	if err != nil {
		return nil, err
	}
	c.AddHook(&dialOnce{wrap: wrap})
	return c, nil
}

// role ends the name of a connection that subscribes.
func (o *Options) role() string {
	if o.Node != "" {
		return "shard"
	}
	return "sub"
}

// protocol is RESP3 for the connection that subscribes: in RESP2 it could not publish. The Reader uses RESP2,
// which has simpler answers.
func protocol(role string) int {
	if role == "read" || role == busRole || role == eventsRole {
		return 2
	}
	return 3
}

func (o *Options) singleClient(role string, l credentials.Login) (*redis.Client, error) {
	opt, err := redis.ParseURL(o.URL)
	if err != nil {
		return nil, o.badURL(err)
	}
	if err := o.complete(opt, role, l); err != nil {
		return nil, err
	}
	return redis.NewClient(opt), nil
}

// complete adds to the options of a URL what is the same for all clients.
func (o *Options) complete(opt *redis.Options, role string, l credentials.Login) (err error) {
	if opt.TLSConfig, err = o.files().Config(opt.TLSConfig); err != nil {
		return err
	}
	opt.Protocol = protocol(role)
	opt.ClientName, opt.OnConnect, opt.DisableIdentity = "", o.setName(role), true
	opt.CredentialsProviderContext = o.credentials(l, opt.Username, opt.Password)
	opt.MaxRetries = -1 // a command that may have been done is never sent again
	opt.Dialer, opt.DialTimeout, opt.DialerRetries = secure.Dialer(opt.TLSConfig, stepTimeout), stepTimeout, 1
	opt.ReadTimeout, opt.WriteTimeout = stepTimeout, stepTimeout
	opt.ContextTimeoutEnabled = true
	opt.PoolSize, opt.MaxActiveConns, opt.PipelinePoolSize = poolSize, 1, -1
	opt.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return nil
}

// setName sets the name of a new connection in CLIENT LIST. A connection works without a name, too.
func (o *Options) setName(role string) func(context.Context, *redis.Conn) error {
	return func(ctx context.Context, conn *redis.Conn) error {
		return o.goOn("CLIENT", conn.ClientSetName(ctx, o.clientName(role)).Err())
	}
}

// goOn ignores an error of Redis about a command that the relay can do without, but for Options.Refused.
func (o *Options) goOn(command string, err error) error {
	var refused redis.Error
	if !errors.As(err, &refused) || strings.HasPrefix(refused.Error(), "NOAUTH ") { // the answer to every command
		return err
	}
	if o.Refused != nil {
		o.Refused(command, refused)
	}
	return nil
}

// key returns the path of a key of the configuration file.
func (o *Options) key(name string) string { return o.section() + "." + name }

func (o *Options) section() string { return cmp.Or(o.Section, "redis") }

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

// credentials returns what gives go-redis the user and the password. It reads the password file at every connect, so
// that a rotated password needs no restart.
func (o *Options) credentials(
	l credentials.Login, user, password string,
) func(context.Context) (string, string, error) {
	return func(context.Context) (string, string, error) {
		switch {
		case o.Credentials != nil:
			return l.User, l.Password, nil
		case o.PasswordFile == "":
			return user, password, nil
		}
		b, err := os.ReadFile(o.PasswordFile)
		if err != nil {
			return "", "", fmt.Errorf("%s: %w; write the password into it, or name another file", o.key("password_file"), err)
		}
		return user, strings.TrimRight(string(b), "\r\n"), nil
	}
}

// Check returns the mistakes in the options that show without Redis: in the URL, in the files and in the command of
// the credentials, joined.
func (o *Options) Check() error {
	c, err := o.client("check", credentials.Login{}, "", nil)
	if err == nil {
		err = c.Close()
	}
	_, _, unread := o.sentinelCredentials("", "")(context.Background())
	if err = errors.Join(err, unread); o.Credentials != nil {
		return errors.Join(err, o.Credentials.Check())
	}
	_, _, unread = o.credentials(credentials.Login{}, "", "")(context.Background())
	return errors.Join(err, unread)
}
