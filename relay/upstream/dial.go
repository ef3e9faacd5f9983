package upstream

// Making a connection: go-redis dials, shakes hands and authenticates, and then hands it over.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"redis-relay/relay/loop"
	"redis-relay/relay/upstream/cluster"
	"redis-relay/relay/upstream/credentials"
)

// established is a connection in RESP3 after its handshake. go-redis does not touch it any more.
type established struct {
	fd      int
	began   time.Time // before the first byte
	version string    // of Redis; empty: Redis does not tell it
	master  string    // replication ID, which each promotion changes; with Sentinel only; empty: not known
	client  *redis.Client
	login   credentials.Login // that it was made with; Number 0: of URL and PasswordFile
	node    cluster.Node      // of a cluster; with Sentinel its address alone
	view    cluster.View      // of which it was chosen
	stop    func()            // ends the waiting for another master
}

// dial makes the connection for the loop. closed is called when go-redis closes the connection: when Sentinel names
// another master, and after close.
func (o *Options) dial(ctx context.Context, copiers *sync.WaitGroup, closed func(error)) (*established, error) {
	d := &established{began: time.Now()}
	var err error
	if d.login, err = o.login(ctx); err != nil {
		return nil, err
	}
	if d.node, d.view, err = o.locate(ctx, d.login); err != nil {
		return nil, err
	}
	var conn net.Conn // go-redis may go on dialing when ctx has ended: it is only read after an answer
	d.client, err = o.client(o.role(), d.login, d.node.Addr, func(c net.Conn) net.Conn {
		conn = c
		return &lentConn{Conn: c, closed: closed}
	})
	if err != nil {
		return nil, err
	}
	d.stop = o.onMove(d.node.Addr, func() { _ = d.client.Close() })
	if err = o.judge(d.login, o.greet(ctx, d)); err == nil {
		err = conn.SetDeadline(time.Time{}) // it has one of go-redis's
	}
	if err == nil {
		d.fd, err = loop.Adopt(conn, copiers)
	}
	if err != nil {
		d.close()
		o.failed(d.node)
		return nil, err
	}
	return d, nil
}

// close has go-redis forget the connection. It does not close the descriptor.
func (d *established) close() {
	d.stop()
	_ = d.client.Close()
}

// connect makes a connection for the Reader; role ends its name in CLIENT LIST. closing closes it.
func (o *Options) connect(ctx context.Context, role string) (conn net.Conn, closing func(), err error) {
	l, err := o.login(ctx)
	if err != nil {
		return nil, nil, err
	}
	node, _, err := o.locate(ctx, l)
	if err != nil {
		return nil, nil, err
	}
	var dialed net.Conn // go-redis may go on dialing when ctx has ended: it is only read after an answer
	client, err := o.client(role, l, node.Addr, func(c net.Conn) net.Conn {
		dialed = c
		return c
	})
	if err != nil {
		return nil, nil, err
	}
	stop := o.onMove(node.Addr, func() { _ = client.Close() })
	if err = o.judge(l, client.Ping(ctx).Err()); err == nil {
		_, err = o.replication(ctx, client)
	}
	if err == nil {
		err = dialed.SetDeadline(time.Time{})
	}
	if err != nil {
		stop()
		o.failed(node)
		return nil, nil, errors.Join(err, client.Close())
	}
	return dialed, func() {
		stop()
		_ = client.Close()
	}, nil
}

// greet dials, and makes sure that Redis speaks RESP3 and serves commands: while it loads it does not.
func (o *Options) greet(ctx context.Context, d *established) (err error) {
	if err := d.client.Ping(ctx).Err(); err != nil {
		return pingRefused(err)
	}
	if err := d.client.Do(ctx, "HELLO", "3").Err(); err != nil {
		return helloRefused(err)
	}
	if d.version, err = o.info(ctx, d.client, "server", "redis_version"); err == nil {
		d.master, err = o.replication(ctx, d.client)
	}
	return err
}

// info asks Redis for one fact; empty: Redis does not tell it.
func (o *Options) info(ctx context.Context, client *redis.Client, section, fact string) (string, error) {
	info, err := client.Info(ctx, section).Result()
	if v := factOf(info, fact); v != "" {
		return v, nil
	}
	return "", o.goOn("INFO", err)
}

// factOf finds a fact in an answer to INFO; empty: it is not there.
func factOf(info, fact string) string {
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(line, fact+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func pingRefused(err error) error {
	if strings.HasPrefix(err.Error(), "NOPERM ") {
		return fmt.Errorf("%w (%w)", errNoPing, err)
	}
	return err
}

func helloRefused(err error) error {
	var refused redis.Error
	switch {
	case !errors.As(err, &refused):
		return err
	case strings.HasPrefix(refused.Error(), "NOPERM "):
		return fmt.Errorf("%w (allow +hello to this user)", err)
	}
	return fmt.Errorf("%w (the relay needs RESP3, which HELLO 3 asks for: this Redis is older than 6.0, or a proxy, or "+
		"has RESP3 switched off or HELLO renamed)", err)
}

// lentConn is a connection in go-redis's hands.
type lentConn struct {
	net.Conn
	closed func(error)
}

// Close tells that go-redis has closed the connection.
func (l *lentConn) Close() error {
	l.closed(errDemoted)
	return l.Conn.Close()
}
