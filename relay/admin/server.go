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
	"strings"
	"time"
)

// Status writes the figures of this moment for people. It may be called from anywhere.
type Status func(io.Writer) error

// Overview returns all that the relay tells about itself, with so many of the last seconds, to be encoded as JSON. It
// may be called from anywhere.
type Overview func(seconds int) any

// Server answers /livez, /readyz and /metrics, and shows people a status page.
type Server struct {
	http        http.Server
	ln          net.Listener
	connections connections
}

// How long each part of an exchange may take. All that is asked for is made within
// milliseconds; these are for the network, and for who holds connections.
const (
	headerTime = 2 * time.Second
	answerTime = 10 * time.Second
	idleTime   = time.Minute // Prometheus comes more often

	maxHeader = 8 << 10 // bytes
)

// New listens on address (host:port). Nothing is served before Run.
func New(
	address string, checks Checks, status Status, overview Overview, metrics http.Handler,
) (*Server, error) {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf(`http.listen: %w; choose another address, or "" for none`, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", live)
	mux.HandleFunc("GET /readyz", readiness(checks))
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /api/v1/status", overviewJSON(overview))
	mux.HandleFunc("GET /{$}", page(checks, status))
	s := &Server{ln: ln, connections: connections{all: map[net.Conn]time.Time{}}}
	s.http = http.Server{
		Handler:        mux,
		ReadTimeout:    headerTime, // nobody sends a body
		WriteTimeout:   answerTime,
		IdleTimeout:    idleTime,
		MaxHeaderBytes: maxHeader,
		ConnState:      s.connections.note,
	}
	return s, nil
}

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
	failed := make(chan error, 1)
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
		status, verdict := http.StatusOK, "ok"
		if ok, missing := Ready(all); !ok {
			status, verdict = http.StatusServiceUnavailable, "not ready: "+missing
		}
		if r.URL.Query().Has("verbose") {
			verdict = lines(all) + verdict
		}
		text(w, status, verdict+"\n")
	}
}

// maxSeconds is how many seconds the status has if nobody asks for fewer.
const maxSeconds = 600

// overviewJSON answers with all that there is to know; ?seconds=N has it without most of what was.
func overviewJSON(overview Overview) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		seconds := maxSeconds
		if text := r.URL.Query().Get("seconds"); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 || n > maxSeconds {
				text := fmt.Sprintf("seconds must be a number from 0 to %d\n", maxSeconds)
				http.Error(w, text, http.StatusBadRequest)
				return
			}
			seconds = n
		}
		b, err := json.Marshal(overview(seconds))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = w.Write(b) // the client may be gone
	}
}

// page is for people: browsers load it again every few seconds.
func page(checks Checks, status Status) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		all := checks()
		var b strings.Builder
		if ok, _ := Ready(all); ok {
			b.WriteString("redis-relay: ready\n\n")
		} else {
			b.WriteString("redis-relay: not ready\n\n")
		}
		b.WriteString(lines(all) + "\n")
		if err := status(&b); err != nil {
			text(w, http.StatusInternalServerError, err.Error()+"\n")
			return
		}
		b.WriteString("\n/livez    the process is alive\n" +
			"/readyz   clients can connect, Redis has confirmed every subscription; /readyz?verbose says more\n" +
			"/metrics  for Prometheus\n")
		w.Header().Set("Refresh", "2")
		text(w, http.StatusOK, b.String())
	}
}

func text(w http.ResponseWriter, status int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, s) // the client may be gone
}
