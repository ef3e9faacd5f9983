package relay

// The relay as the clients of a NATS cluster see it, while it is the cluster's leaf node.

import (
	"slices"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"redis-relay/relay/leaf"
	"redis-relay/relay/natsbridge"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

// openLeaf prepares to be a leaf node, if the relay is to be one.
func (r *Relay) openLeaf(life string) (err error) {
	if r.cfg.NATS.Leaf.URL == "" {
		return nil
	}
	gateway := &clusterGateway{
		natsGateway: newNATSGateway(r, clusterSource), behind: rate.Sometimes{First: 3, Interval: time.Second},
	}
	r.leaf, err = leaf.New(&leaf.Options{
		Config: r.cfg.NATS.Leaf, Life: life, Prefix: r.cfg.Redis.Prefix,
		PublishTimeout: r.cfg.Redis.PublishTimeout,
		Parts:          r.bridgeParts(gateway, r.log.Named("leaf")),
		Redis:          r.sides[0].redis, Outlets: clusterOutlets{r.outlets},
		Limits: r.limits.ofCluster, Prefixes: func() []string { return r.rules.Load().NATSPrefixes() }, Teller: r.teller,
		Hears: func(upstream int) bool {
			return slices.ContainsFunc(r.rules.Load().Routes(), func(rt *route.Route) bool {
				return rt.NATS && rt.Upstream.Hears(upstream)
			})
		},
	})
	if err == nil {
		r.services = append(r.services, r.leaf.Run)
	}
	return err
}

// clusterGateway is natsbridge.Backend. It differs from that of this host's clients: of the relay's own channels it
// has only that of events, for gaps.
type clusterGateway struct {
	*natsGateway
	behind rate.Sometimes
}

// MayListen implements natsbridge.Backend.
func (d *clusterGateway) MayListen(kind resp.Kind, name []byte) error {
	if kind == resp.Message && string(name) == policy.RejectsChannel {
		return refuse(policy.Denied, policy.RejectsChannel, "it exists on the relay's own host only")
	}
	return d.natsGateway.MayListen(kind, name)
}

// Missed implements natsbridge.Backend. It tells the cluster alone.
func (d *clusterGateway) Missed(since, until time.Time, messages int) {
	d.behind.Do(func() { d.teller.Log(notice.ClusterGap, zap.Int("missing", messages)) })
	d.teller.Send(notice.ClusterGap, notice.Event{
		Since: &since, Until: &until, Missing: int64(messages), Prefixes: d.rules.Load().NATSPrefixes(),
		Cause: "the NATS cluster fell behind, or takes no messages of this size (max_payload)",
	})
}

// clusterOutlets is leaf.Outlets.
type clusterOutlets struct{ all *outlets }

// Open has a bridge take part in deliveries.
func (o clusterOutlets) Open(b *natsbridge.Bridge, since uint64) notice.Outlet {
	out := &outlet{b, since}
	o.all.add(out, notice.Cluster)
	return out
}

// Close ends that.
func (o clusterOutlets) Close(out notice.Outlet) { o.all.remove(out.(*outlet)) }

// Advance begins the next moment.
func (o clusterOutlets) Advance() uint64 { return o.all.advance() }

var _ natsbridge.Backend = (*clusterGateway)(nil)
