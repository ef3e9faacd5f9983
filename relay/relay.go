package relay

// Building the parts and running them.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"redis-relay/config"
	"redis-relay/relay/admin"
	"redis-relay/relay/embedded"
	"redis-relay/relay/fleet"
	"redis-relay/relay/history"
	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/monitor"
	"redis-relay/relay/natsbridge"
	"redis-relay/relay/respserver"
	"redis-relay/relay/sampling"
	"redis-relay/relay/upstream"
)

// probePrefix begins the channel on which a relay proves to itself that Redis
// delivers; the life of the relay follows.
const probePrefix = "relay:probe:"

// Relay is one relay. New builds it, Run runs it, once.
//
//	Redis ==> upstream.Connection --> Relay.Deliver --> hub.Hub --> respserver sessions
//	Redis <== upstream.Connection <-- Relay.Publish <------------- respserver sessions
//
// All of this belongs to the event loop. Other goroutines reach it by loop.Post and loop.Call.
type Relay struct {
	// Fixed after construction.
	cfg      *config.Config // as at the start; what reloads is in rules and limits
	log      *zap.Logger
	level    zap.AtomicLevel
	metrics  *monitor.Metrics
	embedded *embedded.Server // nil: a real Redis
	loop     *loop.Loop
	flusher  *hub.Flusher
	redis    *upstream.Connection
	reader   *upstream.Reader // for what may be long
	interest *interest
	rights   *rights
	hub      *hub.Hub
	watcher  *hub.Listener // for readers of history
	exams    *examinations
	checks   *checkPool
	fleet    *fleet.Fleet
	feed     *history.Feed
	pages    *history.Pages
	writer   *history.Writer
	server   *respserver.Server
	socket   *respserver.Socket
	nats     *natsbridge.Bridge // nil: off
	leaf     *leaf              // nil: off
	admin    *admin.Server      // nil: off

	rules  atomic.Pointer[rules]
	loaded atomic.Pointer[loaded]
	limits respserver.Limits
	buffer atomic.Int64   // bytes that each of the relay's own buffers may hold
	alerts atomic.Uint64  // outages that were told of
	reads  sync.WaitGroup // of history, for clients

	// Owned by the loop.
	rejectLog    sampling.Sampler
	noiseLog     sampling.Sampler
	behindLog    sampling.Sampler
	turnLog      sampling.Sampler
	epoch        uint64 // grows with each confirmation of Redis, in the order of messages
	stretch      stretch
	lastName     string // channel of the last publish
	lowered      int64  // limits.clients of which it was told that the system has no room; 0: none
	newest       newest
	feedNewest   newest
	disconnected int

	reloading sync.Mutex
	running   *config.Config // guarded by reloading
	schemas   digests        // of running; guarded by reloading
}

// New builds a relay: it compiles schemas, checks files, and takes the socket and
// the HTTP address. It does not wait for Redis. version is that of the program;
// level is what a reload of log.level sets. An error names the key it is about.
// The caller must call Run, or Close.
func New(cfg *config.Config, version string, log *zap.Logger, level zap.AtomicLevel) (*Relay, error) {
	r := &Relay{
		cfg: cfg, running: cfg, log: log, level: level, metrics: monitor.New(version),
	}
	r.rights = newRights(r)
	r.rejectLog.TellRest(log, "messages refused, invalid or lost")
	r.noiseLog.TellRest(log, "a channel is noisy")
	r.behindLog.TellRest(log, "a client does not keep up")
	r.turnLog.TellRest(log, "the relay stood still for others")
	r.setLimits(cfg.Limits)
	r.loaded.Store(&loaded{at: time.Now()})
	r.schemas = digestSchemas(cfg)
	rules, err := newRules(cfg, r.metrics)
	if err != nil {
		return nil, withAll(err, Problems, cfg)
	}
	r.rules.Store(rules)
	if err := r.build(version); err != nil {
		return nil, errors.Join(withAll(err, Problems, cfg), r.Close())
	}
	return r, nil
}

func (r *Relay) build(version string) error {
	if err := r.takeSocket(); err != nil { // first: with it goes what the embedded Redis keeps
		return err
	}
	opts, err := r.connectTo()
	if err != nil {
		return err
	}
	if r.loop, err = loop.New(loop.Options{Long: r.longTurn}); err != nil {
		return err
	}
	r.loop.AtTurnEnd(r.endTurn)
	life := fmt.Sprintf("%s:%d:%d", opts.Name, os.Getpid(), time.Now().UnixNano())
	r.redis = upstream.NewConnection(r.loop, opts, r, r, &r.limits.Payload, &r.buffer, probePrefix+life,
		r.log.Named("redis"))
	r.reader = upstream.NewReader(opts, r.log.Named("reader"))
	r.interest = &interest{relay: r}
	r.flusher = &hub.Flusher{}
	r.hub = hub.New(r.interest, isLocal)
	r.watcher = hub.NewWatcher()
	shares := fleet.Shares{Asking: r.own, Answering: r.share}
	r.fleet = fleet.New(r.redis, shares, life, &r.buffer, r.loop, r.log.Named("fleet"))
	r.feed = history.NewFeed(r.loop, r.redis, r.reader, (*ears)(r), &r.buffer, &r.limits.Payload, r.log.Named("history"))
	r.pages = &history.Pages{
		Redis: r.reader, Patience: r.cfg.Redis.PublishTimeout, Largest: func() int { return int(r.limits.Payload.Load()) },
	}
	r.writer = history.NewWriter(r.redis, life)
	r.exams = newExaminations(&r.buffer)
	r.checks = newCheckPool(r.loop, func(m *heldMessage) {
		listeners := r.handOn(m.route, m.counters, &m.Delivery, &m.check.judgement, m.isCopy)
		m.counters.Delivered.Add(float64(listeners))
	}, r.unchecked, r.exams, &r.buffer)
	r.server = respserver.New(respserver.Options{
		Version: version, Path: r.cfg.Socket.Path,
		HTTP: func() string {
			_, http := r.Addresses()
			return http
		},
		AllowUIDs: r.cfg.Socket.AllowUIDs, AllowGIDs: r.cfg.Socket.AllowGIDs,
		PublishTimeout: r.cfg.Redis.PublishTimeout,
	}, r.loop, r.hub, r.flusher, r, &r.limits, r.log.Named("socket"))

	if err := errors.Join(r.openLeaf(life), r.openNATS()); err != nil {
		return err
	}
	r.measure()
	if r.cfg.HTTP.Listen == "" {
		return nil
	}
	r.admin, err = admin.New(r.cfg.HTTP.Listen, r.Checks, r.metrics.WriteStatus, r.metrics.Handler())
	return err
}

func (r *Relay) takeSocket() error {
	mode, err := r.cfg.Socket.FileMode()
	if err != nil {
		return fmt.Errorf("socket.mode: %w", err)
	}
	r.socket, err = respserver.Listen(r.cfg.Socket.Path, mode, r.cfg.Socket.Group)
	return err
}

// connectTo says how to reach Redis, and starts the embedded one if that is meant.
func (r *Relay) connectTo() (upstream.Options, error) {
	opts := upstreamOptions(&r.cfg.Redis)
	opts.Refused = r.rights.note
	if r.cfg.Redis.IsEmbedded() {
		var err error
		if r.embedded, err = embedded.Start(r.kept(), r.log.Named("embedded")); err != nil {
			return opts, fmt.Errorf("start the embedded Redis: %w", err)
		}
		opts.URL = r.embedded.URL()
	}
	return opts, opts.Check()
}

// kept is the file in which the embedded Redis has its streams, so that history
// outlives the relay.
func (r *Relay) kept() string { return r.cfg.Socket.Path + ".history" }

func upstreamOptions(c *config.Redis) upstream.Options {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return upstream.Options{
		Mode: string(c.Mode), URL: c.URL, PasswordFile: c.PasswordFile,
		CA: c.TLS.CA, Cert: c.TLS.Cert, Key: c.TLS.Key, Name: host,
		PublishTimeout: c.PublishTimeout, ProbeInterval: c.ProbeInterval, AlertAfter: c.AlertAfter,
	}
}

// Close gives back what New took. Only for a relay that was never run.
func (r *Relay) Close() error {
	var errs []error
	if r.socket != nil {
		errs = append(errs, r.socket.Close())
	}
	if r.nats != nil {
		errs = append(errs, r.nats.Close())
	}
	if r.admin != nil {
		errs = append(errs, r.admin.Close())
	}
	if r.embedded != nil {
		errs = append(errs, r.embedded.Close())
	}
	if r.loop != nil {
		errs = append(errs, r.loop.Close())
	}
	return errors.Join(errs...)
}

// Run serves until ctx ends, then drains: clients get the answers to what they
// have sent, connections are closed, and last the ones to Redis. It returns nil,
// or what made it stop by itself.
func (r *Relay) Run(ctx context.Context) error {
	r.rules.Load().logSchemas(r.log)
	// The loop outlives all, and the Redis side the clients: their last publishes need it.
	turning, halt := context.WithCancel(context.WithoutCancel(ctx))
	defer halt()
	turns := make(chan error, 1)
	go func() { turns <- r.loop.Run(turning) }()
	below, stop := context.WithCancel(turning)
	var redis errgroup.Group
	r.loop.Call(r.feed.Start)
	redis.Go(func() error { return r.redis.Run(below) })
	redis.Go(func() error { return r.checks.run(below) })
	redis.Go(func() error { return r.rights.run(below) })

	// Publishes that are being checked go on for a moment.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, r.exams.stop) })

	clients, gctx := errgroup.WithContext(ctx)
	clients.Go(func() error { return r.server.Serve(gctx, r.socket) })
	clients.Go(func() error { return r.socket.Keep(gctx, r.socketLost) })
	clients.Go(func() error { return r.watch(gctx) })
	if r.nats != nil {
		clients.Go(func() error { return r.nats.Run(gctx) })
	}
	if r.leaf != nil {
		clients.Go(func() error { return r.leaf.run(gctx) })
	}
	if r.admin != nil {
		clients.Go(func() error { return r.admin.Run(gctx) })
	}
	err := clients.Wait()
	stop()
	err = errors.Join(err, redis.Wait())
	r.loop.Call(r.feed.Close)
	r.reader.Close()
	r.feed.Wait()
	r.reads.Wait()
	halt()
	err = errors.Join(err, <-turns)
	if r.embedded != nil {
		err = errors.Join(err, r.embedded.Close())
	}
	return err
}

// longTurn is told of a turn of the loop in which others waited for long.
func (r *Relay) longTurn(took time.Duration, what string) {
	if more, ok := r.turnLog.Allow(what); ok {
		r.log.Warn("the relay stood still for others", append(more,
			zap.Duration("for", took.Round(time.Millisecond)), zap.String("longest", what))...)
	}
}

// Addresses returns where the relay can be reached: the socket's path, and the
// HTTP address, empty if that is off.
func (r *Relay) Addresses() (socket, http string) {
	if r.admin != nil {
		http = r.admin.Addr().String()
	}
	return r.cfg.Socket.Path, http
}

// NATSAddress returns where NATS clients can reach the relay, empty if that is off.
func (r *Relay) NATSAddress() string {
	if r.nats == nil {
		return ""
	}
	return r.nats.Addr().String()
}

// Ready says whether clients can connect, every wanted subscription is confirmed by
// Redis and messages can be published, and if not, what is missing.
func (r *Relay) Ready() (ready bool, missing string) { return admin.Ready(r.Checks()) }

// Checks says what there is to know about the state of the relay.
func (r *Relay) Checks() []admin.Check {
	socket := admin.Check{Name: "socket", OK: true, Vital: true, Text: "clients can connect to " + r.cfg.Socket.Path}
	if err := r.socket.Lost(); err != nil {
		socket.OK, socket.Text = false, err.Error()
	}
	redis := admin.Check{
		Name: "redis", OK: true, Vital: true, Text: "all subscriptions are confirmed, messages can be published",
	}
	if ready, missing := r.upstreamReady(); !ready {
		redis.OK, redis.Text = false, missing
	}
	state := r.loaded.Load()
	return []admin.Check{
		socket, redis, {Name: "config", OK: state.refused.IsZero(), Text: state.describe()},
	}
}

func (r *Relay) upstreamReady() (ready bool, missing string) {
	missing = "the relay is ending"
	r.loop.Call(func() {
		var connected bool
		if ready, connected, missing = r.redis.Status(); ready || !connected {
			return
		}
		if all, kind, example, n := r.hub.Confirmed(); !all {
			missing = fmt.Sprintf("%d subscriptions are not confirmed by Redis, %s %q among them",
				n, kind.Subscribe(), example)
		}
	})
	return ready, missing
}

// Embedded returns the address of the Redis inside the relay, which other relays
// and plain clients on this host can use, and the file in which it keeps history;
// both are empty where redis.url names a real one.
func (r *Relay) Embedded() (url, file string) {
	if r.embedded == nil {
		return "", ""
	}
	return r.embedded.URL(), r.kept()
}

// redisName is how the log calls Redis: without a password.
func (r *Relay) redisName() string {
	if r.embedded != nil {
		return "embedded"
	}
	return r.cfg.Redis.Redacted()
}

func (r *Relay) setLimits(l config.Limits) {
	r.limits.Clients.Store(r.clientRoom(int64(l.Clients)))
	r.limits.Subscriptions.Store(int64(l.Subscriptions))
	r.limits.Patterns.Store(int64(l.Patterns))
	r.limits.Name.Store(int64(l.Name))
	r.limits.PatternLength.Store(int64(l.PatternLength))
	r.limits.Payload.Store(int64(l.Payload))
	r.limits.Queue.Store(int64(l.Queue))
	r.limits.Age.Store(int64(l.QueueAge))
	r.limits.Memory.Store(int64(l.Memory))
	r.buffer.Store(int64(l.Buffer()))
	r.limits.Answer.Store(int64(max(l.Queue, min(upstream.MaxAnswer, l.Buffer()))))
	r.limits.Window.Store(int64(l.PublishWindow))
	r.limits.Command.Store(int64(l.CommandTimeout))
}

// ownDescriptors are the file descriptors that no client may take: for Redis, the
// configuration and the runtime; and for HTTP.
const ownDescriptors = 32 + admin.MaxConnections

// clientRoom returns how many clients there may be on the socket, and as many again at
// the NATS door, if that is open: as many as asked for, or as the system has
// descriptors for, which it says then.
func (r *Relay) clientRoom(asked int64) int64 {
	doors := int64(1)
	if r.cfg.NATS.Listen != "" {
		doors++
	}
	var files syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
	if err != nil || files.Cur >= uint64(doors*asked+ownDescriptors) {
		r.lowered = 0
		return asked
	}
	room := max(1, (int64(files.Cur)-ownDescriptors)/doors)
	if r.lowered == asked {
		return room
	}
	r.lowered = asked
	r.log.Warn("limits.clients is lowered: the process may open too few files (ulimit -n, LimitNOFILE)",
		zap.Int64("limits.clients", asked), zap.Int64("lowered_to", room), zap.Uint64("open_files", files.Cur))
	return room
}

// measure names the gauges.
func (r *Relay) measure() {
	m := r.metrics
	m.Gauge("clients", "Connections on the socket.", func() float64 { return float64(r.server.Stats().Clients) })
	m.Gauge("socket_reachable", "1 while the socket's file is there, so that clients can connect.",
		func() float64 { return oneIf(r.socket.Lost() == nil) })
	m.Count("socket_remade_total", "Times that the socket's file was gone or replaced, and was made anew.",
		func() float64 { return float64(r.socket.Remade()) })
	m.Count("clients_accepted_total", "Connections accepted.",
		func() float64 { return float64(r.server.Stats().Accepted) })
	m.Count("clients_refused_total", "Connections turned away.",
		func() float64 { return float64(r.server.Stats().Refused) })
	m.Count("subscriptions_refused_total", "Commands of clients that may not listen to a name, or read its history.",
		func() float64 { return float64(r.server.Stats().Denied) })
	m.Count("commands_total", "Commands of clients.",
		func() float64 { return float64(r.server.Stats().Commands) })
	for kind, label := range []string{"channel", "pattern", "shard"} {
		m.Gauge("subscriptions", "Names that somebody on this host listens to.",
			r.fromLoop(func() float64 { return float64(r.hub.Stats().Topics[kind]) }), "kind", label)
		m.Gauge("listeners", "Subscriptions of local connections.",
			r.fromLoop(func() float64 { return float64(r.hub.Stats().Listeners[kind]) }), "kind", label)
	}
	const drops = "Messages that one listener did not get."
	m.Count("drops_total", drops, r.fromLoop(func() float64 { return float64(r.hub.Stats().Dropped) }),
		"reason", string(hub.ReasonDropped))
	m.Count("drops_total", drops, r.fromLoop(func() float64 { return float64(r.hub.Stats().Replaced) }),
		"reason", string(hub.ReasonLatest))
	m.Count("drops_total", drops, r.fromLoop(func() float64 { return float64(r.hub.Stats().Ended) }),
		"reason", string(hub.ReasonEnded))
	for _, why := range respserver.EndReasons {
		m.Count("disconnects_total", "Clients disconnected by the relay.",
			func() float64 { return float64(r.server.Ended(why)) }, "reason", string(why))
	}
	m.Gauge("queued_bytes",
		"Output that waits for clients whose sockets are full, and their commands and answers that are not whole.",
		func() float64 { return float64(max(0, r.limits.Used()-r.limits.Kept()-r.limits.Others())) })
	m.Gauge("subscription_bytes", "Memory kept for what local connections listen to, and wait for in XREAD, about.",
		func() float64 { return float64(r.limits.Kept()) })
	history := func() (s history.Stats) {
		r.loop.Call(func() { s = r.feed.Stats() })
		return s
	}
	m.Gauge("history_channels", "Channels with history that are followed.",
		func() float64 { return float64(history().Channels) })
	m.Gauge("history_channels_behind", "Channels with history of which entries are missing and being read.",
		func() float64 { return float64(history().Behind) })
	m.Gauge("history_readers", "Clients that wait in XREAD BLOCK.",
		func() float64 { return float64(history().Readers) })
	m.Gauge("history_bytes", "Memory of messages that wait for missing entries, and of entries kept for readers.",
		func() float64 { return float64(history().Held + history().Kept) })
	m.Count("history_healed_total", "Entries that listeners got after a loss, from the stream.",
		func() float64 { return float64(history().Healed) })
	m.Count("history_gaps_total", "Gaps in channels with history that could not be healed, each told on relay:events.",
		func() float64 { return float64(history().Gaps) })
	m.Count("fleet_questions_total", "Questions to all relays, about how many listeners there are.", func() float64 {
		questions, _ := r.fleet.Stats()
		return float64(questions)
	})
	m.Count("fleet_answers_missing_total", "Answers of relays that did not come in time: each counts as one.",
		func() float64 {
			_, missing := r.fleet.Stats()
			return float64(missing)
		})
	r.measureLoaded()
	r.measureNATS()
	r.measureLeaf()
	m.Gauge("http_connections", "Connections to the HTTP server.", func() float64 {
		now, _ := r.httpConnections()
		return float64(now)
	})
	m.Count("http_displaced_total", "Connections to the HTTP server that were closed to make room for new ones.",
		func() float64 {
			_, displaced := r.httpConnections()
			return float64(displaced)
		})
	m.Gauge("upstream_ready", "1 while every wanted subscription is confirmed by Redis.", func() float64 {
		ready, _ := r.upstreamReady()
		return oneIf(ready)
	})
	m.Count("upstream_connections_total", "Connections made to Redis that subscribe and publish.",
		func() float64 { return float64(r.redis.Lives()) })
	m.Gauge("loop_longest_turn_seconds", "The longest time so far in which the event loop served nobody else.",
		func() float64 { return r.loop.Longest().Seconds() })
	m.Count("loop_turns_total", "Turns of the event loop.", func() float64 { return float64(r.loop.Turns()) })
	m.Count("upstream_alerts_total", "Outages in which Redis could not be reached redis.alert_after times in a row.",
		func() float64 { return float64(r.alerts.Load()) })
}

func (r *Relay) httpConnections() (now int, displaced uint64) {
	if r.admin == nil {
		return 0, 0
	}
	return r.admin.Connections()
}

// fromLoop returns a figure of what belongs to the loop, for any goroutine.
func (r *Relay) fromLoop(figure func() float64) func() float64 {
	return func() (v float64) {
		r.loop.Call(func() { v = figure() })
		return v
	}
}

// oneIf is a condition as a gauge.
func oneIf(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}

var (
	_ upstream.Sink      = (*Relay)(nil)
	_ respserver.Backend = (*Relay)(nil)
	_ upstream.Answer    = (*publication)(nil)
)
