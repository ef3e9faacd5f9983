package command

// Health of a relay whose file has changed since it was started.

import (
	"syscall"
	"testing"

	"redis-relay/relay/redistest"
)

// TestHealthFindsTheRunningRelay, at the address with which it runs.
func TestHealthFindsTheRunningRelay(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	const free = "127.0.0.1:1" // where nobody listens
	s := newScene(t, map[string]string{"relay.yaml": "http: {listen: '127.0.0.1:0'}\nsocket: {path: other.sock}\n"})
	d := s.start(nil, "--redis.url="+redis.URL())
	d.awaitReady()
	health := func(code int, says string, args ...string) {
		t.Helper()
		s.health(args...).expect(t, code, says)
	}
	for _, text := range []string{
		"http: {listen: '" + free + "'}\nsocket: {path: other.sock}\n",
		"http: {listen: ''}\nsocket: {path: other.sock}\n",
		"http: {listen: '" + free + "'}\nsocket: {path: other.sock}\nnonsense: 1\n",
	} {
		s.write("relay.yaml", text)
		health(exitOK, "")
		health(exitOK, "", "--live")
	}
	health(exitFailed, "no relay answers", "--socket.path=gone.sock", "--http.listen="+free)

	s.write("relay.yaml", "http: {listen: '"+free+"'}\nsocket: {path: other.sock}\n")
	redis.Kill()
	d.Says("connection to Redis lost")
	health(exitFailed, "/readyz: not ready: not connected to Redis")
	health(exitOK, "", "--live")
	d.Signal(syscall.SIGTERM)
	d.EndsWithin(wait)
	health(exitFailed, "no relay answers")
}

// TestHealthWithoutHTTP says that there is nothing to ask.
func TestHealthWithoutHTTP(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	d := s.start(nil, "--http.listen=")
	d.Says("connected to Redis")
	s.health("--http.listen=").expect(t, exitFailed, "http.listen is empty: the relay has no address to ask")
	s.health("--http.listen=127.0.0.1:1").expect(t, exitFailed,
		"no relay answers at 127.0.0.1:1: connection refused; start it, or name its http.listen\n")
}
