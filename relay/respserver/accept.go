package respserver

// The door itself: who is let in, and who is shown out again because no command
// comes.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"syscall"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
)

const (
	// ReasonCutOff says that a command did not come in whole within its time.
	ReasonCutOff hub.Reason = "incomplete"

	cutOffInterval = time.Second // between two looks for such

	retryMin = 5 * time.Millisecond // after a failed accept, at first
	retryMax = time.Second          // and at last
	calm     = 2 * retryMax         // without a failed accept, until the trouble is over
)

func (s *Server) accept(ctx context.Context, ln net.Listener) error {
	var failing failing
	for {
		conn, err := ln.Accept()
		switch {
		case err == nil:
			failing.over(s.log)
			s.open(conn)
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, syscall.ECONNABORTED):
		case isExhaustion(err):
			// Connections wait in the backlog meanwhile.
			pause(ctx, failing.again(s.log, err))
		default:
			return fmt.Errorf("accept on %s: %w", s.opts.Path, err)
		}
	}
}

// isExhaustion tells whether the system has too little of something, for now.
func isExhaustion(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// failing is a time in which connections cannot be accepted, or only one where
// another has gone. It is told of when it begins and when it is over.
type failing struct {
	since time.Time // zero: it is not
	last  time.Time // that an accept failed
	wait  time.Duration
}

// again takes note of a failure and returns how long to wait.
func (f *failing) again(log *zap.Logger, err error) time.Duration {
	f.last = time.Now()
	if f.since.IsZero() {
		f.since = f.last
		log.Error("cannot accept connections; they wait. If these are file descriptors, raise the limit "+
			"(ulimit -n, LimitNOFILE) or lower limits.clients", zap.Error(err))
	}
	f.wait = min(retryMax, max(retryMin, 2*f.wait))
	return f.wait
}

// over takes note of a connection.
func (f *failing) over(log *zap.Logger) {
	f.wait = 0
	if !f.since.IsZero() && time.Since(f.last) > calm {
		log.Info("connections are accepted again", zap.Duration("after", time.Since(f.since).Round(time.Millisecond)))
		*f = failing{}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// open turns a connection away, or begins its session.
func (s *Server) open(conn net.Conn) {
	peer := peerOf(conn)
	if err := s.admit(peer); err != nil {
		s.turnAway(conn, peer, err)
		return
	}
	c, err := newSession(s, conn, peer)
	if err != nil {
		s.turnAway(conn, peer, err)
		return
	}
	s.mu.Lock()
	full := int64(len(s.sessions)) >= s.limits.Clients.Load()
	if !full && !s.closing {
		s.sessions[c.id] = c
		s.work.Add(1)
		c.watch(true) // before the next connection is accepted, which may publish
		go c.run()
	}
	s.mu.Unlock()
	if full {
		s.turnAway(conn, peer, errors.New("ERR max number of clients reached"))
	}
}

func (s *Server) turnAway(conn net.Conn, p peer, why error) {
	s.refused.Add(1)
	s.warn("connection refused", p.key(), zap.Uint32("uid", p.uid), zap.Int32("pid", p.pid), zap.Error(why))
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write(resp.AppendError(nil, why.Error()))
	_ = conn.Close()
}

// admit checks the peer's credentials, which the kernel vouches for.
func (s *Server) admit(p peer) error {
	if len(s.opts.AllowUIDs) == 0 && len(s.opts.AllowGIDs) == 0 {
		return nil
	}
	if p.known && (slices.Contains(s.opts.AllowUIDs, p.uid) || slices.Contains(s.opts.AllowGIDs, p.gid)) {
		return nil
	}
	return errors.New("DENIED your user may not connect to this relay; see socket.allow_uids and socket.allow_gids")
}

// cutOffSlow ends sessions whose command does not come in whole in time: the first
// one of a new connection, or one that was begun.
func (s *Server) cutOffSlow(ctx context.Context) {
	ticker := time.NewTicker(cutOffInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		limit := s.limits.Command.Load()
		if limit == 0 {
			continue
		}
		before := s.clock() - limit
		s.mu.Lock()
		for _, c := range s.sessions {
			if since := c.owes.Load(); since != 0 && since < before {
				c.end(ReasonCutOff)
			}
		}
		s.mu.Unlock()
	}
}

// clock returns the nanoseconds since the start, never 0.
func (s *Server) clock() int64 { return int64(time.Since(s.started)) | 1 }

// warn logs what a crowd can cause: a few lines about each of whatever key names, then
// one a second.
func (s *Server) warn(text, key string, fields ...zap.Field) {
	if more, ok := s.turned.Allow(text + " " + key); ok {
		s.log.Warn(text, append(fields, more...)...)
	}
}

// key is what refusals of a peer have in common.
func (p peer) key() string { return strconv.FormatUint(uint64(p.uid), 10) }
