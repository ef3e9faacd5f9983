//go:build !linux || race

package nonblock

// The same by way of the standard library, which the race detector understands.

import "syscall"

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
