//go:build !linux

package respserver

// Requests are taken out of the socket when they are read.

import (
	"sync/atomic"
	"syscall"
)

// unread is of use on Linux only.
type unread struct{ bytes atomic.Int64 }

func (*unread) read(fd int, b []byte, _ bool) (int, error) { return syscall.Read(fd, b) }

func (*unread) take(int) {}
