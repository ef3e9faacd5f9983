package respserver

import "golang.org/x/sys/unix"

// accept takes the next connection of a listening descriptor; it is non-blocking.
func accept(listener int) (fd int, err error) {
	fd, _, err = unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	return fd, err
}
