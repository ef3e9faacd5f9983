package upstream

// Sentinel: the server that it names as the master, and the client for that server.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"go.uber.org/zap"

	"redis-relay/relay/upstream/credentials"
	"redis-relay/relay/upstream/secure"
	"redis-relay/relay/upstream/sentinel"
)

// modeSentinel is the Options.Mode in which Sentinel names the master.
const modeSentinel = "sentinel"

// switching bounds the time from the promotion of a replica until the clients of all sentinels
// have left the old master.
const switching = 10 * time.Second

// closing bounds the time from when a sentinel tells that it has made a replica of a former master until that has
// disconnected all publishers.
const closing = 2 * time.Second

var errReplica = errors.New("the sentinels name this Redis as the master, and it says that it is a replica")

// withSentinels returns options that can note what sentinels say.
func (o Options) withSentinels() Options {
	if o.Sentinels == nil {
		o.Sentinels = &sentinel.Known{}
	}
	return o
}

// sentinels returns those that name the master, with the options of clients for the master.
func (o *Options) sentinels() (*sentinel.Group, *redis.FailoverOptions, error) {
	f, err := redis.ParseFailoverURL(o.URL)
	if err != nil {
		return nil, nil, o.badURL(err)
	}
	if f.TLSConfig, err = o.files().Config(f.TLSConfig); err != nil {
		return nil, nil, err
	}
	g := &sentinel.Group{Name: f.MasterName, Known: o.Sentinels}
	for _, addr := range f.SentinelAddrs {
		g.Nodes = append(g.Nodes, &redis.Options{
			Addr: addr, CredentialsProviderContext: o.sentinelCredentials(f.SentinelUsername, f.SentinelPassword),
			Protocol: 2, DisableIdentity: true, MaxRetries: -1, ContextTimeoutEnabled: true,
			Dialer: secure.Dialer(f.TLSConfig, stepTimeout), DialTimeout: stepTimeout, DialerRetries: 1,
			ReadTimeout: stepTimeout, WriteTimeout: stepTimeout,
			PoolSize: poolSize, MaxActiveConns: 1, PipelinePoolSize: -1,
			MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
		})
	}
	return g, f, nil
}

// sentinelCredentials returns what gives go-redis the user and the password for sentinels. The file is read at every
// connect.
func (o *Options) sentinelCredentials(user, password string) func(context.Context) (string, string, error) {
	if o.SentinelUser != "" {
		user = o.SentinelUser
	}
	return func(context.Context) (string, string, error) {
		if o.SentinelPasswordFile == "" {
			return user, password, nil
		}
		b, err := os.ReadFile(o.SentinelPasswordFile)
		if err != nil {
			return "", "", fmt.Errorf("%s: %w; write the password into it, or name another file",
				o.key("sentinel.password_file"), err)
		}
		return user, strings.TrimRight(string(b), "\r\n"), nil
	}
}

// findMaster asks for the master.
func (o *Options) findMaster(ctx context.Context) (addr string, err error) {
	g, _, err := o.sentinels()
	if err != nil {
		return "", err
	}
	return g.Find(ctx)
}

// masterClient returns a client for the master at an address.
func (o *Options) masterClient(role string, l credentials.Login, addr string) (*redis.Client, error) {
	_, f, err := o.sentinels()
	if err != nil {
		return nil, err
	}
	opt := &redis.Options{Addr: addr, Username: f.Username, Password: f.Password, DB: f.DB, TLSConfig: f.TLSConfig}
	if err := o.complete(opt, role, l); err != nil {
		return nil, err
	}
	return redis.NewClient(opt), nil
}

// onMove has moved called, in another goroutine, when another master than the one at an address is named. stop ends
// that. Without Sentinel it does nothing.
func (o *Options) onMove(addr string, moved func()) (stop func()) {
	if o.Mode != modeSentinel {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		if o.Sentinels.AwaitOther(addr, done) {
			moved()
		}
	}()
	return func() { close(done) }
}

// replication makes sure that a server is a master, and returns its replication ID, which each promotion changes;
// empty: Redis does not tell it.
func (o *Options) replication(ctx context.Context, client *redis.Client) (id string, err error) {
	if o.Mode != modeSentinel {
		return "", nil
	}
	info, err := client.Info(ctx, "replication").Result()
	if factOf(info, "role") == "slave" {
		return "", errReplica
	}
	if id := factOf(info, "master_replid"); id != "" {
		return id, nil
	}
	return "", o.goOn("INFO", err)
}

// watchSentinels has Options.Sentinels know the master until ctx ends. Without Sentinel it does nothing.
func (c *Connection) watchSentinels(ctx context.Context) {
	if c.opts.Mode != modeSentinel {
		return
	}
	if g, _, err := c.opts.sentinels(); err == nil { // else no session begins, and that is told
		c.goroutines.Go(func() { g.Watch(ctx, watcher{c}) })
	}
}

// watcher is sentinel.Watcher.
type watcher struct{ *Connection }

// Converted has the owner told of what clients may have published on a former master.
func (w watcher) Converted() {
	now := time.Now()
	w.loop.Post(func() { w.outage.converted(w.Connection, now) })
}

// Silent logs that a sentinel cannot be asked.
func (w watcher) Silent(_ string, err error) {
	w.log.Warn("a sentinel does not name the master", zap.Error(w.opts.hint(err, true)))
}

// Answers logs that it can.
func (w watcher) Answers(addr string) {
	w.log.Info("the sentinel names the master again", zap.String("sentinel", addr))
}
