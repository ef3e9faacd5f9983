//go:build !linux || race

package nonblock

// The same by way of the standard library, which the race detector understands.

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Read is read(2). At the end of the stream n is 0 and err nil.
func Read(fd uintptr, b []byte) (n int, err error) {
	n, err = syscall.Read(int(fd), b)
	return max(n, 0), err
}

// Write is write(2).
func Write(fd uintptr, b []byte) (n int, err error) {
	n, err = syscall.Write(int(fd), b)
	return max(n, 0), err
}

// Writev is writev(2) for at most MaxVectors slices.
func Writev(fd uintptr, list [][]byte) (n int, err error) {
	n, err = unix.Writev(int(fd), list)
	return max(n, 0), err
}

// Peek is recv(2) with MSG_PEEK.
func Peek(fd uintptr, b []byte) (n int, err error) {
	n, _, err = syscall.Recvfrom(int(fd), b, syscall.MSG_PEEK)
	return max(n, 0), err
}
