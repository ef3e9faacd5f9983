package relay

// The relay as a leaf node of a NATS cluster, while it has the lease.

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"redis-relay/config"
	"redis-relay/relay/natsbridge"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/route"
)

const (
	leafInterval = time.Second      // in which the cluster has to answer
	leafPatience = 10 * time.Second // with its answer
	leafBackoff  = 5 * time.Second  // between two attempts, at most
)

var errNoAnswer = fmt.Errorf("the cluster does not answer within %v", leafPatience)

// leaf makes the relay a leaf node of a NATS cluster while it has the lease. Of all relays on one Redis that name
// the same servers, one has the lease, so that the cluster gets each message once. A relay that takes over begins
// behind a fence: messages that Redis sent earlier may have been delivered already, and are not delivered again.
type leaf struct {
	// Fixed after construction.
	cluster natsbridge.Cluster
	name    string // of the cluster, for people: without a password
	lease   *lease
	parts   natsbridge.Parts
	rules   *atomic.Pointer[rules]
	limits  *limits
	outlets *outlets
	teller  *notice.Teller
	behind  rate.Sometimes
	attempt rate.Sometimes

	counters natsbridge.Counters
	failures atomic.Uint64
	up       atomic.Bool // there is an outlet

	current *outlet // nil: there is none; owned by the loop
}

// newCluster says how to reach a cluster. It checks the files that are needed for that.
func newCluster(c config.Leaf) (natsbridge.Cluster, error) {
	servers, err := c.URLs()
	if err != nil {
		return natsbridge.Cluster{}, fmt.Errorf("nats.leaf.url: %w", err)
	}
	cluster := natsbridge.Cluster{Servers: servers, Credentials: c.Credentials, CA: c.CA}
	return cluster, cluster.Check()
}

// openLeaf prepares to be a leaf node, if the relay is to be one.
func (r *Relay) openLeaf(life string) error {
	r.leaf = &leaf{
		lease: &lease{id: life, redis: r.sides[0].redis, loop: r.loop, began: time.Now(), lost: make(chan struct{}, 1)},
		rules: &r.rules, limits: &r.limits, outlets: r.outlets, teller: r.teller,
		behind:  rate.Sometimes{First: 3, Interval: time.Second},
		attempt: rate.Sometimes{First: 3, Interval: time.Minute},
	}
	if r.cfg.NATS.Leaf.URL == "" {
		return nil
	}
	return r.leaf.open(r)
}

// open has the relay become a leaf node once it runs.
func (l *leaf) open(r *Relay) (err error) {
	if l.cluster, err = newCluster(r.cfg.NATS.Leaf); err != nil {
		return err
	}
	hosts := make([]string, len(l.cluster.Servers))
	for i, u := range l.cluster.Servers {
		hosts[i] = natsbridge.Address(u)
	}
	slices.Sort(hosts)
	key := leasePrefix + "{" + strings.Join(hosts, ",") + "}"
	l.lease.keys, l.name = []string{key, key + ":heard"}, r.cfg.NATS.Leaf.Redacted()
	l.cluster.Name, l.cluster.PublishTimeout = "redis-relay:"+l.lease.id, r.cfg.Redis.PublishTimeout
	l.cluster.Counters, l.cluster.Leads = &l.counters, l.lease.valid
	l.parts = r.bridgeParts(&clusterGateway{newNATSGateway(r, clusterSource), l}, r.log.Named("leaf"))
	r.services = append(r.services, l.run)
	return nil
}

// attach opens an outlet to the cluster, in place of the one there is; nil: none. It belongs to the loop.
func (l *leaf) attach(o *outlet) {
	if l.current != nil {
		l.outlets.remove(l.current)
	}
	if o != nil {
		l.outlets.add(o, notice.Cluster)
	}
	l.current = o
	l.up.Store(o != nil)
}

// standDown ends the term, and deliveries at once: messages of Redis may be missing, and another Redis in its place
// does not know the lease. The loss of an upstream other than main, which has the lease, matters only if the cluster
// may listen to channels there. It belongs to the loop.
func (l *leaf) standDown(now *rules, lost int) {
	if lost > 0 && !slices.ContainsFunc(now.Routes(), func(rt *route.Route) bool {
		return rt.NATS && rt.Upstream.Hears(lost)
	}) {
		return
	}
	l.attach(nil)
	l.lease.drop()
}

// run goes through one term after the other until ctx ends. It always returns nil.
func (l *leaf) run(ctx context.Context) error {
	const first = 100 * time.Millisecond
	for bound := first; ctx.Err() == nil; {
		up, err := l.term(ctx)
		pause := leafInterval + rand.N(leafInterval)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errOtherLeads):
			l.teller.Observe(notice.LeafUp, notice.Event{}) // the cluster has its leaf node
			bound = first
		default:
			if up {
				bound = first
			}
			l.failures.Add(1)
			l.teller.Observe(notice.LeafDown, notice.Event{Cause: err.Error()})
			l.attempt.Do(func() {
				l.teller.Log(notice.LeafDown, zap.String("cluster", l.name), zap.Error(err))
			})
			pause = rand.N(bound)
			bound = min(2*bound, leafBackoff)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

// term is one term as the leaf node, from getting the lease to losing it. up reports whether the cluster accepted the
// relay.
func (l *leaf) term(ctx context.Context) (up bool, err error) {
	select {
	case <-l.lease.lost: // of an earlier term
	default:
	}
	l.lease.deliveredUntil.Store(0)
	before, err := l.lease.claim(ctx, leaseTime)
	if err != nil {
		return false, err
	}
	defer l.lease.release(ctx)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return l.lease.renew(ctx) })
	all.Go(func() error { return l.serve(ctx, before, &up) })
	err = all.Wait()
	return up, err
}

// serve is the leaf node until ctx ends, or something is lost. Up to the time before, an earlier term had delivered
// all messages; zero: there was no earlier term.
func (l *leaf) serve(ctx context.Context, before time.Time, up *bool) error {
	epoch, err := l.fence(ctx)
	if err != nil {
		return err
	}
	limits := natsbridge.Limits{Payload: int(l.limits.Payload.Load()), Behind: int(l.limits.buffer.Load())}
	bridge, err := natsbridge.Attach(ctx, l.parts, l.cluster, limits)
	if err != nil {
		return err
	}
	out := &outlet{bridge, epoch}
	l.parts.Loop.Call(func() { l.attach(out) })
	defer l.parts.Loop.Call(func() {
		l.attach(nil)
		bridge.Unsubscribe()
	})
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return bridge.Run(ctx) })
	all.Go(func() error { return l.watch(ctx, out, before, up) })
	return all.Wait()
}

// fence waits until all that Redis had sent has come, and returns the epoch of what
// follows.
func (l *leaf) fence(ctx context.Context) (epoch uint64, err error) {
	passed := make(chan uint64, 1)
	if !l.parts.Loop.Post(func() {
		l.parts.Hub.Fence(func() { passed <- l.outlets.advance() }) // what came before may be held up
	}) {
		return 0, errEnding
	}
	select {
	case epoch = <-passed:
		return epoch, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// watch has the cluster answer again and again, and tells it what it may have missed.
func (l *leaf) watch(ctx context.Context, out *outlet, before time.Time, up *bool) error {
	ticker := time.NewTicker(leafInterval)
	defer ticker.Stop()
	for last := (time.Time{}); ; {
		sent := time.Now()
		if !out.Await(leafPatience) {
			if ctx.Err() != nil {
				return nil
			}
			return errNoAnswer
		}
		if !*up {
			*up = true
			l.teller.Observe(notice.LeafUp, notice.Event{})
			l.teller.Log(notice.LeafUp, zap.String("cluster", l.name))
		}
		switch {
		case !last.IsZero(): // not sent: what was published just before may have been on its way to us
			l.lease.deliveredUntil.Store(last.UnixMilli())
			last = sent
		case before.IsZero() || l.confirmed(out):
			last = sent
			heard := sent
			if !before.IsZero() {
				heard = time.Now() // only now all that is listened to is known, and confirmed
				l.tellGap(out, before, heard)
			}
			l.lease.deliveredUntil.Store(heard.UnixMilli())
			_, _ = l.lease.claim(ctx, leaseTime) // notes it; renew will see what is wrong
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// confirmed reports whether Redis has answered for all names to which the cluster listens.
func (l *leaf) confirmed(out *outlet) (is bool) {
	l.parts.Loop.Call(func() { is = out.Confirmed() })
	return is
}

// tellGap tells the cluster what it may have missed while nobody was its leaf node.
func (l *leaf) tellGap(out *outlet, since, until time.Time) {
	l.parts.Loop.Call(func() {
		l.teller.SendTo(out, notice.LeafGap, notice.Event{
			Time: until, Since: &since, Until: &until, Prefixes: l.rules.Load().NATSPrefixes(),
			Cause: "the NATS cluster had no relay as its leaf node",
		})
	})
}

// clusterGateway is the relay as the cluster's clients see it. It differs from that of this host's clients: of the
// relay's own channels it has only that of events, for gaps.
type clusterGateway struct {
	*natsGateway
	leaf *leaf
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
	d.leaf.behind.Do(func() { d.teller.Log(notice.ClusterGap, zap.Int("missing", messages)) })
	d.teller.Send(notice.ClusterGap, notice.Event{
		Since: &since, Until: &until, Missing: int64(messages), Prefixes: d.rules.Load().NATSPrefixes(),
		Cause: "the NATS cluster fell behind, or takes no messages of this size (max_payload)",
	})
}
