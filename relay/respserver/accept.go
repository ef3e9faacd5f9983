package respserver

// Accepting connections, and refusing them.

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
	// ReasonCutOff says that a command did not come in completely within Limits.Command.
	ReasonCutOff = "incomplete"

	sweepInterval = time.Second // between two looks for such commands

	retryMin       = 5 * time.Millisecond // the first pause after a failed accept
	retryMax       = time.Second          // the longest pause
	recoveredAfter = 2 * retryMax         // after so long without a failed accept, accepting works again

	acceptsPerTurn = 64 // connections

	// Bytes of a burst that a Unix socket takes before its peer reads them. Linux doubles this number, and allows at
	// most twice net.core.wmem_max (208 KiB by default). An idle socket takes no memory for it.
	sendBuffer = 512 << 10
)

// acceptor accepts connections on one listener.
type acceptor struct {
	// Fixed after construction.
	server  *Server
	address string // of the listener, for errors
	accept  func(listener int) (fd int, err error)
	peer    func(fd int) peer // is asked once of each connection

	socket   *loop.Descriptor // nil: nothing is accepted
	failures acceptFailures
	pause    *loop.Timer // while it is set, nothing is accepted; nil: no accept has failed
}

// acceptOn has connections accepted on fd from now on. It owns fd. Anybody may call it; it does not wait.
func (a *acceptor) acceptOn(fd int) {
	if !a.server.loop.Post(func() { a.listen(fd) }) {
		_ = unix.Close(fd) // the loop has ended
	}
}

// listen accepts connections on a listening descriptor, in place of the earlier one. It owns fd.
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
	socket.Again() // for connections that came before
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

// fail reports that the listener cannot be used any more.
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
			a.server.connect(fd, a.peer(fd))
		case errors.Is(err, syscall.EAGAIN):
			return
		case errors.Is(err, syscall.EINTR), errors.Is(err, syscall.ECONNABORTED):
		case isExhaustion(err):
			a.pause = a.server.loop.AfterFunc(a.failures.failed(a.server.log, err), a.socket.Again)
			return // connections wait in the backlog meanwhile
		default:
			a.fail(fmt.Errorf("accept on %s: %w", a.address, err))
			return
		}
	}
	a.socket.Again()
}

// isExhaustion tells whether the system lacks descriptors or memory, for now.
func isExhaustion(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) ||
		errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ENOMEM)
}

// acceptFailures is a time in which connections cannot be accepted, or only where another has ended. Its beginning and
// its end are logged.
type acceptFailures struct {
	since time.Time // zero: accepting works
	last  time.Time // when an accept failed last
	wait  time.Duration
}

// failed notes that an accept failed, and returns how long to wait.
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

// accepted notes that an accept succeeded.
func (f *acceptFailures) accepted(log *zap.Logger) {
	f.wait = 0
	if !f.since.IsZero() && time.Since(f.last) > recoveredAfter {
		log.Info("connections are accepted again", zap.Duration("for", time.Since(f.since).Round(time.Millisecond)))
		*f = acceptFailures{}
	}
}

// connect begins the session of a connection, or refuses the connection. What it has sent already is read when the
// kernel reports it: after what came on earlier connections, as in Redis.
func (s *Server) connect(fd int, p peer) {
	s.accepted.Add(1)
	err := s.admit(p)
	if err == nil && (int64(len(s.sessions)) >= s.limits.Clients.Load() || s.asksPassword(p) && !s.mayHaveStranger()) {
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
	who := []zap.Field{zap.Uint32("uid", p.uid), zap.Int32("pid", p.pid)}
	if p.tcp != nil {
		who = []zap.Field{zap.String("addr", p.tcp.addr)}
	}
	s.warn("connection refused", p.key(), append(who, zap.Error(why))...)
	_, _ = unix.Write(fd, resp.AppendError(nil, why.Error()))
	_ = unix.Close(fd)
}

// admit checks whether the peer may connect to the Unix socket, by the credentials that the kernel reports.
func (s *Server) admit(p peer) error {
	if p.tcp != nil || len(s.opts.AllowUIDs) == 0 && len(s.opts.AllowGIDs) == 0 {
		return nil
	}
	if p.known && (slices.Contains(s.opts.AllowUIDs, p.uid) || slices.Contains(s.opts.AllowGIDs, p.gid)) {
		return nil
	}
	return errors.New("DENIED your user may not connect to this relay; see socket.allow_uids and socket.allow_gids")
}
