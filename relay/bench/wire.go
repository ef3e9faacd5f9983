//go:build linux

// Messages of exact sizes, and sockets without Go's poller.

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Prefixes of channels, one per variant. All are of one length, so that all
// frames are.
const (
	prefixDirect = "dire:"
	prefixBare   = "bare:" // no route covers it
	prefixChat   = "chat:" // the shipped route
	prefixKept   = "kept:" // the chat schema, and history
	prefixExam   = "exam:" // a schema that is not compiled
	prefixHop    = "hopp:"
	prefixNATS   = "nats:" // a route without schema, for NATS clients
	prefixRoom   = "room:" // another shipped route with the chat schema
	prefixRename = "rena:" // the chat schema, and another name at Redis
	prefixEU     = "euro:" // the chat schema, on another Redis
	prefixMain   = "main:" // the same on main, for a relay on two Redises
	prefixMirror = "mirr:" // the chat schema, and a mirror
	prefixDead   = "dead:" // the chat schema, and dead letters
)

// channel is the name of channel i under a prefix.
func channel(prefix string, i int) string { return fmt.Sprintf("%s%06d", prefix, i) }

// stampSize is the length of a stamp: hexadecimal digits of nanoseconds.
const stampSize = 16

const (
	payloadHead = `{"type":"message","id":"`
	payloadRest = `","roomId":"42","userId":"ann","timestamp":1767225600000,"message":"`
	payloadTail = `"}`
)

// smallPayload is the size in bytes of what most tables send: a short message.
const smallPayload = 124

// invalidMessage is what the chat schema refuses.
const invalidMessage = `{"type":1}`

// minPayload is the least number of bytes that a payload can have.
const minPayload = len(payloadHead) + stampSize + len(payloadRest) + 1 + len(payloadTail)

// payload returns a chat message of n bytes, at least minPayload, that the chat
// schema accepts. Its id is room for a stamp.
func payload(n int) []byte {
	text := strings.Repeat("x", max(1, n-minPayload+1))
	return []byte(payloadHead + strings.Repeat("0", stampSize) + payloadRest + text + payloadTail)
}

// frame returns what a subscriber of a channel receives, in RESP2.
func frame(channel string, payload []byte) []byte {
	return command("message", channel, string(payload))
}

// command returns a request in RESP.
func command(args ...string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

// stampAt is where the stamp of a message stands in b, a frame or a PUBLISH.
func stampAt(b []byte) int { return bytes.Index(b, []byte(payloadHead)) + len(payloadHead) }

// stamped returns a round of n messages, of which b gives the i-th. Each carries
// its number.
func stamped(n int, b func(i int) []byte) (round []byte) {
	for i := range n {
		one := b(i)
		putStamp(one[stampAt(one):], int64(i))
		round = append(round, one...)
	}
	return round
}

// putStamp writes a stamp into b.
func putStamp(b []byte, ns int64) {
	const digits = "0123456789abcdef"
	for i := range stampSize {
		b[i] = digits[ns>>(4*(stampSize-1-i))&15]
	}
}

func readStamp(b []byte) (int64, error) { return strconv.ParseInt(string(b[:stampSize]), 16, 64) }

// clock is CLOCK_MONOTONIC in nanoseconds, the same in all processes.
func clock() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail
	return ts.Nano()
}

// errEnded is the end of a connection: the peer closed it, or died.
var errEnded = errors.New("the other side has closed the connection")

// dial connects to a Unix socket and returns a descriptor that blocks.
func dial(path string) (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, fmt.Errorf("open a socket: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		_ = unix.Close(fd)
		return 0, fmt.Errorf("connect to %s: %w", path, err)
	}
	return fd, nil
}

// The calls below go to the kernel without telling Go's scheduler, and thus cost
// no more than they would in C. A worker can afford to: it has a processor to
// spare, collects no garbage and is not preempted (see the environment of
// lab.worker).

// read blocks until there are bytes. The end of the connection is errEnded.
func read(fd int, b []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(syscall.SYS_READ, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch {
		case errno == syscall.EINTR:
		case errno != 0:
			return 0, fmt.Errorf("read: %w", errno)
		case n == 0:
			return 0, errEnded
		default:
			return int(n), nil
		}
	}
}

// write blocks until all of b is written.
func write(fd int, b []byte) error {
	for len(b) > 0 {
		n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch {
		case errno == syscall.EINTR:
		case errno != 0:
			return fmt.Errorf("write: %w", errno)
		default:
			b = b[n:]
		}
	}
	return nil
}

// await blocks until one of the descriptors in an epoll set is readable.
func await(epoll int, events []unix.EpollEvent) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(epoll),
			uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), ^uintptr(0), 0, 0)
		switch errno {
		case syscall.EINTR:
		case 0:
			return int(n), nil
		default:
			return 0, fmt.Errorf("wait for input: %w", errno)
		}
	}
}

// readable blocks until there is something to read.
func readable(fd int) error {
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		switch _, err := unix.Poll(fds, -1); err {
		case nil:
			return nil
		case unix.EINTR:
		default:
			return fmt.Errorf("wait for input: %w", err)
		}
	}
}

// lines reads until so many lines have come; none may be an error.
func lines(fd, want int, buf []byte) error {
	for want > 0 {
		n, err := read(fd, buf)
		if err != nil {
			return err
		}
		if i := bytes.IndexByte(buf[:n], '-'); i == 0 || i > 0 && buf[i-1] == '\n' {
			return fmt.Errorf("refused: %s", firstLine(buf[i:n]))
		}
		want -= bytes.Count(buf[:n], []byte("\n"))
	}
	return nil
}

// refusals reads so many lines, which fit into buf; all must be errors.
func refusals(fd, want int, buf []byte) error {
	got := 0
	for bytes.Count(buf[:got], []byte("\n")) < want {
		n, err := read(fd, buf[got:])
		if err != nil {
			return err
		}
		got += n
	}
	for line := range bytes.Lines(buf[:got]) {
		if line[0] != '-' {
			return fmt.Errorf("not refused: %s", firstLine(line))
		}
	}
	return nil
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\r\n"))
	return line
}
