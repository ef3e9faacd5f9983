package upstream

// Sentinel: the server that it names as the master, and the client for that server.

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"redis-relay/relay/upstream/credentials"
	"redis-relay/relay/upstream/secure"
)

// switching bounds the time from the promotion of a replica until the clients of all sentinels
// have left the old master. The sentinel that leads the failover looks each second and tells the others, and
// the relays ask every pingInterval.
const switching = 10 * time.Second

// masters asks sentinels for the master. The sentinel that leads a failover names the new master at once; it
// tells its subscribers only when all other replicas follow the new one. One goroutine may use it.
type masters struct {
	name      string
	sentinels []*redis.SentinelClient
	last      int // index of the sentinel that answered last, which is asked first
}

// masters returns nil where there are no sentinels.
func (o *Options) masters() (*masters, error) {
	if o.Mode != modeSentinel {
		return nil, nil
	}
	f, err := o.failoverOptions("sentinel", credentials.Login{})
	if err != nil {
		return nil, err
	}
	m := &masters{name: f.MasterName}
	for _, addr := range f.SentinelAddrs {
		m.sentinels = append(m.sentinels, redis.NewSentinelClient(&redis.Options{
			Addr: addr, Username: f.SentinelUsername, Password: f.SentinelPassword, TLSConfig: f.TLSConfig,
			DisableIdentity: true, MaxRetries: -1, DialTimeout: stepTimeout, DialerRetries: 1,
			ReadTimeout: stepTimeout, WriteTimeout: stepTimeout, ContextTimeoutEnabled: true,
			PoolSize: poolSize, MaxActiveConns: 1,
		}))
	}
	return m, nil
}

// poll asks every pingInterval until ctx ends. named gets the address of the master, and the time of the
// question.
func (m *masters) poll(ctx context.Context, named func(addr string, asked time.Time)) {
	stop := context.AfterFunc(ctx, m.close) // ends a command under way
	defer func() {
		if stop() {
			m.close()
		}
	}()
	ticker := time.NewTicker(pingInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		asked := time.Now()
		if addr, err := m.query(ctx); err == nil {
			named(addr, asked)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// query asks one sentinel after the other until one answers.
func (m *masters) query(ctx context.Context) (addr string, err error) {
	var failed []error
	for i := range m.sentinels {
		n := (m.last + i) % len(m.sentinels)
		at, err := m.sentinels[n].GetMasterAddrByName(ctx, m.name).Result()
		if err == nil && len(at) == 2 {
			m.last = n
			return net.JoinHostPort(at[0], at[1]), nil
		}
		failed = append(failed, err)
	}
	return "", errors.Join(failed...)
}

func (m *masters) close() {
	for _, s := range m.sentinels {
		_ = s.Close()
	}
}

func (o *Options) sentinelClient(role string, l credentials.Login) (*redis.Client, error) {
	opt, err := o.failoverOptions(role, l)
	if err != nil {
		return nil, err
	}
	return redis.NewFailoverClient(opt), nil
}

func (o *Options) failoverOptions(role string, l credentials.Login) (*redis.FailoverOptions, error) {
	opt, err := redis.ParseFailoverURL(o.URL)
	if err != nil {
		return nil, o.badURL(err)
	}
	if opt.TLSConfig, err = o.files().Config(opt.TLSConfig); err != nil {
		return nil, err
	}
	opt.Protocol = protocol(role)
	opt.ClientName, opt.OnConnect, opt.DisableIdentity = "", o.setName(role), true
	opt.CredentialsProviderContext = o.credentials(l, opt.Username, opt.Password)
	opt.MaxRetries = -1
	opt.Dialer, opt.DialTimeout, opt.DialerRetries = secure.Dialer(opt.TLSConfig, stepTimeout), stepTimeout, 1
	opt.ReadTimeout, opt.WriteTimeout = stepTimeout, stepTimeout
	opt.ContextTimeoutEnabled = true
	opt.PoolSize, opt.MaxActiveConns, opt.PipelinePoolSize = poolSize, 1, -1
	return opt, nil
}
