package respserver

// Clients that do not read: they are told of early, before their queue is too old or too full.

import (
	"time"

	"redis-relay/relay/glob"
	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

const (
	stuckAfter   = 5 * time.Second // for which output has waited for a client that is stuck
	drainedBelow = time.Second     // it is not stuck any more when what waits is younger
	maxFound     = 100             // clients that are found in one look: the others are found in the next ones
)

// stuck is what a Server knows about stuck clients.
type stuck struct {
	clients int       // that have a stuckSince
	looked  time.Time // when findStuck looked last
}

// StuckClient reports a client that reads nothing, or too slowly.
type StuckClient struct {
	Client
	hub.Backlog
	Waited time.Duration // how long the oldest of it has waited

	// Hears reports whether the client is subscribed to a channel, by its name or by a pattern. It may be called during
	// the report.
	Hears func(channel []byte) bool
}

// findStuck tells, once a second, of clients that have become stuck, and of those that are not any more.
func (s *Server) findStuck() {
	now := s.loop.Now()
	stoodStill := now.Sub(s.stuck.looked) > 2*sweepInterval // it was this process that let all clients wait
	s.stuck.looked = now
	if stoodStill || s.stuck.clients == 0 && s.limits.Used() == s.limits.Kept()+s.limits.Others() {
		return // or nothing waits for anybody
	}
	found := 0
	for _, c := range s.sessions {
		waited := waited(c.out, now)
		switch {
		case waited >= stuckAfter && c.stuckSince.IsZero() && !c.ending.finished && found < maxFound:
			found++
			s.stuck.clients++
			c.stuckSince = now
			s.backend.ClientStuck(StuckClient{c.client.Identity(), c.out.Backlog(), waited, c.subs.hears})
		case waited < drainedBelow:
			s.unstick(c, false)
		}
	}
}

// waited is how long output has waited for a client; 0: none waits.
func waited(out *hub.Outbox, now time.Time) time.Duration {
	since := out.WaitsSince()
	if since.IsZero() {
		return 0
	}
	return max(0, now.Sub(since))
}

// unstick tells that a client is not stuck any more, if it was: it has read what waited, or is gone.
func (s *Server) unstick(c *session, gone bool) {
	if c.stuckSince.IsZero() {
		return
	}
	since := c.stuckSince
	c.stuckSince = time.Time{}
	s.stuck.clients--
	if !s.closing {
		s.backend.ClientReads(c.client.Identity(), since, gone)
	}
}

// hears reports whether one of the names is that of a channel, or matches it.
func (s *subscriptions) hears(channel []byte) bool {
	for _, kind := range []resp.Kind{resp.Message, resp.SMessage} {
		if _, has := s.names[kind][string(channel)]; has {
			return true
		}
	}
	for pattern := range s.names[resp.PMessage] {
		if glob.Match([]byte(pattern), channel) {
			return true
		}
	}
	return false
}
