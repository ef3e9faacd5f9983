package admin

// Profiles of the process, for developers.

import (
	"net/http"
	"net/http/pprof"
	"time"
)

// handlePprof serves profiles, but for the command line, which may hold a password.
func handlePprof(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", patient(pprof.Index))
	mux.HandleFunc("GET /debug/pprof/profile", patient(pprof.Profile))
	mux.HandleFunc("GET /debug/pprof/symbol", patient(pprof.Symbol))
	mux.HandleFunc("GET /debug/pprof/trace", patient(pprof.Trace))
	mux.HandleFunc("GET /debug/pprof/cmdline", func(w http.ResponseWriter, _ *http.Request) {
		text(w, http.StatusNotFound, "not served: a command line may hold a password\n")
	})
}

// patient lets a request last longer than others may: a profile takes as long as its seconds say.
func patient(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out := http.NewResponseController(w)
		_ = out.SetReadDeadline(time.Time{})
		next(w, r)
	}
}
