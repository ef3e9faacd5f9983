package relay

// Taking over a changed configuration without losing a connection.

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
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
	"redis-relay/relay/overview"
	"redis-relay/relay/policy"
	"redis-relay/relay/preflight"
	"redis-relay/relay/resp"
	"redis-relay/relay/respserver"
	"redis-relay/relay/watch"
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
	traffic *watch.Watch
	dead    *deadLetters
	last    *lastValues
	mirrors *mirrors
	rules   *atomic.Pointer[rules]
	limits  *limits
	teller  *notice.Teller

	loaded atomic.Pointer[overview.Loaded]

	mu      sync.Mutex
	running *config.Config // guarded by mu
	schemas digests        // of running; guarded by mu
	read    uint64         // what fingerprint said when the files were read last; guarded by mu
}

// reload reads the configuration again and takes it over. If anything is wrong with it, nothing changes.
func (l *reloader) reload() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read = fingerprint(l.running, l.start) // before: what changes meanwhile is read again
	next, err := l.running.Reread()
	var now *rules
	var schemas digests
	if err == nil {
		schemas = digestSchemas(next)
		// Another prefix of an upstream, and another upstream, need a restart.
		if now, err = newRules(next, l.start, l.metrics); err == nil {
			err = now.follow(l.rules.Load())
		} else {
			err = preflight.WithSchemaProblems(err, next)
		}
		err = next.Locate(err)
	}
	if err == nil {
		err = l.sides.checkCredentials(next)
	}
	setPassword := func() {}
	if err == nil {
		setPassword, err = l.readPassword(next)
	}
	at := time.Now()
	if err != nil {
		state := *l.loaded.Load()
		state.Refused, state.Cause = at, err.Error()
		l.loaded.Store(&state)
		l.teller.Log(notice.ReloadRefused, zap.Error(err))
		err = fmt.Errorf("%s: %w", notice.ReloadRefused.Text, err)
		l.loop.Call(func() { l.teller.Send(notice.ReloadRefused, notice.Event{Time: at, Cause: err.Error()}) })
		return err
	}
	if next.Schemas.Dir != l.running.Schemas.Dir { // the files there have been read, too
		l.read = fingerprint(next, l.start)
	}
	changes := append(config.Changes(l.running, next), l.schemas.changes(schemas)...)
	wait := func() {}
	l.loop.Call(func() {
		wait = l.adopt(next, now, schemas, changes)
		setPassword()
	})
	wait()
	l.loaded.Store(&overview.Loaded{At: at, Changes: changes})
	l.loop.Call(func() { l.teller.Send(notice.Reloaded, notice.Event{Time: at}) })
	return nil
}

// readPassword reads the password for TCP again. The file is that of the start: another one needs a restart. If the
// configuration does not name it any more, it may be gone, and the password stays as it is.
func (l *reloader) readPassword(next *config.Config) (set func(), err error) {
	password, err := respserver.ReadPassword(l.start.Socket.PasswordFile)
	switch {
	case err == nil:
		return func() { l.server.SetPassword(password) }, nil
	case next.Socket.PasswordFile != l.start.Socket.PasswordFile:
		return func() {}, nil
	}
	return nil, next.Locate(err)
}

// rename has the upstreams asked for the names by new rules: first, so that names which move to another upstream are
// asked for there by those. It belongs to the loop.
func (l *reloader) rename(before, now *rules) {
	var moved []resp.Name
	for _, s := range l.sides {
		moved = append(moved, s.interest.rename(s.names(now))...)
		if s.shards != nil {
			moved = append(moved, s.shards.rename(s.names(now))...)
		}
	}
	if prefixes := now.renamed(before); len(prefixes) > 0 { // else they have only changed upstreams: see gaps.moved
		l.gaps.renamed(prefixes, moved)
	}
}

// adopt takes a configuration over. wait returns when it holds for NATS clients, too. It belongs to the loop.
func (l *reloader) adopt(next *config.Config, now *rules, schemas digests, changes []string) (wait func()) {
	before := l.rules.Swap(now)
	l.last.follow(before, now, !maps.Equal(l.schemas, schemas))
	l.rename(before, now)
	l.hub.Rearrange(now.places, l.gaps.moved(before, now))
	// A client that may not subscribe any more would hear nothing more and not be told.
	l.server.RecheckAccess(func(by respserver.User, kind resp.Kind, name []byte) bool {
		return now.MaySubscribe(policy.User(by), kind, name) == nil
	})
	for _, s := range l.sides {
		s.interest.follow()
	}
	l.limits.set(next.Limits)
	l.traffic.Follow(next.Alerts.Spike)
	l.dead.set(deadSettings(next))
	l.last.begin()
	l.mirrors.prune(now)
	l.sides.adoptCredentials(next)
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
// same for one interval, so that a file that is being written is not read. What somebody else
// has reloaded meanwhile is not reloaded again.
func (l *reloader) watch(ctx context.Context) error {
	if l.start.File == "" {
		return nil
	}
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	last, _ := l.look()
	l.mu.Lock()
	if l.read == 0 { // nobody has reloaded yet
		l.read = last
	}
	l.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now, isRead := l.look()
		if now == last && !isRead {
			_ = l.reload() // has said what was wrong
		}
		last = now
	}
}

// look returns the fingerprint of the files as they are, and whether they were read as they are.
func (l *reloader) look() (now uint64, isRead bool) {
	l.mu.Lock()
	cfg := l.running
	l.mu.Unlock()
	now = fingerprint(cfg, l.start)
	l.mu.Lock()
	defer l.mu.Unlock()
	return now, now == l.read
}

// fingerprint changes when the configuration file, the password file or a schema does.
func fingerprint(cfg, start *config.Config) uint64 {
	h := fnv.New64a()
	note := func(path string) {
		if info, err := os.Stat(path); err == nil {
			_, _ = fmt.Fprintln(h, path, info.Size(), info.ModTime().UnixNano())
		}
	}
	note(cfg.File)
	note(start.Socket.PasswordFile)
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
