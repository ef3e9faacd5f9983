package relay

// Building the parts, connecting them and running them.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay/admin"
	"redis-relay/relay/alerts"
	"redis-relay/relay/checks"
	"redis-relay/relay/hub"
	"redis-relay/relay/leaf"
	"redis-relay/relay/loop"
	"redis-relay/relay/monitor"
	"redis-relay/relay/natsbridge"
	"redis-relay/relay/notice"
	"redis-relay/relay/overview"
	"redis-relay/relay/policy"
	"redis-relay/relay/preflight"
	"redis-relay/relay/respserver"
	"redis-relay/relay/respserver/listen"
	"redis-relay/relay/status"
	"redis-relay/relay/traces"
	"redis-relay/relay/watch"
)

// probePrefix begins the channel on which a relay proves to itself that Redis
// delivers; the life of the relay follows.
const probePrefix = "relay:probe:"

// Relay is one relay. New builds it, Run runs it, once.
//
//	Redis ==> upstream.Connection --> inbound  --> hub.Hub --> respserver sessions
//	Redis <== upstream.Connection <-- outbound <------------- respserver sessions
//
// There is one connection, one inbound and one hub for each upstream: see side.
//
// All of this belongs to the event loop. Other goroutines reach it by loop.Post and loop.Call.
type Relay struct {
	// Fixed after construction.
	cfg     *config.Config // as at the start
	log     *zap.Logger
	metrics *monitor.Metrics
	teller  *notice.Teller
	alerts  *alerts.Board
	loop    *loop.Loop
	sides   sides
	hub     *hub.Group // of the sides' hubs
	flusher *hub.Flusher
	exams   *checks.Examinations
	checks  *checks.Pool
	socket  *listen.Socket
	tcp     *listen.TCP // nil: off
	server  *respserver.Server
	admin   *admin.Server  // nil: off
	traces  *traces.Tracer // nil: off

	outbound *outbound
	outlets  *outlets
	viewers  *watch.Viewers
	gaps     *gaps
	last     *lastValues
	counts   *counts
	streams  *streams
	leaf     *leaf.Node // nil: off
	reloader *reloader
	overview *overview.Overview
	watch    *watch.Watch
	dead     *deadLetters

	services    []func(context.Context) error // that run as long as clients are served
	closers     []func() error                // of what New took
	natsAddress string                        // empty: off
	natsStats   func() natsbridge.Stats

	webhookStats func() alerts.WebhookStats

	rules  atomic.Pointer[rules]
	limits limits
}

// New builds a relay: it compiles schemas, checks files, and takes the socket and
// the HTTP address. It does not wait for Redis. version is that of the program;
// level is what a reload of log.level sets. An error names the key it is about.
// The caller must call Run, or Close.
func New(cfg *config.Config, version string, log *zap.Logger, level zap.AtomicLevel) (*Relay, error) {
	r := &Relay{
		cfg: cfg, log: log, metrics: monitor.New(version), teller: notice.New(log),
		natsStats:    func() (none natsbridge.Stats) { return none },
		webhookStats: func() (none alerts.WebhookStats) { return none },
	}
	r.limits.teller, r.limits.gateways = r.teller, 1
	if cfg.NATS.Listen != "" {
		r.limits.gateways++
	}
	r.limits.set(cfg.Limits)
	r.reloader = &reloader{
		start: cfg, running: cfg, schemas: digestSchemas(cfg), metrics: r.metrics, level: level,
		rules: &r.rules, limits: &r.limits, teller: r.teller,
	}
	r.reloader.loaded.Store(&overview.Loaded{At: time.Now()})
	rules, err := newRules(cfg, cfg, r.metrics)
	if err != nil {
		return nil, preflight.WithProblems(err, cfg)
	}
	r.rules.Store(rules)
	if err := r.build(version); err != nil {
		return nil, errors.Join(preflight.WithProblems(err, cfg), r.Close())
	}
	return r, nil
}

func (r *Relay) build(version string) error {
	r.openAlerts(version) // before there are any

	if err := r.takeSocket(); err != nil { // first: with it goes what the embedded Redis keeps
		return err
	}
	err := openSides(r)
	if err != nil {
		return err
	}
	if r.loop, err = loop.New(loop.Options{Long: r.longTurn, Turn: r.metrics.Turn.Observe}); err != nil {
		return err
	}
	r.closers = append(r.closers, r.loop.Close)
	life := fmt.Sprintf("%s:%d:%d", r.sides[0].opts.Name, os.Getpid(), time.Now().UnixNano())
	if err := r.openTraces(version, life); err != nil {
		return err
	}
	r.connect(life)
	if err := errors.Join(r.openSocket(version), r.openLeaf(life), r.openNATS()); err != nil {
		return err
	}
	for _, s := range r.sides {
		s.owner.first = r.leaf.StandDown
	}
	r.loop.AtTurnEnd(r.endTurn)
	r.oversee(version)
	if err := r.openHTTP(); err != nil {
		return err
	}
	r.overview.Measure(r.metrics, r.admin)
	return nil
}

// oversee prepares to tell of all parts.
func (r *Relay) oversee(version string) {
	upstreams := make([]*overview.Upstream, len(r.sides))
	for i, s := range r.sides {
		upstreams[i] = s.described(r.dead)
	}
	r.overview = overview.New(&overview.Parts{
		Version: version, Config: r.cfg,
		Loop: r.loop, Upstreams: upstreams, Hub: r.hub, Server: r.server, Socket: r.socket,
		TCP: r.tcp, Leaf: r.leaf, Traces: r.traces, Watch: r.watch, Alerts: r.alerts, Teller: r.teller,
		Limits: &r.limits.Limits, NATS: r.natsStats, Last: r.last.stats, Webhook: r.webhookStats,
		Loaded: r.reloader.loaded.Load,
		Rules: func() (*policy.Rules, []*monitor.Route) {
			now := r.rules.Load()
			return now.Rules, now.counters
		},
	})
	r.services = append(r.services, func(ctx context.Context) error {
		return r.overview.Run(ctx, func() {
			if r.admin != nil {
				r.admin.Tick()
			}
		})
	})
}

func (r *Relay) openHTTP() (err error) {
	c := r.cfg.HTTP
	if c.Listen == "" {
		return nil
	}
	all := func(string) bool { return true }
	o := admin.Options{
		Address: c.Listen, Hosts: c.Hosts, Pprof: c.Pprof, Checks: r.overview.Checks, Figures: r.metrics.WriteStatus,
		Overview: func(seconds int) *status.Status { return r.overview.Status(seconds, all) }, Metrics: r.metrics.Handler(),
	}
	if c.TokenFile != "" {
		o.Token = func() (string, error) { return preflight.ReadToken("http.token_file", c.TokenFile) }
		if _, err := o.Token(); err != nil {
			return err
		}
	}
	if r.admin, err = admin.New(o); err != nil {
		return err
	}
	r.services, r.closers = append(r.services, r.admin.Run), append(r.closers, r.admin.Close)
	return nil
}

// Close gives back what New took. Only for a relay that was never run.
func (r *Relay) Close() error {
	var errs []error
	for _, give := range slices.Backward(r.closers) {
		errs = append(errs, give())
	}
	return errors.Join(errs...)
}

// Run serves until ctx ends, then drains: clients get the answers to what they
// have sent, connections are closed, and last the ones to Redis. It returns nil,
// or what made it stop by itself.
func (r *Relay) Run(ctx context.Context) error {
	r.rules.Load().tell(r.teller)
	// The loop outlives all, and the Redis side the clients: their last publishes need it.
	turning, halt := context.WithCancel(context.WithoutCancel(ctx))
	defer halt()
	turns := make(chan error, 1)
	go func() { turns <- r.loop.Run(turning) }()
	below, stop := context.WithCancel(turning)
	var redis errgroup.Group
	for _, s := range r.sides {
		s.start(below, &redis, r.loop)
	}
	redis.Go(func() error { return r.checks.Run(below) })
	redis.Go(func() error { return r.dead.run(below) })

	// Publishes that are being checked go on for a moment.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, r.exams.Stop) })

	clients, gctx := errgroup.WithContext(ctx)
	for _, run := range r.services {
		clients.Go(func() error { return run(gctx) })
	}
	err := clients.Wait()
	stop()
	err = errors.Join(err, redis.Wait())
	for _, s := range r.sides {
		s.stop(r.loop)
	}
	r.alerts.Close()
	r.streams.reads.Wait()
	halt()
	err = errors.Join(err, <-turns, r.traces.Close())
	return errors.Join(append(r.sides.closeEmbedded(), err)...)
}

// Reload reads the configuration again and takes over routes, schemas, limits and
// the log level. If anything is wrong with it, nothing changes. It may be called
// from anywhere.
func (r *Relay) Reload() error { return r.reloader.reload() }

// endTurn writes what a turn of the loop has produced: to Redis first, then to the clients. When there is
// too much for one turn, nothing more is read from Redis until the rest is written.
func (r *Relay) endTurn() {
	for _, s := range r.sides {
		s.inbound.endTurn()
	}
	r.hub.Report()
	r.hub.FanOut()
	r.outlets.handOver()
	r.sides.flush()
	written := r.flusher.Flush()
	r.traces.EndTurn()
	if written {
		free := r.flusher.BuffersReusable()
		r.hub.ReuseBuffers(free)
		r.sides.resume(free)
		return
	}
	r.sides.pause()
	r.loop.Post(func() {}) // there is another turn
}

// longTurn is told of a turn of the loop in which others waited for long.
func (r *Relay) longTurn(took time.Duration, what string) {
	if more, ok := r.teller.Sample(notice.LongTurn, what); ok {
		r.teller.Log(notice.LongTurn, append(more,
			zap.Duration("for", took.Round(time.Millisecond)), zap.String("longest", what))...)
	}
}
