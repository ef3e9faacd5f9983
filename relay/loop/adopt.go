package loop

// Connections of package net as descriptors.

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Adopt returns a non-blocking descriptor for the stream of conn. The caller owns and closes
// both, and does not use conn meanwhile. A connection that has a descriptor may be closed
// at once.
//
// A connection without one, as with TLS, gets a socket that stands for it, and loses its deadlines: two
// goroutines, which copiers counts, carry the bytes. When either side ends, they close conn and end. There
// is no half-closed state: when the peer ends, bytes that were written and not carried yet are lost. When the
// descriptor is closed, the goroutines still carry bytes that were written before. A peer that does not read
// keeps them; closing conn, too, ends them at once.
func Adopt(conn net.Conn, copiers *sync.WaitGroup) (fd int, err error) {
	if sc, ok := conn.(syscall.Conn); ok {
		return duplicate(sc)
	}
	if err := conn.SetDeadline(time.Time{}); err != nil { // one for the handshake would end the copying
		return -1, fmt.Errorf("take the deadline away: %w", err)
	}
	near, far, err := socketPair()
	if err != nil {
		return -1, fmt.Errorf("make a socket pair: %w", err)
	}
	copiers.Go(func() { carry(conn, far) })
	copiers.Go(func() { carry(far, conn) })
	return near, nil
}

func duplicate(sc syscall.Conn) (fd int, err error) {
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, err
	}
	var failed error
	err = raw.Control(func(own uintptr) { fd, failed = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	if err = errors.Join(err, os.NewSyscallError("dup", failed)); err != nil {
		return -1, err
	}
	return fd, nil
}

// carry copies bytes until one side ends, and ends both.
func carry(to, from net.Conn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if _, werr := to.Write(buf[:n]); err == nil {
				err = werr
			}
		}
		if err != nil {
			break
		}
	}
	_ = hardClose(to) // the reason shows where the loop reads
	_ = hardClose(from)
}

// hardClose closes a connection without the goodbye of TLS, which would wait for a peer that does not read.
func hardClose(conn net.Conn) error {
	if below, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = below.NetConn()
	}
	return conn.Close()
}

// socketPair returns a non-blocking descriptor and a connection, which are connected to each other.
func socketPair() (near int, far net.Conn, err error) {
	syscall.ForkLock.RLock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, nil, os.NewSyscallError("socketpair", err)
	}
	f := os.NewFile(uintptr(fds[1]), "pair") //nolint:gosec // not negative
	far, err = net.FileConn(f)               // a duplicate
	if err = errors.Join(err, f.Close(), unix.SetNonblock(fds[0], true)); err == nil {
		return fds[0], far, nil
	}
	if far != nil {
		_ = far.Close() // the reason is told
	}
	return -1, nil, errors.Join(err, unix.Close(fds[0]))
}
