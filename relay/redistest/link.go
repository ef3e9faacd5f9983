// One connection through the proxy: what moves the bytes, and what holds them back.

package redistest

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// pieceSize is how many bytes are read at once.
const pieceSize = 64 << 10

// link is one proxied connection.
type link struct {
	// Fixed after construction.
	client   net.Conn
	observer Observer
	ctx      context.Context
	cut      context.CancelFunc
	ended    chan struct{} // closed once both ends are closed and nothing moves

	left atomic.Int64 // bytes from the server before the cut; or noCut
}

// blind is the Observer of those who want none.
type blind struct{}

func (blind) FromClient([]byte) {}
func (blind) FromServer([]byte) {}

// serve is the life of a link.
func (p *Proxy) serve(l *link) {
	defer func() {
		l.cut()
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
		close(l.ended)
	}()
	defer func() { _ = l.client.Close() }()
	var d net.Dialer
	server, err := d.DialContext(l.ctx, "tcp", p.target)
	if err != nil {
		return
	}
	p.join(l, server)
}

// join forwards in both directions until the link is cut or at its end. The end of
// what the client sends is passed on, for the server may still answer; the end of
// what the server sends ends the link.
func (p *Proxy) join(l *link, server net.Conn) {
	var pumps sync.WaitGroup
	pumps.Go(func() {
		defer l.cut()
		_ = p.pump(l, l.client, lossy{watched{limited{server, &l.left}, l.observer}, p.takeLoss})
	})
	pumps.Go(func() {
		arm := func(b []byte) { l.left.Store(p.takeCut(b)) }
		err := p.pump(l, announced{server, l.observer}, &first{Reader: l.client, see: arm})
		if !errors.Is(err, io.EOF) || closeWrite(server) != nil {
			l.cut()
		}
	})
	<-l.ctx.Done()
	_ = l.client.Close()
	_ = server.Close()
	pumps.Wait()
}

// pump forwards from src to dst. It returns src's error, io.EOF at its end, once a
// stall would let it through, or an earlier one of dst.
func (p *Proxy) pump(l *link, dst io.Writer, src io.Reader) error {
	buf := make([]byte, pieceSize)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			if err := p.forward(l, dst, buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			if gone := p.hold(l); gone != nil {
				return gone
			}
			return err
		}
	}
}

// forward writes one piece under the faults of the moment.
func (p *Proxy) forward(l *link, dst io.Writer, piece []byte) error {
	if err := l.pause(p.currentDelay()); err != nil {
		return err
	}
	for len(piece) > 0 {
		if err := p.hold(l); err != nil {
			return err
		}
		n := p.sliceOf(len(piece))
		if _, err := dst.Write(piece[:n]); err != nil {
			return err
		}
		if piece = piece[n:]; len(piece) > 0 {
			runtime.Gosched() // let the reader take this slice before the next
		}
	}
	return nil
}

// hold waits while the proxy is stalled. The error says that the link was cut.
func (p *Proxy) hold(l *link) error {
	p.mu.Lock()
	flow := p.flow
	p.mu.Unlock()
	select {
	case <-flow:
		return l.ctx.Err()
	case <-l.ctx.Done():
		return l.ctx.Err()
	}
}

// pause waits for d. The error says that the link was cut meanwhile.
func (l *link) pause(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-l.ctx.Done():
		return l.ctx.Err()
	}
}

// limited ends after so many bytes, unless that is noCut.
type limited struct {
	io.Reader
	left *atomic.Int64
}

func (l limited) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	left := l.left.Load() // now: it is told before the first bytes can come
	if left == noCut {
		return n, err
	}
	if int64(n) >= left {
		n, err = int(left), io.EOF
	}
	l.left.Store(left - int64(n))
	return n, err
}

// first shows what is read first.
type first struct {
	io.Reader
	see func(b []byte)
}

func (f *first) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if n > 0 && f.see != nil {
		f.see(p[:n])
		f.see = nil
	}
	return n, err
}

// watched shows what is read from a server.
type watched struct {
	io.Reader
	observer Observer
}

func (w watched) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	w.observer.FromServer(p[:n])
	return n, err
}

// lossy ends before a piece that is to be lost.
type lossy struct {
	io.Reader
	loses func(piece []byte) bool
}

func (l lossy) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if l.loses(p[:n]) {
		return 0, io.EOF
	}
	return n, err
}

// announced shows what is about to be written to a server.
type announced struct {
	io.Writer
	observer Observer
}

func (a announced) Write(p []byte) (int, error) {
	a.observer.FromClient(p)
	return a.Writer.Write(p)
}

// closeWrite passes on the end of a stream.
func closeWrite(conn net.Conn) error {
	if tcp, ok := conn.(*net.TCPConn); ok {
		return tcp.CloseWrite()
	}
	return conn.Close()
}
