package respserver

// Letting connections in, or turning them away.

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"redis-relay/relay/loop"
	"redis-relay/relay/resp"
)

const (
	// ReasonCutOff says that a command did not come in whole within its time.
	ReasonCutOff = "incomplete"

	sweepInterval = time.Second // between two looks for such

	retryMin       = 5 * time.Millisecond // after a failed accept, at first
	retryMax       = time.Second          // and at last
	recoveredAfter = 2 * retryMax         // without a failed accept, until the trouble is over

	acceptsPerTurn = 64 // connections accepted in one turn

	// Bytes of a burst that a Unix socket takes before its peer reads them. Linux
	// doubles this, and gives at most twice net.core.wmem_max (208 KiB by default).
	// An idle socket takes no memory for it.
	sendBuffer = 512 << 10
)

// acceptor accepts connections.
type acceptor struct {
	server   *Server
	accept   func(listener int) (fd int, err error)
	socket   *loop.Descriptor // nil: it does not listen
	failures acceptFailures
	pause    *loop.Timer // set: nothing is accepted before; nil: nothing ever failed
}

// listen accepts what comes on a listening descriptor, in place of the one before.
func (a *acceptor) listen(fd int) {
	a.close()
	if a.server.closing {
		_ = unix.Close(fd)
		return
	}
	socket, err := a.server.loop.Register(fd, a)
	if err != nil {
		_ = unix.Close(fd)
		a.fail(err)
		return
	}
	a.socket = socket
	socket.Again() // for those that came before
}

func (a *acceptor) close() {
	if a.socket != nil {
		a.socket.Close()
		a.socket = nil
	}
	if a.pause != nil {
		a.pause.Stop()
	}
}

// fail says that the listener cannot be used any more.
func (a *acceptor) fail(err error) {
	a.close()
	a.server.failed(err)
}

// Ready is loop.Handler.
func (a *acceptor) Ready(loop.Events) {
	if a.pause != nil && a.pause.Set() {
		return
	}
	for range acceptsPerTurn {
		fd, err := a.accept(a.socket.FD())
		switch {
		case err == nil:
			a.failures.accepted(a.server.log)
			a.server.connect(fd)
		case errors.Is(err, syscall.EAGAIN):
			return
		case errors.Is(err, syscall.EINTR), errors.Is(err, syscall.ECONNABORTED):
		case isExhaustion(err):
			a.pause = a.server.loop.AfterFunc(a.failures.failed(a.server.log, err), a.socket.Again)
			return // connections wait in the backlog meanwhile
		default:
			a.fail(fmt.Errorf("accept on %s: %w", a.server.opts.Path, err))
			return
		}
	}
	a.socket.Again()
}

// isExhaustion tells whether the system has too little of something, for now.
func isExhaustion(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// failing is a time in which connections cannot be accepted, or only one where
// another has gone. It is told of when it begins and when it is over.
type acceptFailures struct {
	since time.Time // zero: it is not
	last  time.Time // that an accept failed
	wait  time.Duration
}

// again takes note of a failure and returns how long to wait.
func (f *acceptFailures) failed(log *zap.Logger, err error) time.Duration {
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
func (f *acceptFailures) accepted(log *zap.Logger) {
	f.wait = 0
	if !f.since.IsZero() && time.Since(f.last) > recoveredAfter {
		log.Info("connections are accepted again", zap.Duration("after", time.Since(f.since).Round(time.Millisecond)))
		*f = acceptFailures{}
	}
}

// open turns a connection away, or begins its session. What it has sent already is read when the kernel tells
// of it: behind what came on connections that were there before, as in Redis.
func (s *Server) connect(fd int) {
	s.accepted.Add(1)
	p := credentials(fd)
	err := s.admit(p)
	if err == nil && int64(len(s.sessions)) >= s.limits.Clients.Load() {
		err = errors.New("ERR max number of clients reached")
	}
	if err == nil {
		err = s.newSession(fd, p)
	}
	if err != nil {
		s.turnAway(fd, p, err)
	}
}

func (s *Server) turnAway(fd int, p peer, why error) {
	s.refused.Add(1)
	s.warn("connection refused", p.key(), zap.Uint32("uid", p.uid), zap.Int32("pid", p.pid), zap.Error(why))
	_, _ = unix.Write(fd, resp.AppendError(nil, why.Error()))
	_ = unix.Close(fd)
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
