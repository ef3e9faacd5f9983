package relay

// Taking over a changed configuration without losing a connection.

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"redis-relay/config"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
)

// watchInterval is how often the configuration's files are looked at. A look is a
// handful of stat calls; it sees what a Kubernetes ConfigMap does, which swaps a
// symlink, and works on every file system.
const watchInterval = time.Second

// Reload reads the configuration again and takes over routes, schemas, limits and
// the log level. If anything is wrong with it, nothing changes. It may be called
// from anywhere.
func (r *Relay) Reload() error {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	next, err := r.running.Reread()
	var rules *rules
	var schemas digests
	if err == nil {
		schemas = digestSchemas(next)
		rules, err = newRules(next, r.metrics)
		err = next.Locate(withAll(err, schemaProblems, next))
	}
	event := Event{Event: "reload", Time: time.Now()}
	if err != nil {
		state := *r.loaded.Load()
		state.refused, state.cause = event.Time, err.Error()
		r.loaded.Store(&state)
		r.log.Error("reload refused, the relay goes on as before", zap.Error(err))
		err = fmt.Errorf("reload refused, the relay goes on as before: %w", err)
		event.Cause = err.Error()
	} else {
		wait := func() {}
		r.loop.Call(func() { wait = r.adopt(next, rules, schemas) })
		wait()
		r.loaded.Store(&loaded{at: event.Time})
	}
	r.loop.Call(func() { r.tell(EventsChannel, event) })
	return err
}

// adopt takes a configuration over. wait returns when it holds for NATS clients, too.
func (r *Relay) adopt(next *config.Config, rules *rules, schemas digests) (wait func()) {
	changes := append(config.Changes(r.running, next), r.schemas.changes(schemas)...)
	r.rules.Store(rules)
	// Who could not subscribe any more, would hear nothing more and not be told.
	r.server.Reconsider(func(by respserver.User, kind resp.Kind, name []byte) bool {
		return rules.maySubscribe(by, kind, name) == nil
	})
	r.interest.follow()
	r.setLimits(next.Limits)
	wait = r.reloadNATS(next)
	if level, err := zapcore.ParseLevel(string(next.Log.Level)); err == nil {
		r.level.SetLevel(level)
	}
	r.running, r.schemas = next, schemas
	r.log.Info("configuration reloaded", zap.Int("routes", len(next.Routes)), zap.Strings("changes", changes))
	rules.logSchemas(r.log)
	if keys := config.Restart(r.cfg, next); len(keys) > 0 {
		r.log.Warn("restart needed for some of the changes", zap.Strings("keys", keys))
	}
	return wait
}

// watch reloads when the file or a schema has changed and has then stayed the
// same for one interval, so that a file that is being written is not read.
func (r *Relay) watch(ctx context.Context) error {
	if r.cfg.File == "" {
		return nil
	}
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	loaded := r.fingerprint()
	last := loaded
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := r.fingerprint()
		if now == last && now != loaded {
			loaded = now
			_ = r.Reload() // has said what was wrong
		}
		last = now
	}
}

// fingerprint changes when the configuration file or a schema does.
func (r *Relay) fingerprint() uint64 {
	r.reloading.Lock()
	cfg := r.running
	r.reloading.Unlock()
	h := fnv.New64a()
	note := func(path string) {
		if info, err := os.Stat(path); err == nil {
			_, _ = fmt.Fprintln(h, path, info.Size(), info.ModTime().UnixNano())
		}
	}
	note(cfg.File)
	schemas, err := filepath.EvalSymlinks(cfg.Schemas.Dir) // WalkDir does not look behind one
	if err != nil {
		schemas = cfg.Schemas.Dir
	}
	_ = filepath.WalkDir(schemas, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return filepath.SkipDir
		}
		note(path)
		return nil
	})
	return h.Sum64()
}
