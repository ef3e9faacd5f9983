package relay

// Credentials that expire: what follows when the helper has printed others, or has failed.

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"redis-relay/config"
	"redis-relay/relay/loop"
	"redis-relay/relay/notice"
	"redis-relay/relay/upstream"
	"redis-relay/relay/upstream/credentials"
)

// followCredentials has the connections of an upstream, those of readers among them, take over the logins of its
// helper, if it has one.
func (s *side) followCredentials(l *loop.Loop, teller *notice.Teller, readers ...*upstream.Reader) {
	if s.opts.Credentials == nil {
		return
	}
	tell := func(n *notice.Notice, e notice.Event, facts ...zap.Field) {
		l.Post(func() { teller.Tell(n, e, s.about(facts...)...) })
	}
	s.opts.Credentials.Follow(credentials.Follower{
		Try: s.redis.Authenticate,
		Use: func(ctx context.Context, login credentials.Login) {
			var all sync.WaitGroup
			for _, r := range readers {
				all.Go(func() { r.Authenticate(ctx, login) })
			}
			if s.shards != nil {
				all.Go(func() { s.shards.Authenticate(ctx, login) })
			}
			all.Wait()
		},
		Failed: func(is credentials.State) {
			e := notice.Event{
				Cause: is.Err.Error(), Kind: notice.CredentialsKind, Attempts: is.Attempts, Upstream: s.label,
			}
			facts := []zap.Field{zap.Int("attempts", is.Attempts), zap.Error(is.Err)}
			if until := is.Login.Expires; !until.IsZero() {
				e.Until = &until
				facts = append(facts, zap.Time("until", until))
			}
			tell(notice.CredentialsFailed, e, facts...)
		},
		Works: func(before credentials.State) {
			tell(notice.CredentialsWork, notice.Event{
				Cause: "Redis has taken new credentials", Kind: notice.CredentialsKind, Since: &before.Since, Upstream: s.label,
			}, zap.Duration("for", time.Since(before.Since).Round(time.Millisecond)))
		},
	})
}

// keepCredentials runs the helper in time, until ctx ends.
func (s *side) keepCredentials(ctx context.Context) error {
	if s.opts.Credentials == nil {
		return nil
	}
	return s.opts.Credentials.Run(ctx)
}

// nextHelper returns the helper that a reload names. ok is false if the upstream has none before it, or after it:
// another kind of password needs a restart.
func (s *side) nextHelper(next *config.Config) (c config.Credentials, ok bool) {
	c = next.Upstream(s.name).Credentials
	return c, s.opts.Credentials != nil && len(c.Command) > 0
}

// checkCredentials returns an error if a helper that a reload names cannot be run.
func (all sides) checkCredentials(next *config.Config) error {
	for _, s := range all {
		c, ok := s.nextHelper(next)
		if !ok {
			continue
		}
		if err := credentials.Find(next.UpstreamKey(s.name)+".credentials.command", c.Command); err != nil {
			return next.Locate(err)
		}
	}
	return nil
}

// adoptCredentials takes over the helpers that a reload names.
func (all sides) adoptCredentials(next *config.Config) {
	for _, s := range all {
		if c, ok := s.nextHelper(next); ok {
			s.opts.Credentials.Set(c.Command, c.Refresh)
		}
	}
}
