package embedded

// The server: listening, accepting and closing, and the hook by which scripts reach Pub/Sub.

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"go.uber.org/zap"
)

// Version is the Redis version that HELLO and INFO report: the one whose
// behaviour this package follows.
const Version = "7.0.15"

// Server is a running embedded Redis. All methods are safe for concurrent use.
type Server struct {
	// fixed after Start
	listener  net.Listener
	engine    *miniredis.Miniredis
	data      *server.Server // the engine's commands
	started   time.Time
	persister *persister     // nil: nothing is saved
	running   sync.WaitGroup // the accept loop, the persister and every client

	// turn is locked while a command is carried out, until its reply is queued. It guards the fields below and the
	// clients' subscriptions. The engine takes a lock of its own inside the turn.
	turn    sync.Mutex
	broker  broker
	clients map[*client]struct{}
	lastID  int64 // of the client that connected last
	closed  bool
}

// Start listens on a free port of 127.0.0.1 and serves until Close. The server starts with the streams in the file,
// which an earlier server has saved, and saves them there about a second after each change, and in Close. If file
// is empty, nothing is saved.
func Start(file string, log *zap.Logger) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the embedded redis: %w (set redis.url to use a real one)", err)
	}
	engine, data, err := startEngine()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the embedded redis: %w", err), listener.Close())
	}
	s := &Server{
		listener: listener,
		engine:   engine,
		data:     data,
		started:  time.Now(),
		broker:   newBroker(),
		clients:  map[*client]struct{}{},
	}
	data.SetPreHook(s.scripted)
	if file != "" {
		saves := &persister{srv: s, file: file, log: log, stopped: make(chan struct{})}
		if err := saves.open(); err != nil {
			engine.Close()
			return nil, errors.Join(err, listener.Close())
		}
		s.persister = saves
		s.running.Go(saves.run)
	}
	s.running.Go(s.accept)
	return s, nil
}

// startEngine starts miniredis without a listener. Only its Dial does that; the connection is not needed.
func startEngine() (*miniredis.Miniredis, *server.Server, error) {
	engine := miniredis.NewMiniRedis()
	engine.ClockTTL(true)
	conn, err := engine.Dial()
	if err != nil {
		return nil, nil, err
	}
	return engine, engine.Server(), conn.Close()
}

// URL returns the address in the form of redis.url: redis://127.0.0.1:<port>.
func (s *Server) URL() string {
	return "redis://" + s.listener.Addr().String()
}

// Close disconnects every client and waits until all goroutines have ended.
// Further calls do nothing and return nil.
func (s *Server) Close() error {
	s.turn.Lock()
	first := !s.closed
	s.closed = true
	for c := range s.clients {
		c.close()
	}
	s.turn.Unlock()

	var err error
	if first {
		err = s.listener.Close()
		s.engine.Close() // also ends blocked commands
		if s.persister != nil {
			close(s.persister.stopped)
		}
	}
	s.running.Wait()
	if first && s.persister != nil {
		err = errors.Join(err, s.persister.end())
	}
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of file descriptors: let some be closed
			time.Sleep(10 * time.Millisecond)
			continue
		}
		c := newClient(s, conn)
		if !s.register(c) {
			c.close()
			return
		}
		s.running.Go(c.run)
	}
}

// register adds c and gives it an id. It returns false if the server is closing.
func (s *Server) register(c *client) bool {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.closed {
		return false
	}
	s.lastID++
	c.id = s.lastID
	s.clients[c] = struct{}{}
	return true
}

// unregister removes c and its subscriptions.
func (s *Server) unregister(c *client) {
	s.turn.Lock()
	defer s.turn.Unlock()
	s.broker.removeAll(c)
	delete(s.clients, c)
}

// scripted answers the Pub/Sub commands that a Lua script calls. The script runs in the turn of its client, and may
// not block, as in Redis 7.0. The data commands of clients pass through here, too, and are left to the engine.
func (s *Server) scripted(peer *server.Peer, name string, args ...string) bool {
	s.persister.note(name)
	name = strings.ToLower(name)
	cmd := commands[name]
	switch {
	case peer.ClientName != ownPeer && mayBlock(name, args):
		peer.WriteError(errWaitingScript.Error()) // nobody else would get a turn
	case cmd.answer == nil:
		return false
	case !cmd.takes(args):
		peer.WriteError(wrongArity(name).Error())
	default:
		peer.WriteRaw(string(cmd.answer(&s.broker, nil, args)))
	}
	return true
}
