package relay

// Taking over a changed configuration without losing a connection.

import (
	"context"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"redis-relay/config"
	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/monitor"
	"redis-relay/relay/notice"
	"redis-relay/relay/policy"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
)

// watchInterval is how often the configuration's files are looked at. A look is a
// handful of stat calls; it sees what a Kubernetes ConfigMap does, which swaps a
// symlink, and works on every file system.
const watchInterval = time.Second

// reloader takes over changes. Its methods may be called from anywhere, but for adopt.
type reloader struct {
	// Fixed after construction.
	start   *config.Config // as at the start; what reloads is in rules and limits
	metrics *monitor.Metrics
	level   zap.AtomicLevel
	loop    *loop.Loop
	server  *respserver.Server
	sides   sides
	hub     *hub.Group
	gaps    *gaps
	outlets *outlets
	traffic *watch
	rules   *atomic.Pointer[rules]
	limits  *limits
	teller  *notice.Teller

	loaded atomic.Pointer[loaded]

	mu      sync.Mutex
	running *config.Config // guarded by mu
	schemas digests        // of running; guarded by mu
}

// loaded is immutable.
type loaded struct {
	at      time.Time // when the configuration that runs was taken over
	changes []string  // what it changed; empty at the start
	refused time.Time // when a later one was refused; zero: none was
	cause   string    // why
}

// describe says it in one line for people.
func (l *loaded) describe() string {
	at := l.at.UTC().Format(time.RFC3339)
	if l.refused.IsZero() {
		return "loaded at " + at
	}
	return fmt.Sprintf("reload refused at %s, the relay goes on with what it loaded at %s: %s",
		l.refused.UTC().Format(time.RFC3339), at, strings.ReplaceAll(l.cause, "\n", "; "))
}

// reload reads the configuration again and takes it over. If anything is wrong with it, nothing changes.
func (l *reloader) reload() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	next, err := l.running.Reread()
	var now *rules
	var schemas digests
	var password string
	if err == nil {
		schemas = digestSchemas(next)
		if now, err = newRules(next, l.start.UpstreamNames(), l.metrics); err == nil {
			err = now.follow(l.rules.Load())
		} else {
			err = withAll(err, policy.SchemaProblems, next)
		}
		err = next.Locate(err)
	}
	if err == nil {
		password, err = respserver.ReadPassword(l.start.Socket.PasswordFile) // another file needs a restart
	}
	at := time.Now()
	if err != nil {
		state := *l.loaded.Load()
		state.refused, state.cause = at, err.Error()
		l.loaded.Store(&state)
		l.teller.Log(notice.ReloadRefused, zap.Error(err))
		err = fmt.Errorf("%s: %w", notice.ReloadRefused.Text, err)
		l.loop.Call(func() { l.teller.Send(notice.ReloadRefused, notice.Event{Time: at, Cause: err.Error()}) })
		return err
	}
	changes := append(config.Changes(l.running, next), l.schemas.changes(schemas)...)
	wait := func() {}
	l.loop.Call(func() {
		wait = l.adopt(next, now, schemas, changes)
		l.server.SetPassword(password)
	})
	wait()
	l.loaded.Store(&loaded{at: at, changes: changes})
	l.loop.Call(func() { l.teller.Send(notice.Reloaded, notice.Event{Time: at}) })
	return nil
}

// adopt takes a configuration over. wait returns when it holds for NATS clients, too. It belongs to the loop.
func (l *reloader) adopt(next *config.Config, now *rules, schemas digests, changes []string) (wait func()) {
	before := l.rules.Swap(now)
	l.hub.Rearrange(now.places, l.gaps.moved(before, now))
	// A client that may not subscribe any more would hear nothing more and not be told.
	l.server.RecheckAccess(func(by respserver.User, kind resp.Kind, name []byte) bool {
		return now.MaySubscribe(policy.User(by), kind, name) == nil
	})
	for _, s := range l.sides {
		s.interest.follow()
	}
	l.limits.set(next.Limits)
	l.traffic.follow(next)
	wait = l.outlets.adopt(now, l.limits.ofNATS(next.Limits))
	if level, err := zapcore.ParseLevel(string(next.Log.Level)); err == nil {
		l.level.SetLevel(level)
	}
	l.running, l.schemas = next, schemas
	l.teller.Log(notice.Reloaded, zap.Int("routes", len(next.Routes)), zap.Strings("changes", changes))
	now.tell(l.teller)
	if keys := config.Restart(l.start, next); len(keys) > 0 {
		l.teller.Log(notice.RestartNeeded, zap.Strings("keys", keys))
	}
	return wait
}

// watch reloads when one of the files that it looks at has changed and has then stayed the
// same for one interval, so that a file that is being written is not read.
func (l *reloader) watch(ctx context.Context) error {
	if l.start.File == "" {
		return nil
	}
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	loaded := l.fingerprint()
	last := loaded
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := l.fingerprint()
		if now == last && now != loaded {
			loaded = now
			_ = l.reload() // has said what was wrong
		}
		last = now
	}
}

// fingerprint changes when the configuration file, the password file or a schema does.
func (l *reloader) fingerprint() uint64 {
	l.mu.Lock()
	cfg := l.running
	l.mu.Unlock()
	h := fnv.New64a()
	note := func(path string) {
		if info, err := os.Stat(path); err == nil {
			_, _ = fmt.Fprintln(h, path, info.Size(), info.ModTime().UnixNano())
		}
	}
	note(cfg.File)
	note(l.start.Socket.PasswordFile)
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
