package admin

// The HTTP server.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"redis-relay/relay/status"
)

// Figures writes the figures of this moment for people. It may be called from anywhere.
type Figures func(io.Writer) error

// Overview returns all that the relay tells about itself, with so many of the last seconds. It may be called from
// anywhere.
type Overview func(seconds int) *status.Status

// Options say what a server shows, and to whom.
type Options struct {
	Address string                 // host:port to listen on
	Hosts   []string               // names by which it may be asked, beside that of Address, localhost and IP addresses
	Token   func() (string, error) // what everybody must give, but for probes; nil: nothing. An error refuses all
	Pprof   bool                   // serve /debug/pprof/

	Checks   Checks
	Figures  Figures
	Overview Overview
	Metrics  http.Handler
}

// Server answers /livez, /readyz and /metrics, and shows people a status page. It changes nothing.
type Server struct {
	http        http.Server
	ln          net.Listener
	connections *connections
	streams     *streams
}

// How long each part of an exchange may take. All that is asked for is made within
// milliseconds; these are for the network, and for who holds connections.
const (
	headerTime = 2 * time.Second
	answerTime = 10 * time.Second
	idleTime   = time.Minute // Prometheus comes more often

	maxHeader = 8 << 10 // bytes
)

// New listens on an address. Nothing is served before Run.
func New(o Options) (*Server, error) {
	ln, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf(`http.listen: %w; choose another address, or "" for none`, err)
	}
	s := &Server{ln: ln, connections: newConnections()}
	s.streams = newStreams(o.Overview, s.connections)
	s.http = http.Server{
		Handler:        newGuard(&o, s.handler(&o)),
		ReadTimeout:    headerTime, // nobody sends a body
		WriteTimeout:   answerTime,
		IdleTimeout:    idleTime,
		MaxHeaderBytes: maxHeader,
		ConnState:      s.connections.note,
		ConnContext:    remember,
	}
	return s, nil
}

// handler says what is where.
func (s *Server) handler(o *Options) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", live)
	mux.HandleFunc("GET /readyz", readiness(o.Checks))
	mux.Handle("GET /metrics", o.Metrics)
	mux.HandleFunc("GET /api/v1/status", overviewJSON(o.Overview))
	mux.Handle("GET /api/v1/events", s.streams)
	mux.HandleFunc("GET /{$}", page(o.Checks, o.Figures))
	mux.HandleFunc("GET /page/{file}", pageFile)
	if o.Pprof {
		handlePprof(mux)
	}
	return mux
}

// Tick tells readers of the stream of events that a second is over. It may be called from anywhere.
func (s *Server) Tick() { s.streams.tick() }

// Connections returns how many there are, and how many have ever made room for others.
func (s *Server) Connections() (now int, displaced uint64) {
	return s.connections.count(), s.connections.displaced.Load()
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.ln.Addr() }

// Close gives the address up. Only for a server that was never run.
func (s *Server) Close() error { return s.ln.Close() }

// Run serves until ctx ends; requests under way then have a second to end.
func (s *Server) Run(ctx context.Context) error {
	failed, told := make(chan error, 1), make(chan struct{})
	telling, stop := context.WithCancel(ctx)
	go func() { defer close(told); s.streams.run(telling) }()
	defer func() { stop(); <-told }()
	go func() { failed <- s.http.Serve(s.ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve HTTP on %s: %w", s.ln.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := s.http.Shutdown(grace); err != nil {
		_ = s.http.Close() // whoever still asks has had the time
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// live never depends on Redis: restarting the relay would not bring Redis back.
func live(w http.ResponseWriter, _ *http.Request) { text(w, http.StatusOK, "ok\n") }

// readiness says in one line whether the relay is ready; asked for /readyz?verbose, it
// says all that it knows.
func readiness(checks Checks) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		all := checks()
		code, verdict := http.StatusOK, "ok"
		if ok, missing := Ready(all); !ok {
			code, verdict = http.StatusServiceUnavailable, "not ready: "+missing
		}
		if r.URL.Query().Has("verbose") {
			verdict = lines(all) + verdict
		}
		text(w, code, verdict+"\n")
	}
}

// overviewJSON answers with all that there is to know; ?seconds=N has it without most of what was.
func overviewJSON(overview Overview) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		seconds := status.MaxSeconds
		if given := r.URL.Query().Get("seconds"); given != "" {
			n, err := strconv.Atoi(given)
			if err != nil || n < 0 || n > status.MaxSeconds {
				text(w, http.StatusBadRequest, fmt.Sprintf("seconds must be a number from 0 to %d\n", status.MaxSeconds))
				return
			}
			seconds = n
		}
		b, err := json.Marshal(overview(seconds))
		if err != nil {
			text(w, http.StatusInternalServerError, err.Error()+"\n")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(b) // the client may be gone
	}
}

func text(w http.ResponseWriter, code int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, s) // the client may be gone
}
