// A TCP proxy that breaks connections the way networks do.

package redistest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// noCut says that CutAfter is not armed.
const noCut = -1

// Proxy forwards TCP connections to a server, with the faults it is told to have.
// A fault holds for the connections there are and for those to come, until it is
// taken back. Its methods are safe for concurrent use.
type Proxy struct {
	// Fixed after construction.
	target string
	ln     net.Listener
	wg     sync.WaitGroup // every goroutine of the proxy

	mu       sync.Mutex // guards what follows
	links    map[*link]struct{}
	closed   bool
	refuse   bool
	flow     chan struct{} // closed unless stalled
	delay    time.Duration
	slice    int
	cutAfter int64
	spared   string          // connections that begin with this in their first bytes are not cut by CutAfter
	observe  func() Observer // or nil
	lose     string          // the next piece from the server that has it ends its connection; empty: none does
}

// Observer sees what passes one connection through a Proxy, in pieces as they come.
// It must not keep them. Each method is called by one goroutine at a time.
type Observer interface {
	// FromClient is called before the server gets the bytes.
	FromClient(b []byte)
	// FromServer is called as soon as the bytes are read, before any fault.
	FromServer(b []byte)
}

// NewProxy starts a proxy in front of target, a host:port that it dials anew for
// each connection. It is closed when the test ends.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatalf("start proxy: %v", err)
	}
	p := &Proxy{
		target: target, ln: ln,
		links: make(map[*link]struct{}), flow: make(chan struct{}), cutAfter: noCut,
	}
	close(p.flow)
	p.wg.Go(p.accept)
	t.Cleanup(p.Close)
	return p
}

// Addr is the address to connect to instead of the server's, host:port.
func (p *Proxy) Addr() string { return p.ln.Addr().String() }

// Close stops accepting, cuts every connection and returns when all goroutines have
// ended. It may be called more than once.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.ln.Close()
	p.Cut()
	p.wg.Wait()
}

// Conns is the number of connections there are.
func (p *Proxy) Conns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Cut closes all connections, on both sides and wherever in a frame they are, and
// returns when they are closed. New ones are accepted as before.
func (p *Proxy) Cut() {
	p.mu.Lock()
	links := make([]*link, 0, len(p.links))
	for l := range p.links {
		l.cut()
		links = append(links, l)
	}
	p.mu.Unlock()
	for _, l := range links {
		<-l.ended
	}
}

// Observe has an Observer made for each connection from now on.
func (p *Proxy) Observe(each func() Observer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.observe = each
}

// CutAfter arms the next connection that sends something for the first time, and that
// one alone: it is closed on both sides once n bytes from the server have been
// forwarded. Arming again before that replaces n.
func (p *Proxy) CutAfter(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAfter = max(n, 0)
}

// Spare keeps CutAfter from connections that have the text in what they send first.
func (p *Proxy) Spare(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spared = text
}

// takeCut returns the limit of a connection, of which these are the first bytes.
func (p *Proxy) takeCut(first []byte) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spared != "" && bytes.Contains(first, []byte(p.spared)) {
		return noCut
	}
	n := p.cutAfter
	p.cutAfter = noCut
	return n
}

// LoseAnswer has the next answer with this text lost: its connection is closed on both sides in its place. The
// text must come in one piece, as all short answers do.
func (p *Proxy) LoseAnswer(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose = text
}

// takeLoss reports whether a piece from a server is the answer to lose.
func (p *Proxy) takeLoss(piece []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lose == "" || !bytes.Contains(piece, []byte(p.lose)) {
		return false
	}
	p.lose = ""
	return true
}

// Refuse makes the proxy close each new connection right after accepting it.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = on
}

// Stall makes the connections half-open: they stay, new ones are accepted, and
// nothing is forwarded in either direction, not even the news that the other side
// has closed. What arrives meanwhile is forwarded, in order, after Stall(false).
// Of what came before the call, a piece that is just being written may still pass.
func (p *Proxy) Stall(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stalled := true
	select {
	case <-p.flow:
		stalled = false
	default:
	}
	switch {
	case on && !stalled:
		p.flow = make(chan struct{})
	case !on && stalled:
		close(p.flow)
	}
}

// Delay holds back every piece for d in both directions, 0 for not at all. A piece
// is what one read returns, at most 64 KiB; the next is read only after it, so a
// delay bounds the throughput too.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Slice forwards at most n bytes in one write, in both directions, 0 for no limit.
// A reader that keeps up sees them piece by piece; for one that does not, TCP may
// join them.
func (p *Proxy) Slice(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slice = n
}

func (p *Proxy) accept() {
	for {
		conn, err := p.ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // such as no file descriptor left
			time.Sleep(maxPause)
		default:
			p.admit(conn)
		}
	}
}

// admit starts a link, or closes conn at once.
func (p *Proxy) admit(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.refuse {
		_ = conn.Close()
		return
	}
	l := &link{client: conn, observer: blind{}, ended: make(chan struct{})}
	l.left.Store(noCut)
	if p.observe != nil {
		l.observer = p.observe()
	}
	l.ctx, l.cut = context.WithCancel(context.Background())
	p.links[l] = struct{}{}
	p.wg.Go(func() { p.serve(l) })
}

func (p *Proxy) currentDelay() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delay
}

// sliceOf is how many of n bytes to write at once.
func (p *Proxy) sliceOf(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.slice > 0 {
		return min(n, p.slice)
	}
	return n
}
