package command

// The relay as a process: its signals, its end.

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay"
)

// drainTime bounds the end after the first signal.
const drainTime = 5 * time.Second

// run runs the relay until a signal ends it.
func (p *program) run() error {
	cfg, err := p.load()
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // a relay outlives whoever collects its log
	log, level, err := newLogger(cfg.Log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }() // fails on a terminal; nothing to be done
	r, err := relay.New(cfg, p.version, log, level)
	if err != nil {
		return cfg.Locate(err)
	}
	if cfg.Log.Format == config.FormatConsole {
		p.welcome(cfg, r)
	}
	ctx, stop := untilSignal(log, r)
	defer stop()
	log.Info("redis-relay starts", zap.String("version", p.version), zap.String("config", named(cfg.File)),
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
