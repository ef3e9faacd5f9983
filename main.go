// Command redis-relay runs beside an app server and holds the host's one Redis
// subscriber connection. Local processes connect to its Unix socket with the
// Redis client they already use.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"text/tabwriter"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/admin"
)

// version is set by the linker in a release.
var version = "dev"

// drainTime bounds the end after the first signal.
const drainTime = 5 * time.Second

// Exit codes, as the shell knows them.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }

func run(args, env []string, stdout, stderr io.Writer) int {
	opts, err := parse(args, env)
	switch {
	case errors.Is(err, flag.ErrHelp):
		usage(stdout)
		return exitOK
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "redis-relay: %v\nTry redis-relay --help.\n", err)
		return exitUsage
	case opts.version:
		_, _ = fmt.Fprintln(stdout, "redis-relay", version)
		return exitOK
	}
	cfg, err := load(opts)
	if err != nil && opts.health && health(config.HTTPListen(opts.source), opts.live) == nil {
		return exitOK // it runs on what the file was before
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "redis-relay: the configuration is not valid:\n%v\n", err)
		return exitFailed
	}
	switch {
	case opts.health:
		err = health(cfg.HTTP.Listen, opts.live)
	case opts.check:
		err = relay.Describe(cfg, stdout)
	default:
		err = serve(cfg, stdout)
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "redis-relay: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// options are what the command line says.
type options struct {
	source  config.Source
	check   bool
	version bool
	health  bool // the subcommand
	live    bool
}

// defaultFile is read when it is there.
const defaultFile = "relay.yaml"

func parse(args, env []string) (options, error) {
	o := options{source: config.Source{Env: env, Flags: map[string]string{}}}
	if len(args) > 0 && args[0] == "health" {
		o.health, args = true, args[1:]
	}
	set := flag.NewFlagSet("redis-relay", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.source.Path, "config", defaultFile, "")
	set.BoolVar(&o.check, "check", false, "")
	set.BoolVar(&o.version, "version", false, "")
	set.BoolVar(&o.live, "live", false, "")
	for _, key := range config.Keys() {
		set.Func(key.Path, "", func(text string) error {
			o.source.Flags[key.Path] = text
			return nil
		})
	}
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if set.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	set.Visit(func(f *flag.Flag) { o.source.Required = o.source.Required || f.Name == "config" })
	return o, nil
}

func usage(w io.Writer) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format, args...) }
	p(`redis-relay: one Redis subscriber for the whole host

Usage:
  redis-relay [flags]            run the relay
  redis-relay --check [flags]    check configuration and schemas, print the routing table
  redis-relay health [--live]    ask the running relay whether it is ready (or alive): exit code 0 or 1

Flags:
  --config FILE	configuration (default %s, if it is there)
  --check	check and exit
  --version	print the version and exit
  --help	print this and exit

Every key of the configuration is a flag and an environment variable, too. Flags
go before the environment, that before the file.

`, defaultFile)
	for _, key := range config.Keys() {
		p("  --%s\t%s\t%s\n", key.Path, key.Env, key.Help)
	}
	_ = out.Flush()
}

// health asks the running relay that listens there.
func health(listen string, live bool) error {
	if listen == "" {
		return errors.New("http.listen is empty: the relay has no address to ask")
	}
	return admin.Probe(context.Background(), listen, live)
}

func load(opts options) (*config.Config, error) {
	cfg, err := config.Load(opts.source)
	if err != nil {
		return nil, err
	}
	return cfg, cfg.Validate()
}

// serve runs the relay until a signal ends it.
func serve(cfg *config.Config, stdout io.Writer) error {
	signal.Ignore(syscall.SIGPIPE) // a relay outlives whoever collects its log
	log, level, err := newLogger(cfg.Log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // fails on a terminal; nothing to be done
	r, err := relay.New(cfg, version, log, level)
	if err != nil {
		return err
	}
	if cfg.Log.Format == config.FormatConsole {
		welcome(stdout, cfg, r)
	}
	ctx, stop := untilSignal(log, r)
	defer stop()
	log.Info("redis-relay starts", zap.String("version", version), zap.String("config", named(cfg.File)),
		zap.String("socket", cfg.Socket.Path), zap.String("http", cfg.HTTP.Listen))
	if err := r.Run(ctx); err != nil {
		return err
	}
	log.Info("redis-relay has ended")
	return nil
}

func named(file string) string {
	if file == "" {
		return "built-in defaults"
	}
	return file
}

// untilSignal returns a context that SIGINT and SIGTERM end. A second one, or a
// drain that takes too long, ends the process at once. SIGHUP reloads.
func untilSignal(log *zap.Logger, r *relay.Relay) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		for s := range signals {
			switch {
			case s == syscall.SIGHUP:
				_ = r.Reload() // has said what was wrong
			case ctx.Err() != nil:
				log.Warn("second signal: ending at once")
				os.Exit(exitFailed)
			default:
				log.Info("draining", zap.Stringer("signal", s), zap.Duration("at_most", drainTime))
				cancel()
				time.AfterFunc(drainTime, func() {
					log.Error("draining took too long: ending at once")
					os.Exit(exitFailed)
				})
			}
		}
	}()
	return ctx, cancel
}

func newLogger(c config.Log) (*zap.Logger, zap.AtomicLevel, error) {
	level, err := zap.ParseAtomicLevel(string(c.Level))
	if err != nil {
		return nil, level, fmt.Errorf("log.level: %w", err)
	}
	conf, encoder := zap.NewProductionEncoderConfig(), zapcore.NewJSONEncoder
	conf.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	conf.EncodeDuration = zapcore.StringDurationEncoder
	if c.Format == config.FormatConsole {
		encoder = zapcore.NewConsoleEncoder
		conf.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		conf.EncodeLevel = zapcore.CapitalLevelEncoder
		conf.ConsoleSeparator = "  "
	}
	out := &impatient{to: os.Stderr, turn: make(chan struct{}, 1)}
	return zap.New(zapcore.NewCore(encoder(conf), zapcore.AddSync(out), level)), level, nil
}

// logPatience is how long a line of the log is waited for.
const logPatience = 100 * time.Millisecond

// impatient writes the log. When whoever should read it has stopped to, lines are lost
// until it goes on, and the relay does not wait.
type impatient struct {
	to    io.Writer
	turn  chan struct{} // a place for the line that is being written
	stuck atomic.Bool   // that line has taken too long
}

// Write does not fail.
func (w *impatient) Write(line []byte) (int, error) {
	late := time.NewTimer(logPatience)
	defer late.Stop()
	if !w.begin(late.C) {
		return len(line), nil
	}
	written, own := make(chan struct{}), bytes.Clone(line)
	go func() {
		_, _ = w.to.Write(own)
		w.stuck.Store(false)
		<-w.turn
		close(written)
	}()
	select {
	case <-written:
	case <-late.C:
		w.stuck.Store(true)
	}
	return len(line), nil
}

// begin waits until no other line is being written, but not for one that is stuck.
func (w *impatient) begin(late <-chan time.Time) bool {
	select {
	case w.turn <- struct{}{}:
		return true
	default:
	}
	if w.stuck.Load() {
		return false
	}
	select {
	case w.turn <- struct{}{}:
		return true
	case <-late:
		return false
	}
}

// welcome tells a person what runs, and in development what to try.
func welcome(w io.Writer, cfg *config.Config, r *relay.Relay) {
	socket, http := r.Addresses()
	if abs, err := filepath.Abs(socket); err == nil {
		socket = abs
	}
	redis := cfg.Redis.Redacted()
	embedded, file := r.Embedded()
	if embedded != "" {
		redis = embedded + ", embedded: for development only, history in " + file + " (set redis.url for a real one)"
	}
	if http == "" {
		http = "off"
	} else {
		http = "http://" + http
	}
	nats := r.NATSAddress()
	if nats == "" {
		nats = "off"
	} else {
		nats = "nats://" + nats
	}
	if cfg.NATS.Leaf.URL != "" {
		nats += ", leaf node of " + cfg.NATS.Leaf.Redacted()
	}
	_, _ = fmt.Fprintf(w, `redis-relay %s
  config  %s
  redis   %s
  socket  %s
  nats    %s
  http    %s

`, version, named(cfg.File), redis, socket, nats, http)
	if embedded == "" {
		return // nobody tries out a relay that others depend on
	}
	_, _ = fmt.Fprintf(w, `Try, in two other terminals:
  redis-cli -s %[1]s subscribe chat:42
  redis-cli -s %[1]s publish chat:42 '{"type":"typing","userId":"ann","roomId":"42"}'

`, socket)
}
