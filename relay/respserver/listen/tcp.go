package listen

// TCP, for clients that cannot use a Unix socket.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Keepalive of TCP connections, as redis-server has it by default. The relay gives a dead peer up after ten minutes.
const (
	keepIdle     = 300 // seconds without a byte before the first probe
	keepInterval = 100 // seconds between two probes
	keepCount    = 3   // probes without an answer
)

// ErrTCPClosed says that TCP connections are no longer accepted.
var ErrTCPClosed = errors.New("the relay is ending")

// TCP is an address on which clients connect by TCP. A nil TCP is none. Anybody may call its methods.
type TCP struct {
	ln     *net.TCPListener
	closed atomic.Bool
}

// OnTCP takes an address, host:port. Connections wait in the kernel until they are accepted. An empty address is
// a nil TCP. Errors begin by socket.tcp.
func OnTCP(address string) (*TCP, error) {
	if address == "" {
		return nil, nil //nolint:nilnil // it is documented, and fit for use
	}
	var config net.ListenConfig
	config.SetMultipathTCP(false) // its sockets do not have all options
	ln, err := config.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf(`socket.tcp: %w; choose another address, or "" for none`, err)
	}
	return &TCP{ln: ln.(*net.TCPListener)}, nil //nolint:forcetypeassert // listeners of "tcp" are
}

// Addr returns where the relay listens; nil: nowhere.
func (t *TCP) Addr() net.Addr {
	if t == nil {
		return nil
	}
	return t.ln.Addr()
}

// Close gives the address up. It may be called again.
func (t *TCP) Close() error {
	if t == nil || t.closed.Swap(true) {
		return nil
	}
	return t.ln.Close()
}

// Unreachable returns why clients cannot connect, or nil if they can.
func (t *TCP) Unreachable() error {
	if t != nil && t.closed.Load() {
		return fmt.Errorf("socket.tcp: %s: %w", t.ln.Addr(), ErrTCPClosed)
	}
	return nil
}

// Offer has take called with a descriptor on which connections are accepted. take owns it.
func (t *TCP) Offer(take func(fd int)) error {
	if t == nil {
		return nil
	}
	return offer(t.ln, take)
}

// Port returns the port; 0: none.
func (t *TCP) Port() int {
	if t == nil {
		return 0
	}
	return t.ln.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // that of a TCPListener is
}

// SetUpTCP sets up a connection, and returns the addresses of its client and of its own end.
func SetUpTCP(fd int) (addr, own string) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // replies are written whole
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, tcpKeepIdle, keepIdle)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, keepInterval)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, keepCount)
	return addressOf(unix.Getpeername(fd)), addressOf(unix.Getsockname(fd))
}

// addressOf words an address as ip:port. It is ?:0, as in Redis, if the client has gone already.
func addressOf(sa unix.Sockaddr, err error) string {
	var at netip.AddrPort
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		at = netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)) //nolint:gosec // ports are
	case *unix.SockaddrInet6:
		at = netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port)) //nolint:gosec // ports are
	}
	if err != nil || !at.IsValid() {
		return "?:0"
	}
	return at.String()
}
