package admin

// How many connections there may be, and whose place a new one takes.

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// MaxConnections is how many connections the server holds. A new one beyond them takes
// the place of the one that has been the same for the longest, be it idle, silent, or
// slow: so a probe gets through, whatever others hold open. Streams of events, of which there are at most MaxStreams,
// come on top, and give their place to nobody.
const MaxConnections = 32

// connections are those of a server, told by http.Server.ConnState.
type connections struct {
	displaced atomic.Uint64

	mu      sync.Mutex             // Guards what follows.
	all     map[net.Conn]time.Time // since when it is in its state
	streams map[net.Conn]struct{}  // not among all
}

func newConnections() *connections {
	return &connections{all: map[net.Conn]time.Time{}, streams: map[net.Conn]struct{}{}}
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// remember is http.Server.ConnContext.
func remember(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// connOf returns the connection by which a request came.
func connOf(r *http.Request) net.Conn {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	return conn
}

// hold keeps a connection from making room for others: it carries a stream.
func (c *connections) hold(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.all[conn]; known { // else it has been displaced
		delete(c.all, conn)
		c.streams[conn] = struct{}{}
	}
}

// release ends hold.
func (c *connections) release(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.streams[conn]; !known {
		return
	}
	delete(c.streams, conn)
	if len(c.all) >= MaxConnections {
		c.displaceLocked()
	}
	c.all[conn] = time.Now()
}

// note is told when a connection is new, a request begins to come, was answered, or
// the connection has ended.
func (c *connections) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(c.all, conn)
		delete(c.streams, conn)
		return
	}
	if state == http.StateNew && len(c.all) >= MaxConnections {
		c.displaceLocked()
	}
	if _, known := c.all[conn]; known || state == http.StateNew { // else it has been displaced
		c.all[conn] = time.Now()
	}
}

func (c *connections) displaceLocked() {
	var oldest net.Conn
	for conn, since := range c.all {
		if oldest == nil || since.Before(c.all[oldest]) {
			oldest = conn
		}
	}
	delete(c.all, oldest)
	_ = oldest.Close() // its goroutine ends by the error
	c.displaced.Add(1)
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all) + len(c.streams)
}
