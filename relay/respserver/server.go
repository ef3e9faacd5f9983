package respserver

// Accepting connections, and what they need of the relay.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"redis-relay/relay/hub"
	"redis-relay/relay/resp"
	"redis-relay/relay/sampling"
)

// Publication is a message that a local client wants published.
type Publication struct {
	From     uint64 // the connection; what one publishes keeps its order
	By       User
	Sender   Sender // who published it; nil: that is not known
	Kind     resp.Kind
	Channel  []byte // valid during the call
	Payload  []byte // valid during the call
	Field    []byte // of XADD, valid during the call; nil: it is none
	Oversize int64  // > 0: the length in bytes of a payload too large to be read
	Late     bool   // it has waited for as long as a publish may: now or never
}

// Client says which connection it is.
type Client struct {
	ID   uint64
	Name string // as the client has set it
	PID  int32  // 0: not known
	User
}

// Fields are those of a line in the log.
func (c Client) Fields() []zap.Field {
	fields := []zap.Field{zap.Uint64("client", c.ID), zap.String("name", c.Name), zap.Int32("pid", c.PID)}
	if c.Known {
		fields = append(fields, zap.Uint32("uid", c.UID))
	}
	return fields
}

// Sender says who it is, which few publications need to say.
type Sender interface{ Identity() Client }

// SlowClient is a client that did not keep up.
type SlowClient struct {
	Client
	Reason hub.Reason
	Ended  bool   // it is disconnected
	Missed uint64 // messages since the last time; 0: it is disconnected

	hub.Backlog // what there is for it, or was
}

// Receipt is told what became of a publication. It must not block.
type Receipt interface {
	// Published gives the number of receivers, and the ID if the message was
	// persisted; or the error for the publisher.
	Published(receivers int64, id string, err error)
	// Flush follows when other answers have been given too.
	Flush()
}

// The text of an error that goes to a client begins with its code word, such as
// "DENIED chat:42: ...".
type (
	// Publisher hands messages on.
	Publisher interface {
		// Publish refuses a message, or takes it; then the receipt follows. It does
		// not block.
		Publish(p Publication, r Receipt) error
		// Send has sent what was taken from a connection, when that has no more for
		// now. It does not block.
		Send(from uint64)
		// Standing tells whether there is a connection to Redis to send it over.
		Standing(from uint64) bool
		// TakeBack refuses what was taken from a connection and could not be sent so far.
		TakeBack(from uint64)
	}
	// Gate decides who may listen.
	Gate interface {
		// MaySubscribe returns why a user may not listen to a name, or nil.
		MaySubscribe(by User, kind resp.Kind, name []byte) error
	}
	// Barrier orders what clients do among what Redis does.
	Barrier interface {
		// Barrier calls done once all that Redis has published before to the names, by kind, is
		// queued for their listeners, or will never be: at once, or soon from another goroutine.
		// done must not block.
		Barrier(names [resp.Kinds][]string, done func())
	}
	// Witness hears of clients that do not keep up.
	Witness interface {
		// Behind is called when a client begins to miss messages, every ten seconds while
		// it goes on, and when it is disconnected for it. It must not block.
		Behind(c SlowClient)
	}
	// Census answers the questions of PUBSUB, as far as the user who asks may know.
	// Each method may wait for Redis.
	Census interface {
		Channels(ctx context.Context, by User, kind resp.Kind, pattern []byte) ([]string, error)
		Subscribers(ctx context.Context, by User, kind resp.Kind, names [][]byte) ([]int64, error)
		Patterns(ctx context.Context) (int64, error)
	}
	// Backend is the relay behind the door.
	Backend interface {
		Publisher
		Gate
		Barrier
		Witness
		Census
		History
		// RedisVersion is the version of the Redis behind the relay.
		RedisVersion() string
	}
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
	AllowUIDs      []uint32      // with AllowGIDs: who may connect; both empty: anybody
	AllowGIDs      []uint32      // primary groups
	PublishTimeout time.Duration // how long commands wait for a lost Redis
}

// Server serves one socket.
type Server struct {
	// Fixed after construction.
	opts    Options
	hub     *hub.Hub
	backend Backend
	limits  *Limits
	log     *zap.Logger
	started time.Time

	arrivals *arrivals        // set by Serve
	listing  chan struct{}    // a place for the one who asks Redis for all channels
	turned   sampling.Sampler // of lines about what was refused or cut off

	ids      atomic.Uint64
	commands atomic.Uint64                 // carried out, ever
	refused  atomic.Uint64                 // connections turned away, ever
	denied   atomic.Uint64                 // commands that may not listen or read, ever
	ends     map[hub.Reason]*atomic.Uint64 // connections ended, ever; the keys are fixed
	busy     atomic.Int64                  // watched sessions between begin and idle
	work     sync.WaitGroup
	scripts  scripts

	mu       sync.Mutex // Guards what follows.
	sessions map[uint64]*session
	closing  bool
}

// New returns a Server. It serves nothing before Serve.
func New(opts Options, h *hub.Hub, backend Backend, limits *Limits, log *zap.Logger) *Server {
	s := &Server{
		opts: opts, hub: h, backend: backend, limits: limits, log: log,
		started: time.Now(), sessions: map[uint64]*session{}, ends: map[hub.Reason]*atomic.Uint64{},
		listing: make(chan struct{}, 1),
	}
	for _, why := range EndReasons {
		s.ends[why] = new(atomic.Uint64)
	}
	return s
}

// EndReasons are those for which a connection is ended, and counted, while the relay
// goes on.
var EndReasons = []hub.Reason{
	hub.ReasonSlow, hub.ReasonAge, hub.ReasonMemory, hub.ReasonGap, hub.ReasonRefused, ReasonKilled,
	reasonBarred, ReasonCutOff,
}

// Ended returns how many connections were ended for one of EndReasons.
func (s *Server) Ended(why hub.Reason) uint64 { return s.ends[why].Load() }

func (s *Server) noteEnd(why hub.Reason) {
	if n := s.ends[why]; n != nil {
		n.Add(1)
	}
}

// Serve accepts connections until ctx ends. Then it stops reading commands, lets
// the answers to earlier ones out, and returns when every connection is closed:
// after the time for a publish and a little more, at the latest. An error means
// that the listener failed.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	var err error
	if s.arrivals, err = newArrivals(); err != nil {
		return errors.Join(fmt.Errorf("watch connections: %w", err), ln.Close())
	}
	defer func() { _ = s.arrivals.close() }() // every session has ended
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	accepting, done := context.WithCancel(ctx)
	s.work.Go(func() { s.cutOffSlow(accepting) })
	err = s.accept(ctx, ln)
	done()
	s.mu.Lock()
	s.closing = true
	for _, c := range s.sessions {
		c.end(hub.ReasonShutdown)
	}
	s.mu.Unlock()
	s.work.Wait()
	return err
}

func (s *Server) remove(c *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, c.id)
}

// list returns the sessions by age.
func (s *Server) list() []*session {
	s.mu.Lock()
	all := make([]*session, 0, len(s.sessions))
	for _, c := range s.sessions {
		all = append(all, c)
	}
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b *session) int { return cmp.Compare(a.id, b.id) })
	return all
}

// MayListen tells whether a user who listens to a name may go on.
type MayListen func(by User, kind resp.Kind, name []byte) bool

// Reconsider disconnects who listens to what its user may not listen to any more. It
// follows a change of what Gate answers, and does not wait: each session looks before
// it carries out another command. By then the answer may have changed again; who was
// forbidden to listen in between missed something, and is disconnected all the same.
func (s *Server) Reconsider(may MayListen) {
	for _, c := range s.list() {
		c.doubt(may)
	}
}

// Stats is a snapshot for metrics.
type Stats struct {
	Clients  int
	Accepted uint64
	Refused  uint64
	Commands uint64
	Denied   uint64 // commands of clients who may not listen or read
}

// Stats returns the figures of this moment.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{
		Clients: len(s.sessions), Accepted: s.ids.Load(), Refused: s.refused.Load(), Commands: s.commands.Load(),
		Denied: s.denied.Load(),
	}
}
