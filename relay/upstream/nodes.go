package upstream

// A cluster: its nodes, the master that a connection goes to, and the client for it.

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"redis-relay/relay/upstream/cluster"
	"redis-relay/relay/upstream/credentials"
)

const (
	// modeCluster is the Options.Mode in which there are several masters, any of which will do.
	modeCluster = "cluster"

	surveyTimeout = 5 * time.Second        // for the first answer of any node
	surveyPause   = 100 * time.Millisecond // before the next node is asked, too
)

var errNoMaster = errors.New("the cluster has no master")

// locate finds the master that a new connection goes to; where there are no sentinels and no cluster it finds nothing,
// and returns no error.
func (o *Options) locate(ctx context.Context, l credentials.Login) (node cluster.Node, v cluster.View, err error) {
	switch {
	case o.Mode == modeSentinel:
		node.Addr, err = o.findMaster(ctx)
		return node, nil, err
	case o.Mode != modeCluster || o.Node != "":
		return cluster.Node{Addr: o.Node}, nil, nil
	}
	if v, err = o.survey(ctx, l); err != nil {
		return node, nil, o.judge(l, err)
	}
	o.Cluster.Learn(v)
	node, ok := o.Cluster.Choose(v)
	if !ok {
		return node, nil, errNoMaster
	}
	return node, v, nil
}

// failed has the next connection go to another node, if there is one.
func (o *Options) failed(node cluster.Node) {
	if o.Mode == modeCluster {
		o.Cluster.Failed(node.Addr)
	}
}

// sighting is the answer of one node.
type sighting struct {
	view cluster.View
	err  error
}

// survey asks one node after the other, and does not wait for one to answer before it asks the next. It returns the
// first view of a node that reaches most masters, or else any.
func (o *Options) survey(ctx context.Context, l credentials.Login) (cluster.View, error) {
	seeds, err := redis.ParseClusterURL(o.URL)
	if err != nil {
		return nil, o.badURL(err)
	}
	ctx, cancel := context.WithTimeout(ctx, surveyTimeout)
	defer cancel()
	addresses := o.Cluster.Addresses(seeds.Addrs)
	answers := make(chan sighting, len(addresses))
	for i, addr := range addresses {
		go func() {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(i) * surveyPause):
			}
			v, err := o.askAt(ctx, l, addr)
			answers <- sighting{v, err}
		}()
	}
	var other sighting
	for range addresses {
		a := <-answers
		switch {
		case a.err == nil && a.view.SeesMost():
			return a.view, nil
		case other.view == nil && (other.err == nil || a.err == nil):
			other = a
		}
	}
	return other.view, other.err
}

// askAt asks the node at an address over a connection of its own.
func (o *Options) askAt(ctx context.Context, l credentials.Login, addr string) (cluster.View, error) {
	client, err := o.client("check", l, addr, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	v, err := o.askView(ctx, client, addr)
	if err != nil && ctx.Err() == nil {
		o.Cluster.Failed(addr)
	}
	return v, err
}

// askView asks a node of which nodes it knows.
func (o *Options) askView(ctx context.Context, client *redis.Client, addr string) (cluster.View, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	text, err := client.Do(ctx, "CLUSTER", "NODES").Text()
	if err != nil {
		return nil, err
	}
	v, err := cluster.ParseNodes(text, host)
	if err != nil {
		return nil, err
	}
	slots, err := client.Do(ctx, "CLUSTER", "SLOTS").Result()
	if err != nil {
		return v, o.goOn("CLUSTER", err)
	}
	v.Prefer(slots, host)
	return v, nil
}

// nodeClient returns a client for the node at an address; empty: that of the URL.
func (o *Options) nodeClient(role string, l credentials.Login, addr string) (*redis.Client, error) {
	opt, err := o.nodeOptions(addr)
	if err != nil {
		return nil, err
	}
	if err := o.complete(opt, role, l); err != nil {
		return nil, err
	}
	return redis.NewClient(opt), nil
}

// nodeOptions are those of the URL for the node at an address. A node with a name must have a certificate for it; one
// that is known by its IP address may have that of the URL's host.
func (o *Options) nodeOptions(addr string) (*redis.Options, error) {
	all, err := redis.ParseClusterURL(o.URL)
	if err != nil {
		return nil, o.badURL(err)
	}
	opt := &redis.Options{Addr: all.Addrs[0], Username: all.Username, Password: all.Password, TLSConfig: all.TLSConfig}
	if addr == "" {
		return opt, nil
	}
	opt.Addr = addr
	if host, _, err := net.SplitHostPort(addr); err == nil && opt.TLSConfig != nil &&
		(net.ParseIP(host) == nil || net.ParseIP(opt.TLSConfig.ServerName) != nil) {
		opt.TLSConfig.ServerName = host
	}
	return opt, nil
}
