package respserver

// The server: its sessions, its figures, and how it begins and ends.

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/loop"
	"redis-relay/relay/respserver/listen"
	"redis-relay/relay/respserver/lua"
	"redis-relay/relay/sampling"
	"redis-relay/relay/tail"
)

// Limits bound what clients may use. Anybody may change them at any time.
type Limits struct {
	Clients       atomic.Int64 // connections
	Subscriptions atomic.Int64 // names of one connection
	Patterns      atomic.Int64 // patterns of one connection
	Name          atomic.Int64 // bytes of the name of a channel, or of a pattern
	PatternLength atomic.Int64 // bytes of one pattern
	Payload       atomic.Int64 // bytes of one argument
	Answer        atomic.Int64 // bytes of one reply with history, where a single entry may be larger, or with a list
	Window        atomic.Int64 // publishes of one connection that may wait for Redis; counts for new connections
	Command       atomic.Int64 // nanoseconds in which a command must come in completely; 0: no bound
	hub.Bounds                 // what may wait for clients that do not read
}

// Options set up a Server.
type Options struct {
	Version        string        // of the relay, for INFO
	Path           string        // of the socket, for INFO and CLIENT LIST
	TCP            *listen.TCP   // where connections are accepted beside the socket; nil: nowhere
	HTTP           func() string // address of the relay's HTTP server for INFO; empty: it has none; nil: it is unknown
	AllowUIDs      []uint32      // users that may connect to the socket; if AllowGIDs is empty, too, everybody may
	AllowGIDs      []uint32      // primary groups of further users that may connect
	PublishTimeout time.Duration // how long publishes wait for a lost Redis
	Viewers        *tail.Viewers // clients in MONITOR, to which the relay shows messages; nil: it shows none
}

// Server serves one socket, and TCP beside it. What a method does not say otherwise belongs to the loop.
type Server struct {
	// Fixed after construction.
	opts    Options
	loop    *loop.Loop
	hub     *hub.Group
	flusher *hub.Flusher
	backend Backend
	limits  *Limits
	log     *zap.Logger
	started time.Time

	clients  atomic.Int64
	accepted atomic.Uint64                 // connections, since the start
	commands atomic.Uint64                 // carried out, since the start
	refused  atomic.Uint64                 // connections turned away, since the start
	denied   atomic.Uint64                 // commands that were denied listening or reading, since the start
	ends     map[hub.Reason]*atomic.Uint64 // connections ended, since the start; the keys are fixed

	// Owned by the loop.
	acceptor   acceptor // of the Unix socket
	tcp        acceptor
	password   *digest          // that clients on TCP must give; nil: none
	warnings   sampling.Sampler // chooses log lines about clients that were refused or cut off
	sessions   map[uint64]*session
	strangers  int // sessions whose clients have not given the password
	stuck      stuck
	endingSoon []*session // have to end after this turn
	listings   listings
	scripts    lua.Scripts
	closing    bool
	onEmpty    func() // is called when the last session has ended; may be nil
	failed     func(error)
}

// New returns a Server. It accepts no connections before Serve.
func New(
	opts Options, l *loop.Loop, h *hub.Group, flusher *hub.Flusher, backend Backend, limits *Limits, log *zap.Logger,
) *Server {
	if opts.HTTP == nil {
		opts.HTTP = func() string { return "" }
	}
	if opts.Viewers == nil {
		opts.Viewers = &tail.Viewers{}
	}
	s := &Server{
		opts: opts, loop: l, hub: h, flusher: flusher, backend: backend, limits: limits, log: log,
		started: time.Now(), sessions: map[uint64]*session{}, ends: map[hub.Reason]*atomic.Uint64{},
	}
	s.warnings.TellRest(log, "clients refused or cut off")
	s.acceptor = acceptor{server: s, address: opts.Path, accept: listen.Accept, peer: credentials}
	s.tcp = acceptor{server: s, accept: listen.Accept, peer: tcpPeer}
	if opts.TCP != nil {
		s.tcp.address = opts.TCP.Addr().String()
	}
	for _, why := range EndReasons {
		s.ends[why] = new(atomic.Uint64)
	}
	return s
}

// EndReasons are the reasons for which the relay ends single connections. They are counted: see Ended.
var EndReasons = []hub.Reason{
	hub.ReasonSlow, hub.ReasonAge, hub.ReasonMemory, hub.ReasonGap, hub.ReasonRefused, ReasonKilled,
	reasonDenied, ReasonCutOff,
}

// Ended returns how many connections were ended for one of EndReasons, since the start. Anybody may call it.
func (s *Server) Ended(why hub.Reason) uint64 { return s.ends[why].Load() }

func (s *Server) countEnd(why hub.Reason) {
	if n := s.ends[why]; n != nil {
		n.Add(1)
	}
}

// Serve accepts connections until ctx ends. Then it closes the listeners, carries out no further commands, sends the
// replies to earlier ones, and returns when all connections are closed: at the latest half a second after
// Options.PublishTimeout. An error means that a listener failed. Call it once, in any goroutine; the loop must run.
func (s *Server) Serve(ctx context.Context, socket *listen.Socket) error {
	failed := make(chan error, 1)
	s.loop.Call(func() {
		s.failed = func(err error) {
			select {
			case failed <- err:
			default: // the first error is enough
			}
		}
		s.sweep()
	})
	err := socket.Offer(s.acceptor.acceptOn)
	if err == nil {
		err = s.opts.TCP.Offer(s.tcp.acceptOn)
	}
	if err == nil {
		select {
		case err = <-failed:
		case <-ctx.Done():
		}
	}
	_ = socket.Offer(nil)                                      // cannot fail
	err = errors.Join(err, socket.Close(), s.opts.TCP.Close()) // so that no client waits for a relay that ends
	empty := make(chan struct{})
	if s.loop.Call(func() { s.close(func() { close(empty) }) }) {
		<-empty
	}
	return err
}

// close ends all sessions, and calls empty when the last one has ended.
func (s *Server) close(empty func()) {
	s.closing = true
	s.acceptor.close()
	s.tcp.close()
	s.onEmpty = empty
	for _, c := range s.sessionsByAge() {
		c.finish(hub.ReasonShutdown)
	}
	s.sessionClosed()
}

// sessionClosed is called when a session has ended.
func (s *Server) sessionClosed() {
	if s.onEmpty != nil && len(s.sessions) == 0 {
		s.onEmpty()
		s.onEmpty = nil
	}
}

// sessionsByAge returns the sessions, the oldest first.
func (s *Server) sessionsByAge() []*session {
	all := make([]*session, 0, len(s.sessions))
	for _, c := range s.sessions {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *session) int { return cmp.Compare(a.client.id, b.client.id) })
	return all
}

// endSoon ends a session in the next turn: others are being served in this one.
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
				c.close() // its last replies do not come
			} else {
				c.finish(*c.ending.reason)
			}
		}
	})
}

// sweep looks, once a second, for stuck clients, and ends the sessions whose command does not come in completely in
// time: the first one of a new connection, or one that has begun to come in, or the password of a client on TCP.
func (s *Server) sweep() {
	if s.closing {
		return
	}
	s.loop.AfterFunc(sweepInterval, s.sweep)
	s.findStuck()
	limit := s.limits.Command.Load()
	if limit == 0 {
		return
	}
	before := s.clock() - limit
	for _, c := range s.sessions {
		if c.input.isLate(before) || c.login.isLate(before) {
			c.finish(ReasonCutOff)
		}
	}
}

// clock returns the nanoseconds since the start. It is never 0.
func (s *Server) clock() int64 { return int64(s.loop.Now().Sub(s.started)) | 1 }

// warn logs what many clients can cause at once: a few lines for each text and key, then one a second.
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
	Denied   uint64 // commands of clients that may not listen to a name, or read it
}

// Stats returns the figures of this moment. Anybody may call it.
func (s *Server) Stats() Stats {
	return Stats{
		Clients: int(s.clients.Load()), Accepted: s.accepted.Load(), Refused: s.refused.Load(),
		Commands: s.commands.Load(), Denied: s.denied.Load(),
	}
}
