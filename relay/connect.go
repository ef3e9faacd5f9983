package relay

// The upstreams: how each is reached, and the parts between it and the gateways.

import (
	"fmt"
	"os"
	"time"

	"redis-relay/config"
	"redis-relay/relay/checks"
	"redis-relay/relay/embedded"
	"redis-relay/relay/fleet"
	"redis-relay/relay/history"
	"redis-relay/relay/hub"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/upstream"
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
	s.rights = &rights{
		side: s, rules: &r.rules, teller: r.teller, leaf: s.index == 0 && r.cfg.NATS.Leaf.URL != "",
		up: make(chan struct{}, 1), told: map[string]string{},
	}
	s.opts = upstreamOptions(r.cfg, s.name)
	s.opts.Refused = s.rights.note
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

func upstreamOptions(cfg *config.Config, name string) upstream.Options {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	c := cfg.Upstream(name)
	return upstream.Options{
		Section: cfg.UpstreamKey(name), Mode: string(c.Mode), URL: c.URL, PasswordFile: c.PasswordFile,
		CA: c.TLS.CA, Cert: c.TLS.Cert, Key: c.TLS.Key, Name: host,
		PublishTimeout: c.PublishTimeout, ProbeInterval: c.ProbeInterval, AlertAfter: c.AlertAfter,
	}
}

// connect builds the parts between the upstreams and the gateways, and connects them.
func (r *Relay) connect(life string) {
	r.outlets, r.viewers = &outlets{teller: r.teller}, newViewers(r.loop, r.cfg.Socket.Path)
	r.flusher = &hub.Flusher{Waited: r.metrics.QueueWait.ObserveMany}
	openHubs(r)
	r.watchTraffic()
	r.teller.Add(localOutlet{r.sides[0].hub}, notice.Host)
	r.gaps = &gaps{rules: &r.rules, loop: r.loop, sides: r.sides, hub: r.hub, outlets: r.outlets, teller: r.teller}
	r.exams = checks.NewExaminations(&r.limits.buffer)
	r.checks = checks.New(r.loop, r.sides.checked, r.gaps.unchecked, r.exams, &r.limits.buffer)
	for _, s := range r.sides {
		s.connect(r, life)
	}
	r.counts = &counts{rules: &r.rules, sides: r.sides, hub: r.hub}
	r.outbound = &outbound{
		loop: r.loop, replyTimes: r.metrics.PublishReply,
		rules: &r.rules, sides: r.sides, mirrors: newMirrors(r.sides, r.teller), checks: r.checks,
		outlets: r.outlets, teller: r.teller, traces: r.traces, viewers: r.viewers, watch: r.watch,
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
	late := func(place int, kind resp.Kind, names []string, since time.Time) {
		r.gaps.late(place, kind, names, since)
	}
	r.hub = hub.NewGroup(r.rules.Load().places, late, hubs...)
}

// connect builds the parts of one upstream.
func (s *side) connect(r *Relay, life string) {
	room := &r.limits.buffer
	s.redis = upstream.NewConnection(r.loop, s.opts, s.inbound, s.owner, &r.limits.Payload, room, probePrefix+life,
		s.logger(r.log, "redis"))
	s.reader = upstream.NewReader(s.opts, s.logger(r.log, "reader"))
	local := &listeners{s, &r.rules, hub.NewPinningListener(), r.checks, r.gaps}
	s.feed = history.NewFeed(r.loop, s.redis, s.reader, local, room, &r.limits.Payload, s.logger(r.log, "history"))
	share := &fleetShare{s.hub, r.outlets}
	s.fleet = fleet.New(s.redis, fleet.Shares{Asking: share.own, Answering: share.answer}, life, room, r.loop,
		s.logger(r.log, "fleet"))
	s.writer = history.NewWriter(s.redis, life)
	s.pages = &history.Pages{
		ReadConn: s.reader, Patience: s.settings.PublishTimeout,
		Largest: func() int { return int(r.limits.Payload.Load()) },
	}
	*s.inbound = inbound{
		side: s, rules: &r.rules, checks: r.checks, outlets: r.outlets, teller: r.teller,
		traces: r.traces, viewers: r.viewers, watch: r.watch,
	}
	*s.interest = interest{side: s, rules: &r.rules, checks: r.checks, outlets: r.outlets, teller: r.teller}
	*s.owner = lifecycle{side: s, rules: &r.rules, outlets: r.outlets, teller: r.teller}
}
