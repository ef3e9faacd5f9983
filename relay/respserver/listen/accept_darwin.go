package listen

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// Accept accepts the next connection of a listening descriptor. fd is non-blocking.
func Accept(listener int) (fd int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if fd, _, err = unix.Accept(listener); err != nil {
		return -1, err
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}
