package relay

// One upstream: a Redis, and what belongs to the connection to it.

import (
	"context"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay/checks"
	"redis-relay/relay/embedded"
	"redis-relay/relay/fleet"
	"redis-relay/relay/history"
	"redis-relay/relay/history/writer"
	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/names"
	"redis-relay/relay/needs"
	"redis-relay/relay/overview"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/route"
	"redis-relay/relay/upstream"
)

// side is one of the upstreams. Each has its own connections, history, counts and gaps, and the hub of the names that
// are subscribed there. All sides belong to the same loop.
type side struct {
	// Fixed after construction.
	name     string // in relay.yaml
	label    string // name, for events, log lines and metrics; empty: there is one upstream only
	index    int    // route.Upstream.Index
	settings config.Redis
	opts     upstream.Options
	embedded *embedded.Server // nil: a real Redis
	redis    *upstream.Connection
	reader   *upstream.Reader // for what may be long
	hub      *hub.Hub
	feed     *history.Feed
	pages    *history.Pages
	writer   *writer.Writer
	fleet    *fleet.Fleet
	interest *interest
	shards   *sharded // nil: no cluster
	inbound  *inbound
	rights   *needs.Watcher
	owner    *lifecycle

	lag atomic.Int64 // of the last probe in nanoseconds; 0: none has come back

	wire []byte // for wireName
}

// described is the upstream for the overview.
func (s *side) described(dead *deadLetters) *overview.Upstream {
	described := &overview.Upstream{
		Name: s.name, Label: s.label, Address: s.address(), Required: s.settings.Required,
		Redis: s.redis, Hub: s.hub, Feed: s.feed, Fleet: s.fleet, Dead: dead.writers[s.index], Lag: s.lagSeconds,
		Credentials: s.opts.Credentials,
	}
	if s.shards != nil {
		described.ShardsMissing = s.shards.Shards.Missing
	}
	return described
}

// names returns what the upstream calls channels by some rules.
func (s *side) names(now *rules) *names.Map { return now.names[s.index] }

// prefixes lists the prefixes of the routes whose messages come over the connection that listens. Shard channels of a
// cluster have connections of their own.
func (s *side) prefixes(now *rules) []string { return now.Prefixes(s.index, s.shards == nil) }

// wireName returns what the upstream calls a channel by its names m. It is valid until the next call.
func (s *side) wireName(m *names.Map, channel []byte) []byte {
	if m == nil {
		return channel
	}
	s.wire = m.Append(s.wire[:0], "", channel)
	return s.wire
}

// sendReceipt is told what became of a message that was sent.
type sendReceipt interface {
	upstream.Answer // without history
	writer.Receipt  // with history
}

// send sends a message to the upstream, on a channel that it calls wire by its names m. source is for Withdraw. With an
// error, told is not called.
func (s *side) send(
	source uint64, m *names.Map, wire []byte, rt *route.Route, rule *route.Policy, p *respserver.Publication,
	told sendReceipt,
) error {
	isShard := p.Kind == resp.SMessage || rt.Sharded
	if isShard && s.shards != nil {
		return s.shards.Publish(source, wire, p.Payload, told)
	}
	if h := rule.History; h != nil {
		return s.writer.Write(source, writer.Message{
			Channel: wire[len(m.Prefix()):], Field: p.Field, Payload: p.Payload, Trace: p.Trace, Length: h.Length, TTL: h.TTL,
		}, told)
	}
	return s.redis.Publish(source, isShard, wire, p.Payload, told)
}

// isCluster reports whether the upstream is a Redis Cluster.
func (s *side) isCluster() bool { return s.settings.Mode == config.ModeCluster }

// fleetKind is the kind of channels by which relays ask each other there.
func (s *side) fleetKind() resp.Kind {
	if s.isCluster() { // a shard channel would be on one of its nodes
		return resp.Message
	}
	return resp.SMessage
}

// sides are the upstreams by route.Upstream.Index. The first is main.
type sides []*side

// flush writes what was asked: see upstream.Connection.Flush.
func (all sides) flush() {
	for _, s := range all {
		s.redis.Flush()
		if s.shards != nil {
			s.shards.Flush()
		}
	}
}

// withdraw fails what a connection published and could not be sent so far.
func (all sides) withdraw(from uint64) {
	for _, s := range all {
		s.redis.Withdraw(from)
		if s.shards != nil {
			s.shards.Withdraw(from)
		}
	}
}

// address is how the log calls the Redis: without a password.
func (s *side) address() string {
	if s.embedded != nil {
		return "embedded"
	}
	return s.settings.Redacted()
}

// about adds the upstream's name to the facts of a log line, if there are several.
func (s *side) about(facts ...zap.Field) []zap.Field {
	if s.label == "" {
		return facts
	}
	return append(facts, zap.String("upstream", s.label))
}

// lagSeconds returns the lag of the last probe; nil: none has come back.
func (s *side) lagSeconds() *float64 {
	lag := time.Duration(s.lag.Load()).Seconds()
	if lag == 0 {
		return nil
	}
	return &lag
}

// ready reports whether messages come. It belongs to the loop.
func (s *side) ready() bool {
	ready, _, _ := s.redis.Status()
	return ready
}

// start begins what runs beside the loop, until ctx ends.
func (s *side) start(ctx context.Context, group *errgroup.Group, l *loop.Loop) {
	l.Call(s.feed.Start)
	group.Go(func() error { return s.redis.Run(ctx) })
	if s.shards != nil {
		l.Call(func() { s.shards.hub.Restore(func() {}) }) // it has all that is wanted: nothing
		group.Go(func() error { return s.shards.Run(ctx) })
	}
	group.Go(func() error { return s.keepCredentials(ctx) })
	if s.embedded == nil { // that allows all there is
		group.Go(func() error { return s.rights.Run(ctx, s.reader) })
	}
}

// stop ends the rest, when the connection has ended.
func (s *side) stop(l *loop.Loop) {
	l.Call(s.feed.Close)
	s.reader.Close()
	s.feed.Wait()
}

// logger returns the logger of a part. Its name ends with that of the upstream, unless that is main.
func (s *side) logger(log *zap.Logger, part string) *zap.Logger {
	if s.index > 0 {
		part += "." + s.name
	}
	return log.Named(part)
}

// of returns the upstream of a channel.
func (all sides) of(now *rules, channel string) *side {
	return all[now.Place([]byte(channel)).Index]
}

// checked takes a message from the pool of checks.
func (all sides) checked(m *checks.Message) { all[m.Upstream].inbound.checked(m) }

// resume says that all delivered messages have been written: see upstream.Connection.Resume.
func (all sides) resume(reusable bool) {
	for _, s := range all {
		s.inbound.reuse(reusable)
		s.redis.Resume(reusable)
		if s.shards != nil {
			s.shards.Resume(reusable)
		}
	}
}

// pause stops reading until resume.
func (all sides) pause() {
	for _, s := range all {
		s.redis.Pause()
		if s.shards != nil {
			s.shards.Pause()
		}
	}
}

// closeEmbedded ends the Redises inside the relay.
func (all sides) closeEmbedded() (errs []error) {
	for _, s := range all {
		if s.embedded != nil {
			errs = append(errs, s.embedded.Close())
		}
	}
	return errs
}
