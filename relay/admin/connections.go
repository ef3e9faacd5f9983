package admin

// How many connections there may be, and whose place a new one takes.

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// MaxConnections is how many connections the server holds. A new one beyond them takes
// the place of the one that has been the same for the longest, be it idle, silent, or
// slow: so a probe gets through, whatever others hold open.
const MaxConnections = 32

// connections are those of a server, told by http.Server.ConnState.
type connections struct {
	displaced atomic.Uint64

	mu  sync.Mutex             // Guards what follows.
	all map[net.Conn]time.Time // since when it is in its state
}

// note is told when a connection is new, a request begins to come, was answered, or
// the connection has ended.
func (c *connections) note(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(c.all, conn)
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
	return len(c.all)
}
