package relay

// The NATS gateway: the relay as NATS clients see it.

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/monitor"
	"redis-relay/relay/natsbridge"
	"redis-relay/relay/notice"
	"redis-relay/relay/preflight"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/stream"
)

// All publishes of NATS clients have one source, so that the order of each client is kept. Those of a cluster's
// clients have another one.
const (
	natsSource    = math.MaxUint64
	clusterSource = natsSource - 1
)

// openNATS starts the NATS server, if there is to be one.
func (r *Relay) openNATS() error {
	c := r.cfg.NATS
	if c.Listen == "" {
		return nil
	}
	token, err := preflight.ReadToken("nats.token_file", c.TokenFile)
	if err != nil {
		return err
	}
	bridge, err := natsbridge.New(r.bridgeParts(newNATSGateway(r, natsSource), r.log.Named("nats")), natsbridge.Options{
		Listen: c.Listen, Token: token, PublishTimeout: r.cfg.Redis.PublishTimeout, Memory: &r.limits.Bounds,
	}, r.limits.ofNATS(r.cfg.Limits), natsAccess(r.rules.Load()))
	if err != nil {
		return err
	}
	r.outlets.add(&outlet{Bridge: bridge}, notice.Host)
	r.services = append(r.services, bridge.Run)
	r.closers = append(r.closers, bridge.Close)
	r.natsAddress, r.natsStats = bridge.Addr().String(), bridge.Stats
	return nil
}

// bridgeParts returns what a bridge shares with the relay.
func (r *Relay) bridgeParts(b natsbridge.Backend, log *zap.Logger) natsbridge.Parts {
	return natsbridge.Parts{Loop: r.loop, Hub: r.hub, Flusher: r.flusher, Backend: b, Log: log}
}

// newNATSGateway returns the relay behind a bridge whose clients are one source of publishes.
func newNATSGateway(r *Relay, source uint64) *natsGateway {
	return &natsGateway{
		source: source, rules: &r.rules, out: r.outbound, sides: r.sides, outlets: r.outlets, teller: r.teller,
	}
}

// natsGateway is natsbridge.Backend.
type natsGateway struct {
	source  uint64
	rules   *atomic.Pointer[rules]
	out     *outbound
	sides   sides
	outlets *outlets
	teller  *notice.Teller
}

// Publish implements natsbridge.Backend.
func (d *natsGateway) Publish(channel, payload []byte, receipt natsbridge.Responder) (checking bool, err error) {
	now := d.rules.Load()
	if refusal := now.MayPublishByNATS(channel); refusal != nil {
		rt := now.Route(channel)
		d.teller.Reject(monitor.Outbound, rt, now.counters[rt.Index], refusal, notice.Read(payload))
		d.out.show(rt, &respserver.Publication{Channel: channel, Payload: payload}, nil, refusal, nil)
		return false, refusal
	}
	return d.out.Publish(respserver.Publication{
		From: d.source, Kind: resp.Message, Channel: channel, Payload: payload, Arrived: d.out.loop.Now(),
	}, receipt)
}

// MayListen implements natsbridge.Backend.
func (d *natsGateway) MayListen(kind resp.Kind, name []byte) error {
	return d.rules.Load().MaySubscribeByNATS(kind, name)
}

// errEnough ends a read when there is enough for one reply.
var errEnough = errors.New("enough")

// History implements natsbridge.Backend: it reads entries for a NATS client. It runs in a goroutine.
func (d *natsGateway) History(
	ctx context.Context, channel, from string, count, enough int,
) (list []natsbridge.Entry, more bool, err error) {
	if err := d.MayListen(resp.Message, []byte(channel)); err != nil {
		return nil, false, err
	}
	if err := d.rules.Load().MayRead(channel); err != nil {
		return nil, false, err
	}
	q := stream.Range{Command: "XRANGE", Channel: channel, From: from, To: "+", Count: count}
	entries, err := d.sides.of(d.rules.Load(), channel).pages.Range(ctx, q, func(_, bytes int) error {
		if bytes > enough {
			return errEnough
		}
		return nil
	})
	if more = errors.Is(err, errEnough); err != nil && !more {
		return nil, false, notRead(d.rules.Load().namesOf(channel), channel, err)
	}
	for i := range entries {
		payload, _ := entries[i].Payload()
		list = append(list, natsbridge.Entry{ID: entries[i].ID.String(), Payload: payload})
	}
	return list, more || len(list) == count, nil
}

// Missed implements natsbridge.Backend: it reports messages that NATS clients did not get, in the way their routes
// ask for.
func (d *natsGateway) Missed(since, until time.Time, messages int) {
	now := d.rules.Load()
	d.outlets.disconnectForGap(now, math.MaxUint32)
	d.teller.Tell(notice.NATSGap, notice.Event{
		Since: &since, Until: &until, Missing: int64(messages), Prefixes: now.NATSPrefixes(),
		Cause: "the NATS server fell behind: only its clients have missed something",
	}, zap.Int("missing", messages))
}

// Refused implements natsbridge.Backend: it reports a name that Redis refuses, because NATS has no answer for that.
func (d *natsGateway) Refused(kind resp.Kind, name string, err error) {
	event := notice.Event{Cause: err.Error(), Channel: name}
	if kind == resp.PMessage {
		event.Channel, event.Pattern = "", name
	}
	d.teller.Tell(notice.NATSRefused, event, nameField(kind, name), zap.Error(err))
}

var _ natsbridge.Backend = (*natsGateway)(nil)
