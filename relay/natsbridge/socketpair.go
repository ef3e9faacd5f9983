package natsbridge

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// socketPair returns two sockets that are connected to each other.
func socketPair() (a, b net.Conn, err error) {
	syscall.ForkLock.RLock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fds[0])
		syscall.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	var errs [2]error
	var conns [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		conns[i], errs[i] = net.FileConn(f)
		errs[i] = errors.Join(errs[i], f.Close())
	}
	return conns[0], conns[1], errors.Join(errs[:]...)
}
