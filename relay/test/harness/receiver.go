package harness

// An HTTP server that takes alerts.

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"redis-relay/config"
	"redis-relay/relay"
	"redis-relay/relay/redistest"
)

// Told is what a receiver is told of an alert.
type Told struct {
	Text, ID, Version, Host, Socket, Kind, State, Summary, Cause, Do, Runbook string

	Since, Until time.Time
	Times        int
	Dropped      uint64
	Event        relay.Event
}

// Receiver is an HTTP server that takes alerts, or does not. Its methods may be called from anywhere.
type Receiver struct {
	URL string

	mu       sync.Mutex
	told     []Told       // what it took; guarded by mu
	requests int          // guarded by mu
	answer   http.Handler // takes alerts if nil; guarded by mu
}

// NewReceiver starts a server that takes alerts, at a free address.
func NewReceiver(t testing.TB) *Receiver {
	t.Helper()
	return NewReceiverAt(t, "127.0.0.1:0")
}

// NewReceiverAt is NewReceiver at an address.
func NewReceiverAt(t testing.TB, address string) *Receiver {
	t.Helper()
	ln, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r := &Receiver{URL: "http://" + ln.Addr().String() + "/alerts"}
	server := &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(ln) // ends with Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return r
}

// WithReceiver has a relay tell a receiver of alerts.
func WithReceiver(r *Receiver) Option { return func(c *config.Config) { c.Alerts.Webhook = r.URL } }

// Answer has requests from now on answered in another way; nil: alerts are taken.
func (r *Receiver) Answer(h http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answer = h; h == nil {
		r.answer = nil
	}
}

// ServeHTTP implements http.Handler.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var told Told
	err := json.NewDecoder(req.Body).Decode(&told)
	r.mu.Lock()
	r.requests++
	answer := r.answer
	if err == nil && answer == nil {
		r.told = append(r.told, told)
	}
	r.mu.Unlock()
	switch {
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	case answer != nil:
		answer.ServeHTTP(w, req)
	}
}

// Requests returns how many requests came.
func (r *Receiver) Requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

// Told returns what was taken of the given kinds, or of all kinds if there are none given.
func (r *Receiver) Told(kinds ...string) []Told {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(kinds) == 0 {
		return slices.Clone(r.told)
	}
	return slices.DeleteFunc(slices.Clone(r.told), func(t Told) bool { return !slices.Contains(kinds, t.Kind) })
}

// Await waits until n alerts of the given kinds were told, and returns them.
func (r *Receiver) Await(t testing.TB, within time.Duration, n int, kinds ...string) []Told {
	t.Helper()
	redistest.Eventually(t, within, fmt.Sprintf("%d alerts %v are told", n, kinds), func() bool {
		return len(r.Told(kinds...)) >= n
	})
	return r.Told(kinds...)
}

// Story lists what was told as "kind state".
func Story(all []Told) (list []string) {
	for _, t := range all {
		list = append(list, t.Kind+" "+t.State)
	}
	return list
}
