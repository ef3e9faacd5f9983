package listen

import "golang.org/x/sys/unix"

// Accept accepts the next connection of a listening descriptor. fd is non-blocking.
func Accept(listener int) (fd int, err error) {
	fd, _, err = unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	return fd, err
}
