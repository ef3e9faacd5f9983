package leaf

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
	"redis-relay/relay/upstream"
)

const (
	leafInterval = time.Second      // in which the cluster has to answer
	leafPatience = 10 * time.Second // with its answer
	leafBackoff  = 5 * time.Second  // between two attempts, at most
)

var errNoAnswer = fmt.Errorf("the cluster does not answer within %v", leafPatience)

// Outlets are what the relay has of open bridges. All methods belong to the loop.
type Outlets interface {
	// Open has a bridge take part in deliveries of messages of a moment and later.
	Open(b *natsbridge.Bridge, since uint64) notice.Outlet
	// Close ends that.
	Close(notice.Outlet)
	// Advance begins the next moment of messages, and returns it.
	Advance() uint64
}

// Options are what a Node has of the relay.
type Options struct {
	Config         config.Leaf
	Life           string // names this run of the relay, in Redis
	Prefix         string // of all names at Redis
	PublishTimeout time.Duration
	Parts          natsbridge.Parts // with the backend of the cluster's clients
	Redis          *upstream.Connection
	Outlets        Outlets
	Limits         func() natsbridge.Limits // of this moment; may be called from anywhere
	Prefixes       func() []string          // of the routes that reach NATS, at this moment; belongs to the loop
	Hears          func(upstream int) bool  // whether a route that reaches NATS is heard there; belongs to the loop
	Teller         *notice.Teller
}

// Node makes the relay a leaf node of a NATS cluster while it has the lease. A nil Node is one that is off.
type Node struct {
	// Fixed after construction.
	cluster  natsbridge.Cluster
	name     string // of the cluster, for people: without a password
	lease    *lease
	parts    natsbridge.Parts
	outlets  Outlets
	limits   func() natsbridge.Limits
	prefixes func() []string
	hears    func(upstream int) bool
	teller   *notice.Teller
	attempt  rate.Sometimes

	counters natsbridge.Counters
	failures atomic.Uint64
	up       atomic.Bool // there is an outlet

	current notice.Outlet // nil: there is none; owned by the loop
}

// Cluster says how to reach a cluster. It checks the files that are needed for that.
func Cluster(c config.Leaf) (natsbridge.Cluster, error) {
	servers, err := c.URLs()
	if err != nil {
		return natsbridge.Cluster{}, fmt.Errorf("nats.leaf.url: %w", err)
	}
	cluster := natsbridge.Cluster{Servers: servers, Credentials: c.Credentials, CA: c.CA}
	return cluster, cluster.Check()
}

// New prepares to be a leaf node.
func New(o *Options) (*Node, error) {
	cluster, err := Cluster(o.Config)
	if err != nil {
		return nil, err
	}
	hosts := make([]string, len(cluster.Servers))
	for i, u := range cluster.Servers {
		hosts[i] = natsbridge.Address(u)
	}
	slices.Sort(hosts)
	key := o.Prefix + leasePrefix + "{" + strings.Join(hosts, ",") + "}"
	n := &Node{
		cluster: cluster, name: o.Config.Redacted(), parts: o.Parts, outlets: o.Outlets, limits: o.Limits,
		prefixes: o.Prefixes, hears: o.Hears, teller: o.Teller, attempt: rate.Sometimes{First: 3, Interval: time.Minute},
		lease: &lease{
			id: o.Life, keys: []string{key, key + ":heard"}, redis: o.Redis, loop: o.Parts.Loop, began: time.Now(),
			lost: make(chan struct{}, 1),
		},
	}
	n.cluster.Name, n.cluster.PublishTimeout = "redis-relay:"+n.lease.id, o.PublishTimeout
	n.cluster.Counters, n.cluster.Leads = &n.counters, n.lease.valid
	return n, nil
}

// Stats are figures of a Node. The counters are since it was made.
type Stats struct {
	Up                 bool // this relay is the leaf node
	Failures           uint64
	Delivered, Dropped uint64
	Refused            map[string]uint64 // by natsbridge.Reasons
}

// Stats returns the figures of this moment; of a nil Node they are zero. It may be called from anywhere.
func (n *Node) Stats() Stats {
	if n == nil {
		return Stats{}
	}
	c := n.counters.Stats()
	return Stats{
		Up: n.up.Load(), Failures: n.failures.Load(), Delivered: c.Delivered, Dropped: c.Dropped, Refused: c.Refused,
	}
}

// attach opens an outlet to the cluster, in place of the one there is. It belongs to the loop.
func (n *Node) attach(b *natsbridge.Bridge, since uint64) notice.Outlet {
	n.detach()
	n.current = n.outlets.Open(b, since)
	n.up.Store(true)
	return n.current
}

// detach closes the outlet to the cluster, if there is one. It belongs to the loop.
func (n *Node) detach() {
	if n.current != nil {
		n.outlets.Close(n.current)
	}
	n.current = nil
	n.up.Store(false)
}

// StandDown ends the term, and deliveries at once: messages of Redis may be missing, and another Redis in its place
// does not know the lease. The loss of an upstream other than main, which has the lease, matters only if the cluster
// may listen to channels there. It belongs to the loop.
func (n *Node) StandDown(lost int) {
	if n == nil || lost > 0 && !n.hears(lost) {
		return
	}
	n.detach()
	n.lease.drop()
}

// Run goes through one term after the other until ctx ends. It always returns nil.
func (n *Node) Run(ctx context.Context) error {
	const first = 100 * time.Millisecond
	for bound := first; ctx.Err() == nil; {
		up, err := n.term(ctx)
		pause := leafInterval + rand.N(leafInterval)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errOtherLeads):
			n.teller.Observe(notice.LeafUp, notice.Event{}) // the cluster has its leaf node
			bound = first
		default:
			if up {
				bound = first
			}
			n.failures.Add(1)
			n.teller.Observe(notice.LeafDown, notice.Event{Cause: err.Error()})
			n.attempt.Do(func() {
				n.teller.Log(notice.LeafDown, zap.String("cluster", n.name), zap.Error(err))
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
func (n *Node) term(ctx context.Context) (up bool, err error) {
	select {
	case <-n.lease.lost: // of an earlier term
	default:
	}
	n.lease.deliveredUntil.Store(0)
	before, err := n.lease.claim(ctx, leaseTime)
	if err != nil {
		return false, err
	}
	defer n.lease.release(ctx)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return n.lease.renew(ctx) })
	all.Go(func() error { return n.serve(ctx, before, &up) })
	err = all.Wait()
	return up, err
}

// serve is the leaf node until ctx ends, or something is lost. Up to the time before, an earlier term had delivered
// all messages; zero: there was no earlier term.
func (n *Node) serve(ctx context.Context, before time.Time, up *bool) error {
	moment, err := n.fence(ctx)
	if err != nil {
		return err
	}
	bridge, err := natsbridge.Attach(ctx, n.parts, n.cluster, n.limits())
	if err != nil {
		return err
	}
	var out notice.Outlet
	n.parts.Loop.Call(func() { out = n.attach(bridge, moment) })
	defer n.parts.Loop.Call(func() {
		n.detach()
		bridge.Unsubscribe()
	})
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return bridge.Run(ctx) })
	all.Go(func() error { return n.watch(ctx, bridge, out, before, up) })
	return all.Wait()
}

// fence waits until all that Redis had sent has come, and returns the moment of what
// follows.
func (n *Node) fence(ctx context.Context) (moment uint64, err error) {
	passed := make(chan uint64, 1)
	if !n.parts.Loop.Post(func() {
		n.parts.Hub.Fence(func() { passed <- n.outlets.Advance() }) // what came before may be held up
	}) {
		return 0, errEnding
	}
	select {
	case moment = <-passed:
		return moment, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// watch has the cluster answer again and again, and tells it what it may have missed.
func (n *Node) watch(
	ctx context.Context, b *natsbridge.Bridge, out notice.Outlet, before time.Time, up *bool,
) error {
	ticker := time.NewTicker(leafInterval)
	defer ticker.Stop()
	for last := (time.Time{}); ; {
		sent := time.Now()
		if !b.Await(leafPatience) {
			if ctx.Err() != nil {
				return nil
			}
			return errNoAnswer
		}
		if !*up {
			*up = true
			n.teller.Observe(notice.LeafUp, notice.Event{})
			n.teller.Log(notice.LeafUp, zap.String("cluster", n.name))
		}
		switch {
		case !last.IsZero(): // not sent: what was published just before may have been on its way to us
			n.lease.deliveredUntil.Store(last.UnixMilli())
			last = sent
		case before.IsZero() || n.confirmed(b):
			last = sent
			heard := sent
			if !before.IsZero() {
				heard = time.Now() // only now all that is listened to is known, and confirmed
				n.tellGap(out, before, heard)
			}
			n.lease.deliveredUntil.Store(heard.UnixMilli())
			_, _ = n.lease.claim(ctx, leaseTime) // notes it; renew will see what is wrong
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// confirmed reports whether Redis has answered for all names to which the cluster listens.
func (n *Node) confirmed(b *natsbridge.Bridge) (is bool) {
	n.parts.Loop.Call(func() { is = b.Confirmed() })
	return is
}

// tellGap tells the cluster what it may have missed while nobody was its leaf node.
func (n *Node) tellGap(out notice.Outlet, since, until time.Time) {
	n.parts.Loop.Call(func() {
		n.teller.SendTo(out, notice.LeafGap, notice.Event{
			Time: until, Since: &since, Until: &until, Prefixes: n.prefixes(),
			Cause: "the NATS cluster had no relay as its leaf node",
		})
	})
}
