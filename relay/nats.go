package relay

// The NATS door: how the relay's parts meet package natsbridge.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay/glob"
	"redis-relay/relay/history"
	"redis-relay/relay/monitor"
	"redis-relay/relay/natsbridge"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
)

// natsSource is the connection that publishes of NATS clients come from: one for
// all, so that each client's order is kept.
const natsSource = math.MaxUint64

// openNATS starts the NATS server, if there is to be one.
func (r *Relay) openNATS() error {
	c := r.cfg.NATS
	if c.Listen == "" {
		return nil
	}
	token, err := readToken(c.TokenFile)
	if err != nil {
		return err
	}
	r.nats, err = natsbridge.New(r.natsParts((*natsDoor)(r), r.log.Named("nats")), natsbridge.Options{
		Listen: c.Listen, Token: token, PublishTimeout: r.cfg.Redis.PublishTimeout, Memory: &r.limits.Bounds,
	}, r.natsLimits(r.cfg.Limits), r.rules.Load().scopes())
	return err
}

// natsParts are what a bridge shares with the relay.
func (r *Relay) natsParts(b natsbridge.Backend, log *zap.Logger) natsbridge.Parts {
	return natsbridge.Parts{Loop: r.loop, Hub: r.hub, Flusher: r.flusher, Backend: b, Log: log}
}

// readToken reads the file that holds the token; "" means none.
func readToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("nats.token_file: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" {
		return "", fmt.Errorf("nats.token_file: %s is empty; write a token into it", path)
	}
	return token, nil
}

// natsLimits are the limits that setLimits has set last, for NATS clients.
func (r *Relay) natsLimits(l config.Limits) natsbridge.Limits {
	return natsbridge.Limits{
		Clients: int(r.limits.Clients.Load()), Subscriptions: l.Subscriptions, Payload: int(l.Payload), Queue: int(l.Queue),
		Behind: int(l.Buffer()),
	}
}

// scopes lists what NATS clients may listen to.
func (r *rules) scopes() (list []natsbridge.Scope) {
	for _, rt := range r.table.Routes() {
		if rt.Prefix != "" {
			list = append(list, natsbridge.Scope{Prefix: rt.Prefix, Open: onNATS(rt)})
		}
	}
	return list
}

// bridges yields the ways to NATS clients at this moment: the door for those of this
// host, and the connection to a cluster. It belongs to the loop, as all that follows.
func (r *Relay) bridges(yield func(*natsbridge.Bridge) bool) {
	if r.nats != nil && !yield(r.nats) {
		return
	}
	if a := r.leaf.attached(); a != nil {
		yield(a.Bridge)
	}
}

// deliverToNATS queues a message for NATS clients, and returns to how many bridges.
func (r *Relay) deliverToNATS(d *resp.Delivery) (n int) {
	if r.nats != nil && r.nats.Deliver(d) {
		n++
	}
	if a := r.leaf.attached(); a != nil && d.Epoch >= a.since && a.Deliver(d) {
		n++
	}
	return n
}

// reloadNATS takes over what a reload has changed. The server of the NATS door may need a while for its
// limits: wait returns when they hold. It must not be called by the loop.
func (r *Relay) reloadNATS(next *config.Config) (wait func()) {
	var changing sync.WaitGroup
	for b := range r.bridges {
		changing.Add(1)
		b.SetLimits(r.natsLimits(next.Limits), func(err error) {
			if err != nil {
				r.log.Warn("not all limits hold for NATS clients yet", zap.Error(err))
			}
			changing.Done()
		})
		b.SetScopes(r.rules.Load().scopes())
	}
	return changing.Wait
}

// listenersOnNATS counts the NATS clients that hear a channel; a cluster is one.
func (r *Relay) listenersOnNATS(channel []byte) (n int) {
	if (r.nats == nil && r.leaf == nil) || !r.rules.Load().table.Lookup(channel).NATS {
		return 0
	}
	for b := range r.bridges {
		n += b.Listeners(channel)
	}
	return n
}

// namedOnNATS counts them as PUBSUB NUMSUB does: none, if all listen by wildcards.
func (r *Relay) namedOnNATS(kind resp.Kind, channel []byte) (n int) {
	if kind != resp.Message || r.nats == nil && r.leaf == nil {
		return 0
	}
	for b := range r.bridges {
		if b.Names(channel) {
			n += b.Listeners(channel)
		}
	}
	return n
}

// disconnectFromNATS disconnects those who must learn of a gap that way.
func (r *Relay) disconnectFromNATS(now *rules) {
	if r.nats == nil {
		return
	}
	r.nats.Disconnect(func(kind resp.Kind, name string) bool {
		return !isLocal(name) && now.onGap(kind, name) == route.GapDisconnect
	})
}

// natsDoor is the relay as NATS clients see it: see natsbridge.Backend.
type natsDoor Relay

// Publish is of natsbridge.Backend.
func (d *natsDoor) Publish(channel, payload []byte, receipt natsbridge.Receipt) (checking bool, err error) {
	return d.publish(natsSource, channel, payload, receipt)
}

func (d *natsDoor) publish(
	from uint64, channel, payload []byte, receipt natsbridge.Receipt,
) (checking bool, err error) {
	r := (*Relay)(d)
	now := r.rules.Load()
	rt := now.table.Lookup(channel)
	if !rt.NATS && !route.IsReserved(channel) {
		refusal := &Refusal{Denied, string(channel), notOnNATS(rt)}
		r.reject(monitor.Outbound, rt, now.counters[rt.Index], refusal, len(payload), nil)
		return false, refusal
	}
	return r.Publish(respserver.Publication{
		From: from, Kind: resp.Message, Channel: channel, Payload: payload,
	}, receipt)
}

// MayListen is MaySubscribe for NATS clients. Whom a connection over TCP belongs to is
// not known. What a pattern catches of routes that are not for them is not delivered.
func (d *natsDoor) MayListen(kind resp.Kind, name []byte) error {
	channel := name
	if kind == resp.PMessage {
		channel = glob.Literal(name)
	}
	now := d.rules.Load()
	rt := now.table.Lookup(channel)
	switch {
	case (*Relay)(d).isLong(name):
		return (*Relay)(d).longName(name)
	case kind == resp.Message && isLocal(string(name)):
		return nil
	case route.IsReserved(channel):
		return &Refusal{Denied, string(name), "of the relay's own channels only " + EventsChannel + " and " +
			RejectsChannel + " can be listened to"}
	case !rt.NATS:
		return &Refusal{Denied, string(name), ofName(kind, notOnNATS(rt))}
	case !rt.Subscribe:
		return &Refusal{Denied, string(name), ofName(kind, closed("subscribe", rt))}
	case !onNATS(rt):
		return &Refusal{Denied, string(name), barred(respserver.User{}, "subscribe", rt)}
	case kind == resp.PMessage && !now.allowsPattern(channel):
		return &Refusal{Denied, string(name), outsidePatterns(now)}
	}
	return nil
}

// onNATS tells whether NATS clients may hear the channels of a route.
func onNATS(rt *route.Route) bool { return rt.NATS && rt.Subscribe && rt.Listeners.Admit(0, false) }

// notOnNATS words why NATS clients cannot use a channel.
func notOnNATS(rt *route.Route) string {
	if rt.Prefix == "" {
		return "no route covers this channel; add one with nats: true to relay.yaml"
	}
	return fmt.Sprintf("route %q does not say nats: true", rt.Prefix)
}

// errEnough ends a reading when there is enough for one reply.
var errEnough = errors.New("enough")

// History reads entries for a NATS client. It is called in a goroutine.
func (d *natsDoor) History(
	ctx context.Context, channel, from string, count, enough int,
) (list []natsbridge.Entry, more bool, err error) {
	r := (*Relay)(d)
	if err := d.MayListen(resp.Message, []byte(channel)); err != nil {
		return nil, false, err
	}
	if err := r.mustHaveHistory(channel); err != nil {
		return nil, false, err
	}
	q := history.Range{Command: "XRANGE", Channel: channel, From: from, To: "+", Count: count}
	entries, err := r.pages.Range(ctx, q, func(_, bytes int) error {
		if bytes > enough {
			return errEnough
		}
		return nil
	})
	if more = errors.Is(err, errEnough); err != nil && !more {
		return nil, false, notRead(channel, err)
	}
	for i := range entries {
		payload, _ := entries[i].Payload()
		list = append(list, natsbridge.Entry{ID: entries[i].ID.String(), Payload: payload})
	}
	return list, more || len(list) == count, nil
}

// Missed tells that NATS clients did not get something, in the way their routes ask
// for.
func (d *natsDoor) Missed(since, until time.Time, messages int) {
	r := (*Relay)(d)
	now := r.rules.Load()
	r.log.Warn("the NATS server fell behind", zap.Int("messages", messages))
	event := Event{
		Event: "gap", Time: time.Now(), Since: &since, Until: &until, Missing: int64(messages),
		Cause:    "the NATS server fell behind: only its clients have missed something",
		Prefixes: now.natsPrefixes(),
	}
	r.disconnectFromNATS(now)
	r.tellHere(EventsChannel, event)
}

// natsPrefixes are those of the routes that NATS clients hear.
func (r *rules) natsPrefixes() (list []string) {
	for _, rt := range r.table.Routes() {
		if rt.NATS {
			list = append(list, rt.Prefix)
		}
	}
	return list
}

// Refused tells that Redis will not let NATS clients hear a name: NATS has no answer
// for that.
func (d *natsDoor) Refused(kind resp.Kind, name string, err error) {
	r := (*Relay)(d)
	event := Event{Event: "refused", Time: time.Now(), Cause: err.Error(), Channel: name}
	if kind == resp.PMessage {
		event.Channel, event.Pattern = "", name
	}
	r.log.Warn("Redis refused a subscription of NATS clients", zap.String("name", printable(name)), zap.Error(err))
	r.tell(EventsChannel, event)
}

// measureNATS names the metrics of the NATS door.
func (r *Relay) measureNATS() {
	stats := func() natsbridge.Stats {
		if r.nats == nil {
			return natsbridge.Stats{}
		}
		return r.nats.Stats()
	}
	m := r.metrics
	m.Gauge("nats_clients", "Connections to the NATS server.", func() float64 { return float64(stats().Clients) })
	m.Gauge("nats_subscriptions", "Channels and patterns that NATS clients listen to.",
		func() float64 { return float64(stats().Subscriptions) })
	m.Count("nats_delivered_total", "Messages given to the NATS server, once for all its clients.",
		func() float64 { return float64(stats().Delivered) })
	m.Count("nats_drops_total", "Messages not given to the NATS server, which had fallen behind.",
		func() float64 { return float64(stats().Dropped) })
	m.Count("nats_disconnects_total", "NATS clients disconnected.",
		func() float64 { return float64(stats().Slow) }, "reason", "slow")
	m.Count("nats_disconnects_total", "NATS clients disconnected.",
		func() float64 { return float64(stats().Gaps) }, "reason", "gap")
	m.Count("nats_disconnects_total", "NATS clients disconnected.",
		func() float64 { return float64(stats().Large) }, "reason", "memory")
	m.Gauge("nats_subscription_bytes", "Memory kept for what NATS clients listen to, about.",
		func() float64 { return float64(stats().Kept) })
	for _, reason := range natsbridge.Reasons {
		m.Count("nats_refused_total", "What NATS clients were refused.", func() float64 {
			n := stats().Refused[reason]
			if r.leaf != nil {
				n += r.leaf.counters.Stats().Refused[reason]
			}
			return float64(n)
		}, "reason", reason)
	}
}

var _ natsbridge.Backend = (*natsDoor)(nil)
