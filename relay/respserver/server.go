package respserver

// The server: its sessions, and how it begins and ends.

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/sampling"
)

// Limits bound what clients may use. They may change at any time.
type Limits struct {
	Clients       atomic.Int64 // connections
	Subscriptions atomic.Int64 // names of one connection
	Patterns      atomic.Int64 // patterns of one connection
	Name          atomic.Int64 // bytes of the name of a channel, or of a pattern
	PatternLength atomic.Int64 // bytes of one pattern
	Payload       atomic.Int64 // bytes of one argument
	Answer        atomic.Int64 // bytes of history in one answer, if it has more than one entry
	Window        atomic.Int64 // publishes of one connection that wait for Redis; for new connections
	Command       atomic.Int64 // nanoseconds for one command to come in whole; 0: no bound
	hub.Bounds                 // what waits for clients that do not read
}

// Options set up a Server.
type Options struct {
	Version        string        // of the relay, for INFO
	Path           string        // of the socket, for INFO and CLIENT LIST
	HTTP           func() string // address of the relay's HTTP server, empty without, for INFO; nil: not known
	AllowUIDs      []uint32      // with AllowGIDs: who may connect; both empty: anybody
	AllowGIDs      []uint32      // primary groups
	PublishTimeout time.Duration // how long commands wait for a lost Redis
}

// Server serves one socket.
type Server struct {
	// Fixed after construction.
	opts    Options
	loop    *loop.Loop
	hub     *hub.Hub
	flusher *hub.Flusher
	backend Backend
	limits  *Limits
	log     *zap.Logger
	started time.Time

	clients  atomic.Int64
	accepted atomic.Uint64                 // connections, ever
	commands atomic.Uint64                 // carried out, ever
	refused  atomic.Uint64                 // connections turned away, ever
	denied   atomic.Uint64                 // commands that may not listen or read, ever
	ends     map[hub.Reason]*atomic.Uint64 // connections ended, ever; the keys are fixed

	// Owned by the loop.
	acceptor   acceptor
	warnings   sampling.Sampler // of lines about what was refused or cut off
	sessions   map[uint64]*session
	endingSoon []*session // were told to end while others were being served
	listings   listings
	scripts    scripts
	closing    bool
	onEmpty    func() // is called when the last session has ended; nil: nobody waits for that
	failed     func(error)
}

// New returns a Server. It serves nothing before Serve.
func New(
	opts Options, l *loop.Loop, h *hub.Hub, flusher *hub.Flusher, backend Backend, limits *Limits, log *zap.Logger,
) *Server {
	if opts.HTTP == nil {
		opts.HTTP = func() string { return "" }
	}
	s := &Server{
		opts: opts, loop: l, hub: h, flusher: flusher, backend: backend, limits: limits, log: log,
		started: time.Now(), sessions: map[uint64]*session{}, ends: map[hub.Reason]*atomic.Uint64{},
	}
	s.warnings.TellRest(log, "clients refused or cut off")
	s.acceptor.server, s.acceptor.accept = s, accept
	for _, why := range EndReasons {
		s.ends[why] = new(atomic.Uint64)
	}
	return s
}

// EndReasons are those for which a connection is ended, and counted, while the relay
// goes on.
var EndReasons = []hub.Reason{
	hub.ReasonSlow, hub.ReasonAge, hub.ReasonMemory, hub.ReasonGap, hub.ReasonRefused, ReasonKilled,
	reasonDenied, ReasonCutOff,
}

// Ended returns how many connections were ended for one of EndReasons. It may be called from anywhere.
func (s *Server) Ended(why hub.Reason) uint64 { return s.ends[why].Load() }

func (s *Server) countEnd(why hub.Reason) {
	if n := s.ends[why]; n != nil {
		n.Add(1)
	}
}

// Serve accepts connections until ctx ends. Then it closes the socket, carries out no further commands, lets
// the answers to earlier ones out, and returns when every connection is closed:
// after the time for a publish and a little more, at the latest. An error means
// that the listener failed. It is called once, from any goroutine; the loop must run.
func (s *Server) Serve(ctx context.Context, socket *Socket) error {
	failed := make(chan error, 1)
	s.loop.Call(func() {
		s.failed = func(err error) {
			select {
			case failed <- err:
			default: // the first is enough
			}
		}
		s.sweep()
	})
	err := socket.listen(s.acceptOn)
	if err == nil {
		select {
		case err = <-failed:
		case <-ctx.Done():
		}
	}
	_ = socket.listen(nil)                 // cannot fail
	err = errors.Join(err, socket.Close()) // nobody is to wait for a relay that ends
	empty := make(chan struct{})
	if s.loop.Call(func() { s.close(func() { close(empty) }) }) {
		<-empty
	}
	return err
}

// take accepts connections on fd from now on, which it owns. It is called from anywhere, and does not wait.
func (s *Server) acceptOn(fd int) {
	if !s.loop.Post(func() { s.acceptor.listen(fd) }) {
		_ = unix.Close(fd) // the loop has ended
	}
}

// close ends all sessions, and calls empty when the last one has.
func (s *Server) close(empty func()) {
	s.closing = true
	s.acceptor.close()
	s.onEmpty = empty
	for _, c := range s.sessionsByAge() {
		c.finish(hub.ReasonShutdown)
	}
	s.sessionClosed()
}

// left is called when a session has ended.
func (s *Server) sessionClosed() {
	if s.onEmpty != nil && len(s.sessions) == 0 {
		s.onEmpty()
		s.onEmpty = nil
	}
}

// list returns the sessions by age.
func (s *Server) sessionsByAge() []*session {
	all := make([]*session, 0, len(s.sessions))
	for _, c := range s.sessions {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *session) int { return cmp.Compare(a.client.id, b.client.id) })
	return all
}

// doom has a session ended soon: others are being served.
func (s *Server) endSoon(c *session) {
	s.endingSoon = append(s.endingSoon, c)
	if len(s.endingSoon) > 1 {
		return
	}
	s.loop.Post(func() {
		list := s.endingSoon
		s.endingSoon = nil
		for _, c := range list {
			c.ending.requested = false
			if c.ending.finished {
				c.close() // what it waited for does not come
			} else {
				c.finish(*c.ending.reason)
			}
		}
	})
}

// sweep ends sessions whose command does not come in whole in time: the first
// one of a new connection, or one that was begun.
func (s *Server) sweep() {
	if s.closing {
		return
	}
	s.loop.AfterFunc(sweepInterval, s.sweep)
	limit := s.limits.Command.Load()
	if limit == 0 {
		return
	}
	before := s.clock() - limit
	for _, c := range s.sessions {
		if since := c.input.incompleteSince; since != 0 && since < before {
			c.finish(ReasonCutOff)
		}
	}
}

// clock returns the nanoseconds since the start, never 0.
func (s *Server) clock() int64 { return int64(s.loop.Now().Sub(s.started)) | 1 }

// warn logs what a crowd can cause: a few lines about each of whatever key names, then
// one a second.
func (s *Server) warn(text, key string, fields ...zap.Field) {
	if more, ok := s.warnings.Allow(text + " " + key); ok {
		s.log.Warn(text, append(fields, more...)...)
	}
}

// Stats is a snapshot for metrics.
type Stats struct {
	Clients  int
	Accepted uint64
	Refused  uint64
	Commands uint64
	Denied   uint64 // commands of clients that may not listen or read
}

// Stats returns the figures of this moment. It may be called from anywhere.
func (s *Server) Stats() Stats {
	return Stats{
		Clients: int(s.clients.Load()), Accepted: s.accepted.Load(), Refused: s.refused.Load(),
		Commands: s.commands.Load(), Denied: s.denied.Load(),
	}
}
