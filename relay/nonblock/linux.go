//go:build linux && !race

package nonblock

// The calls, raw: the scheduler is not told of them.

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read is read(2). At the end of the stream n is 0 and err nil.
func Read(fd uintptr, b []byte) (n int, err error) {
	return call(syscall.SYS_READ, fd, unsafe.Pointer(unsafe.SliceData(b)), len(b))
}

// Write is write(2).
func Write(fd uintptr, b []byte) (n int, err error) {
	return call(syscall.SYS_WRITE, fd, unsafe.Pointer(unsafe.SliceData(b)), len(b))
}

// Writev is writev(2) for at most MaxVectors slices.
func Writev(fd uintptr, list [][]byte) (n int, err error) {
	var vectors [MaxVectors]syscall.Iovec
	some := vectors[:0]
	for _, b := range list {
		v := syscall.Iovec{Base: unsafe.SliceData(b)}
		v.SetLen(len(b))
		some = append(some, v)
	}
	return call(syscall.SYS_WRITEV, fd, unsafe.Pointer(unsafe.SliceData(some)), len(some))
}

// Peek is recv(2) with MSG_PEEK.
func Peek(fd uintptr, b []byte) (n int, err error) {
	r, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))),
		uintptr(len(b)), syscall.MSG_PEEK, 0, 0)
	return result(r, errno)
}

// EpollWait is epoll_wait(2) without waiting.
func EpollWait(fd uintptr, events []unix.EpollEvent) (n int, err error) {
	r, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(unsafe.SliceData(events))),
		uintptr(len(events)), 0, 0, 0)
	return result(r, errno)
}

func call(number, fd uintptr, p unsafe.Pointer, n int) (int, error) {
	r, _, errno := syscall.RawSyscall(number, fd, uintptr(p), uintptr(n))
	return result(r, errno)
}

func result(r uintptr, errno syscall.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil //nolint:gosec // a number of bytes, or of events
}
