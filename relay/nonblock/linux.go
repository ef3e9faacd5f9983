//go:build linux && !race

package nonblock

// The calls themselves.

import (
	"syscall"
	"unsafe"
)

// Read is read(2). At the end of the stream n is 0 and err nil.
func Read(fd uintptr, b []byte) (n int, err error) { return call(syscall.SYS_READ, fd, b) }

// Write is write(2).
func Write(fd uintptr, b []byte) (n int, err error) { return call(syscall.SYS_WRITE, fd, b) }

func call(number, fd uintptr, b []byte) (int, error) {
	n, _, errno := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
