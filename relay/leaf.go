package relay

// The relay as a leaf node of a NATS cluster: which of all relays it is, and how long.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"redis-relay/config"
	"redis-relay/relay/natsbridge"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
)

const (
	// leasePrefix begins the keys of the lease, behind which the cluster's servers follow.
	leasePrefix = "relay:leaf:"

	leaseTime     = 5 * time.Second        // for which it is given
	leaseMargin   = 500 * time.Millisecond // before its end in which it is not used
	leaseInterval = time.Second            // in which it is renewed, and the cluster has to answer
	leafPatience  = 10 * time.Second       // with the cluster's answer
	leafBackoff   = 5 * time.Second        // between two attempts, at most
)

// leaseScript gives a lease (KEYS[1]) to ARGV[1] for ARGV[2] milliseconds, unless
// another has it: then it returns nil. It returns up to when the cluster is known to
// have had all (KEYS[2]), and notes ARGV[3] for that, if it is not empty. A lease of a
// millisecond gives it back.
var leaseScript = upstream.NewScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local heard = redis.call('GET', KEYS[2])
if ARGV[3] ~= '' then redis.call('SET', KEYS[2], ARGV[3], 'EX', 604800) end
return heard or ''
`)

var (
	errOtherLeads = errors.New("another relay is the leaf node")
	errRedisLost  = errors.New("the connection to Redis was lost")
	errEnding     = errors.New("the relay ends")
	errNoAnswer   = fmt.Errorf("the cluster does not answer within %v", leafPatience)
)

// leaf makes the relay a leaf node of a NATS cluster while it has the lease: of all
// relays on one Redis that name the same servers one has it, so that the cluster gets
// each message once. Who takes over begins behind a fence: what Redis had sent before
// may have been delivered already, and is not delivered again.
type leaf struct {
	// Fixed after construction.
	relay   *Relay
	cluster natsbridge.Cluster
	id      string
	keys    []string
	log     *zap.Logger
	began   time.Time
	lost    chan struct{} // never closed; a value when messages of Redis may be missing
	behind  rate.Sometimes
	attempt rate.Sometimes

	counters natsbridge.Counters
	failures atomic.Uint64
	until    atomic.Int64 // end of the lease, less a margin, since began
	heard    atomic.Int64 // the cluster has had all that was published before, in Unix milliseconds; 0: not known
	up       atomic.Bool  // there is an attachment

	current *attachment // nil: there is none; owned by the loop
}

// attachment is a connection to the cluster.
type attachment struct {
	*natsbridge.Bridge
	since uint64 // the epoch from which on messages are its
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

// openLeaf prepares what run does.
func (r *Relay) openLeaf(life string) error {
	if r.cfg.NATS.Leaf.URL == "" {
		return nil
	}
	cluster, err := newCluster(r.cfg.NATS.Leaf)
	if err != nil {
		return err
	}
	hosts := make([]string, len(cluster.Servers))
	for i, u := range cluster.Servers {
		hosts[i] = natsbridge.Address(u)
	}
	slices.Sort(hosts)
	lease := leasePrefix + "{" + strings.Join(hosts, ",") + "}"
	l := &leaf{
		relay: r, id: life, keys: []string{lease, lease + ":heard"}, log: r.log.Named("leaf"), began: time.Now(),
		lost:    make(chan struct{}, 1),
		behind:  rate.Sometimes{First: 3, Interval: time.Second},
		attempt: rate.Sometimes{First: 3, Interval: time.Minute},
	}
	cluster.Name, cluster.PublishTimeout = "redis-relay:"+life, r.cfg.Redis.PublishTimeout
	cluster.Counters, cluster.Holds = &l.counters, l.holds
	l.cluster = cluster
	r.leaf = l
	return nil
}

// attached is the connection to the cluster, or nil. It belongs to the loop.
func (l *leaf) attached() *attachment {
	if l == nil {
		return nil
	}
	return l.current
}

// attach sets the connection to the cluster, or nil. It belongs to the loop.
func (l *leaf) attach(a *attachment) {
	l.current = a
	l.up.Store(a != nil)
}

// standDown ends a life, and deliveries at once: messages of Redis may be missing, and
// with another Redis in its place the lease, too. It belongs to the loop.
func (l *leaf) standDown() {
	if l == nil {
		return
	}
	l.attach(nil)
	l.until.Store(0)
	select {
	case l.lost <- struct{}{}:
	default:
	}
}

// run lives one life after the other until ctx ends. It always returns nil.
func (l *leaf) run(ctx context.Context) error {
	const first = 100 * time.Millisecond
	for bound := first; ctx.Err() == nil; {
		up, err := l.life(ctx)
		pause := leaseInterval + rand.N(leaseInterval)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errOtherLeads):
			bound = first
		default:
			if up {
				bound = first
			}
			l.failures.Add(1)
			l.attempt.Do(func() {
				l.log.Warn("the relay is not a leaf node of the NATS cluster; trying again",
					zap.String("cluster", l.relay.cfg.NATS.Leaf.Redacted()), zap.Error(err))
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

// life is one lease. It reports whether the cluster has let the relay in.
func (l *leaf) life(ctx context.Context) (up bool, err error) {
	select {
	case <-l.lost: // in an earlier life
	default:
	}
	l.heard.Store(0)
	before, err := l.claim(ctx, leaseTime)
	if err != nil {
		return false, err
	}
	defer l.release(ctx)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return l.renew(ctx) })
	all.Go(func() error { return l.serve(ctx, before, &up) })
	err = all.Wait()
	return up, err
}

// claim takes or renews the lease, and returns up to when the cluster had had all.
func (l *leaf) claim(ctx context.Context, period time.Duration) (before time.Time, err error) {
	heard := ""
	if ms := l.heard.Load(); ms > 0 {
		heard = strconv.FormatInt(ms, 10)
	}
	sent := time.Since(l.began)
	v, err := l.eval(ctx, l.id, period.Milliseconds(), heard)
	switch text, ok := v.(string); {
	case err != nil:
		return before, err
	case !ok:
		return before, errOtherLeads
	case text != "":
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return before, fmt.Errorf("key %s: %w", l.keys[1], err)
		}
		before = time.UnixMilli(ms)
	}
	l.until.Store(int64(sent + period - leaseMargin))
	return before, nil
}

// eval runs the script and waits for what it returns.
func (l *leaf) eval(ctx context.Context, args ...any) (any, error) {
	type answer struct {
		value any
		err   error
	}
	r := l.relay
	answered := make(chan answer, 1)
	if !r.loop.Post(func() {
		r.redis.Eval(leaseScript, l.keys, func(v any, err error) { answered <- answer{v, err} }, args...)
	}) {
		return nil, errEnding
	}
	select {
	case a := <-answered:
		return a.value, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// holds tells whether the lease is ours.
func (l *leaf) holds() bool { return time.Since(l.began) < time.Duration(l.until.Load()) }

func (l *leaf) release(ctx context.Context) {
	l.until.Store(0)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = l.claim(ctx, time.Millisecond) // else it ends by itself
}

// renew keeps the lease until ctx ends or it is lost.
func (l *leaf) renew(ctx context.Context) error {
	ticker := time.NewTicker(leaseInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.lost:
			return errRedisLost
		case <-ticker.C:
		}
		switch _, err := l.claim(ctx, leaseTime); {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errOtherLeads):
			return errors.New("the lease was lost to another relay")
		case err != nil && !l.holds():
			return fmt.Errorf("renew the lease: %w", err)
		}
	}
}

// serve is the leaf node until ctx ends, or something is lost. before is up to when
// another life had delivered all; zero: there was none.
func (l *leaf) serve(ctx context.Context, before time.Time, up *bool) error {
	r := l.relay
	epoch, err := l.fence(ctx)
	if err != nil {
		return err
	}
	door := clusterDoor{(*natsDoor)(r)}
	limits := natsbridge.Limits{Payload: int(r.limits.Payload.Load()), Behind: int(r.buffer.Load())}
	bridge, err := natsbridge.Attach(ctx, r.natsParts(door, l.log), l.cluster, limits)
	if err != nil {
		return err
	}
	r.loop.Call(func() { l.attach(&attachment{bridge, epoch}) })
	defer r.loop.Call(func() {
		l.attach(nil)
		bridge.Leave()
	})
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return bridge.Run(ctx) })
	all.Go(func() error { return l.watch(ctx, bridge, before, up) })
	return all.Wait()
}

// fence waits until all that Redis had sent has come, and returns the epoch of what
// follows.
func (l *leaf) fence(ctx context.Context) (epoch uint64, err error) {
	r := l.relay
	passed := make(chan uint64, 1)
	if !r.loop.Post(func() {
		r.hub.InOrder(func() {
			r.epoch++ // what came before may be held up, and be delivered later
			passed <- r.epoch
		})
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
func (l *leaf) watch(ctx context.Context, bridge *natsbridge.Bridge, before time.Time, up *bool) error {
	ticker := time.NewTicker(leaseInterval)
	defer ticker.Stop()
	for last := (time.Time{}); ; {
		sent := time.Now()
		if !bridge.Await(leafPatience) {
			if ctx.Err() != nil {
				return nil
			}
			return errNoAnswer
		}
		if !*up {
			*up = true
			l.log.Info("leaf node of the NATS cluster", zap.String("cluster", l.relay.cfg.NATS.Leaf.Redacted()))
		}
		switch {
		case !last.IsZero(): // not sent: what was published just before may have been on its way to us
			l.heard.Store(last.UnixMilli())
			last = sent
		case before.IsZero() || l.settled(bridge):
			last = sent
			heard := sent
			if !before.IsZero() {
				heard = time.Now() // only now all that is listened to is known, and confirmed
				l.tellGap(bridge, before, heard)
			}
			l.heard.Store(heard.UnixMilli())
			_, _ = l.claim(ctx, leaseTime) // notes it; renew will see what is wrong
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// settled tells whether Redis has answered for all that the cluster listens to.
func (l *leaf) settled(bridge *natsbridge.Bridge) (is bool) {
	l.relay.loop.Call(func() { is = bridge.Settled() })
	return is
}

// tellGap tells the cluster what it may have missed while nobody was its leaf node.
func (l *leaf) tellGap(bridge *natsbridge.Bridge, since, until time.Time) {
	l.relay.loop.Call(func() {
		l.tell(bridge, Event{
			Event: "gap", Time: until, Since: &since, Until: &until, Prefixes: l.relay.rules.Load().natsPrefixes(),
			Cause: "the NATS cluster had no relay as its leaf node",
		})
	})
}

// tell tells the cluster of a gap. It belongs to the loop.
func (l *leaf) tell(bridge *natsbridge.Bridge, event Event) {
	payload, err := json.Marshal(event)
	if err != nil {
		l.log.Error("cannot encode an event", zap.Error(err))
		return
	}
	bridge.Deliver(&resp.Delivery{Kind: resp.Message, Channel: []byte(EventsChannel), Payload: payload})
}

// clusterDoor is the relay as the cluster's clients see it: as those of this host do,
// but they are another publisher, and of the relay's own channels there is that of
// events alone, for gaps.
type clusterDoor struct{ *natsDoor }

const clusterSource = natsSource - 1

// Publish is of natsbridge.Backend.
func (d clusterDoor) Publish(channel, payload []byte, receipt natsbridge.Receipt) (checking bool, err error) {
	return d.publish(clusterSource, channel, payload, receipt)
}

// MayListen is of natsbridge.Backend.
func (d clusterDoor) MayListen(kind resp.Kind, name []byte) error {
	if kind == resp.Message && string(name) == RejectsChannel {
		return &Refusal{Denied, RejectsChannel, "it exists on the relay's own host only"}
	}
	return d.natsDoor.MayListen(kind, name)
}

// Missed tells the cluster alone.
func (d clusterDoor) Missed(since, until time.Time, messages int) {
	r := (*Relay)(d.natsDoor)
	r.leaf.behind.Do(func() {
		r.log.Warn("the NATS cluster fell behind, or its max_payload is less than limits.payload",
			zap.Int("messages", messages))
	})
	if a := r.leaf.attached(); a != nil {
		r.leaf.tell(a.Bridge, Event{
			Event: "gap", Time: time.Now(), Since: &since, Until: &until, Missing: int64(messages),
			Prefixes: r.rules.Load().natsPrefixes(),
			Cause:    "the NATS cluster fell behind, or takes no messages of this size (max_payload)",
		})
	}
}

// measureLeaf names the metrics of the way to a cluster.
func (r *Relay) measureLeaf() {
	l := r.leaf
	if l == nil {
		l = new(leaf)
	}
	m := r.metrics
	m.Gauge("nats_leaf_up", "1 while this relay is the leaf node of a NATS cluster.",
		func() float64 { return oneIf(l.up.Load()) })
	m.Count("nats_leaf_failures_total", "Attempts to be the leaf node that failed, or ended by a loss.",
		func() float64 { return float64(l.failures.Load()) })
	m.Count("nats_leaf_delivered_total", "Messages given to the NATS cluster.",
		func() float64 { return float64(l.counters.Stats().Delivered) })
	m.Count("nats_leaf_drops_total", "Messages the NATS cluster was too far behind for, or that are too large for it.",
		func() float64 { return float64(l.counters.Stats().Dropped) })
}
