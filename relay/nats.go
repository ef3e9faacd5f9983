package relay

// The NATS door: the relay as NATS clients see it.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/history"
	"redis-relay/relay/monitor"
	"redis-relay/relay/natsbridge"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/stream"
)

// What NATS clients publish comes from one connection, so that each client's order is kept; what a cluster's
// do, from another one.
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
	token, err := readToken(c.TokenFile)
	if err != nil {
		return err
	}
	bridge, err := natsbridge.New(r.bridgeParts(r.door(natsSource), r.log.Named("nats")), natsbridge.Options{
		Listen: c.Listen, Token: token, PublishTimeout: r.cfg.Redis.PublishTimeout, Memory: &r.limits.Bounds,
	}, r.limits.ofNATS(r.cfg.Limits), scopes(r.rules.Load()))
	if err != nil {
		return err
	}
	r.outlets.add(&outlet{Bridge: bridge}, notice.Host)
	r.services = append(r.services, bridge.Run)
	r.closers = append(r.closers, bridge.Close)
	r.natsAddress, r.natsStats = bridge.Addr().String(), bridge.Stats
	return nil
}

// bridgeParts are what a bridge shares with the relay.
func (r *Relay) bridgeParts(b natsbridge.Backend, log *zap.Logger) natsbridge.Parts {
	return natsbridge.Parts{Loop: r.loop, Hub: r.hub, Flusher: r.flusher, Backend: b, Log: log}
}

// door is the relay behind a bridge whose clients are one source of publishes.
func (r *Relay) door(source uint64) *door {
	return &door{
		source: source, rules: &r.rules, out: r.outbound, pages: r.pages, outlets: r.outlets, teller: r.teller,
	}
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

// door is natsbridge.Backend.
type door struct {
	source  uint64
	rules   *atomic.Pointer[rules]
	out     *outbound
	pages   *history.Pages
	outlets *outlets
	teller  *notice.Teller
}

// Publish is of natsbridge.Backend.
func (d *door) Publish(channel, payload []byte, receipt natsbridge.Receipt) (checking bool, err error) {
	now := d.rules.Load()
	if refusal := now.MayPublishByNATS(channel); refusal != nil {
		rt := now.Route(channel)
		d.teller.Reject(monitor.Outbound, rt, now.counters[rt.Index], refusal, len(payload), notice.Who{})
		return false, refusal
	}
	return d.out.Publish(respserver.Publication{
		From: d.source, Kind: resp.Message, Channel: channel, Payload: payload,
	}, receipt)
}

// MayListen is of natsbridge.Backend.
func (d *door) MayListen(kind resp.Kind, name []byte) error {
	return d.rules.Load().MaySubscribeByNATS(kind, name)
}

// errEnough ends a reading when there is enough for one reply.
var errEnough = errors.New("enough")

// History reads entries for a NATS client. It is called in a goroutine.
func (d *door) History(
	ctx context.Context, channel, from string, count, enough int,
) (list []natsbridge.Entry, more bool, err error) {
	if err := d.MayListen(resp.Message, []byte(channel)); err != nil {
		return nil, false, err
	}
	if err := d.rules.Load().MayRead(channel); err != nil {
		return nil, false, err
	}
	q := stream.Range{Command: "XRANGE", Channel: channel, From: from, To: "+", Count: count}
	entries, err := d.pages.Range(ctx, q, func(_, bytes int) error {
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
func (d *door) Missed(since, until time.Time, messages int) {
	now := d.rules.Load()
	d.outlets.disconnectForGap(now)
	d.teller.Tell(notice.NATSGap, notice.Event{
		Since: &since, Until: &until, Missing: int64(messages), Prefixes: now.NATSPrefixes(),
		Cause: "the NATS server fell behind: only its clients have missed something",
	}, zap.Int("messages", messages))
}

// Refused tells that Redis will not let NATS clients hear a name: NATS has no answer
// for that.
func (d *door) Refused(kind resp.Kind, name string, err error) {
	event := notice.Event{Cause: err.Error(), Channel: name}
	if kind == resp.PMessage {
		event.Channel, event.Pattern = "", name
	}
	d.teller.Tell(notice.NATSRefused, event, zap.String("name", policy.Printable(name)), zap.Error(err))
}

var _ natsbridge.Backend = (*door)(nil)
