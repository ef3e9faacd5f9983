package relay

// The upstreams: how each is reached, and the parts between it and the gateways.

import (
	"fmt"
	"time"

	"redis-relay/config"
	"redis-relay/relay/checks"
	"redis-relay/relay/embedded"
	"redis-relay/relay/fleet"
	"redis-relay/relay/history"
	"redis-relay/relay/history/writer"
	"redis-relay/relay/hub"
	"redis-relay/relay/needs"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/preflight"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
	"redis-relay/relay/watch"
)

// openSides prepares the upstreams, without a connection. It starts the embedded Redis of those that have no other.
func openSides(r *Relay) error {
	names := r.cfg.UpstreamNames()
	for i, name := range names {
		s := &side{name: name, index: i, settings: r.cfg.Upstream(name)}
		if len(names) > 1 {
			s.label = name
		}
		if err := s.reach(r); err != nil {
			return err
		}
		r.sides = append(r.sides, s)
	}
	return nil
}

// reach says how an upstream is reached.
func (s *side) reach(r *Relay) error {
	s.rights = needs.NewWatcher(func() needs.Use {
		now := r.rules.Load()
		return needs.Use{
			Reading: now.HasHistory(s.index), Writing: now.Writes(s.index), DeadLetters: now.KeepsDead(s.index),
			Leaf: s.index == 0 && r.cfg.NATS.Leaf.URL != "", Prefix: s.settings.Prefix,
		}
	}, s.settings.PublishTimeout, r.teller, s.about()...)
	s.opts = preflight.RedisOptions(r.cfg, s.name)
	s.opts.Refused = s.rights.Note
	s.opts.RoundTrip = func(took time.Duration) {
		r.metrics.RoundTrip.Observe(took)
		s.lag.Store(int64(took))
	}
	if s.settings.IsEmbedded() {
		var err error
		if s.embedded, err = embedded.Start(historyFile(r.cfg, s.name), r.log.Named("embedded")); err != nil {
			return fmt.Errorf("start the embedded Redis: %w", err)
		}
		r.closers = append(r.closers, s.embedded.Close)
		s.opts.URL = s.embedded.URL()
	}
	return s.opts.Check()
}

// historyFile returns the file in which an embedded Redis saves its streams, so that history outlives the relay.
func historyFile(c *config.Config, name string) string {
	if name == config.MainUpstream {
		return c.Socket.Path + ".history"
	}
	return c.Socket.Path + "." + name + ".history"
}

// connect builds the parts between the upstreams and the gateways, and connects them.
func (r *Relay) connect(life string) {
	r.outlets = &outlets{teller: r.teller, epochs: make([]uint64, len(r.sides)), moment: 1}
	r.viewers = watch.NewViewers(r.loop, r.cfg.Socket.Path)
	r.flusher = &hub.Flusher{Waited: r.metrics.QueueWait.ObserveMany}
	openHubs(r)
	r.watch = watch.New(&watch.Options{
		Loop: r.loop, Hub: r.hub, Teller: r.teller, Spikes: r.cfg.Alerts.Spike, IsReady: r.sides[0].ready,
		RouteOf: func(channel []byte) string { return r.rules.Load().Route(channel).Name },
	})
	r.teller.Add(localOutlet{r.sides[0].hub}, notice.Host)
	r.gaps = &gaps{rules: &r.rules, loop: r.loop, sides: r.sides, hub: r.hub, outlets: r.outlets, teller: r.teller}
	r.exams = checks.NewExaminations(&r.limits.buffer)
	r.checks = checks.New(r.loop, r.sides.checked, r.gaps.unchecked, r.exams, &r.limits.buffer)
	r.last = newLastValues(r)
	r.gaps.last = r.last
	r.dead = openDeadLetters(r, life)
	for _, s := range r.sides {
		s.connect(r, life)
	}
	r.counts = &counts{rules: &r.rules, sides: r.sides, hub: r.hub}
	r.outbound = &outbound{
		loop: r.loop, replyTimes: r.metrics.PublishReply,
		rules: &r.rules, sides: r.sides, mirrors: newMirrors(r.sides, r.teller), checks: r.checks,
		outlets: r.outlets, teller: r.teller, traces: r.traces, viewers: r.viewers, watch: r.watch, dead: r.dead,
	}
	r.streams = &streams{rules: &r.rules, loop: r.loop, sides: r.sides}
}

// openHubs builds the hub of each upstream, and what is asked of Redis for it.
func openHubs(r *Relay) {
	hubs := make([]*hub.Hub, len(r.sides))
	for i, s := range r.sides {
		s.interest, s.inbound, s.owner = &interest{}, &inbound{}, &lifecycle{}
		if i == 0 {
			s.hub = hub.New(s.interest, policy.IsLocal)
		} else {
			s.hub = hub.NewBeside(r.sides[0].hub, s.interest)
		}
		hubs[i] = s.hub
	}
	for _, s := range r.sides { // behind the others: see rules.places
		if s.isCluster() {
			s.shards = &sharded{}
			s.shards.hub = hub.NewBeside(r.sides[0].hub, s.shards)
			hubs = append(hubs, s.shards.hub)
		}
	}
	late := func(place int, kind resp.Kind, names []string, since time.Time) {
		r.gaps.late(place, kind, names, since)
	}
	r.hub = hub.NewGroup(r.rules.Load().places, late, hubs...)
}

// connect builds the parts of one upstream.
func (s *side) connect(r *Relay, life string) {
	room, prefix, wireNames := &r.limits.buffer, s.settings.Prefix, atRedis{s, &r.rules}
	s.redis = upstream.NewConnection(r.loop, s.opts, s.inbound, s.owner, &r.limits.Payload, room, prefix+probePrefix+life,
		s.logger(r.log, "redis"))
	s.reader = upstream.NewReader(s.opts, s.logger(r.log, "reader"))
	s.followCredentials(r.loop, r.teller, s.reader, r.dead.readers[s.index])
	local := &listeners{s, &r.rules, hub.NewPinningListener(), r.checks, r.gaps}
	s.feed = history.NewFeed(r.loop, s.redis, s.reader, local, wireNames, room, &r.limits.Payload,
		s.logger(r.log, "history"))
	share := &fleetShare{s, &r.rules, r.outlets}
	shares := fleet.Shares{Asking: share.own, Answering: share.answer}
	s.fleet = fleet.New(s.fleetRedis(), shares, prefix, life, room, r.loop,
		s.logger(r.log, "fleet"))
	s.writer = writer.New(s.redis, prefix, life)
	s.pages = &history.Pages{
		ReadConn: s.reader, Names: wireNames, Patience: s.settings.PublishTimeout,
		Largest: func() int { return int(r.limits.Payload.Load()) },
	}
	*s.inbound = inbound{
		side: s, rules: &r.rules, checks: r.checks, outlets: r.outlets, teller: r.teller,
		traces: r.traces, viewers: r.viewers, watch: r.watch, dead: r.dead, last: r.last,
	}
	*s.interest = interest{
		side: s, rules: &r.rules, checks: r.checks, outlets: r.outlets, teller: r.teller,
		last: r.last, asked: wires{names: s.names(r.rules.Load())},
	}
	s.connectShards(r)
	*s.owner = lifecycle{side: s, rules: &r.rules, outlets: r.outlets, teller: r.teller, last: r.last}
}
