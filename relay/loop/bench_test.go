package loop_test

// What a message through the loop costs.

import (
	"testing"

	"golang.org/x/sys/unix"

	"redis-relay/relay/loop"
	"redis-relay/relay/nonblock"
)

// echo sends back what comes, or, with count, counts it and says when it is enough.
type echo struct {
	fd    int
	buf   [64]byte
	count int
	done  chan struct{}
}

func (e *echo) Ready(loop.Events) {
	for {
		n, err := nonblock.Read(uintptr(e.fd), e.buf[:])
		if n == 0 || err != nil {
			return
		}
		if e.done != nil {
			if e.count--; e.count == 0 {
				close(e.done)
				return
			}
		}
		_, _ = nonblock.Write(uintptr(e.fd), e.buf[:n])
	}
}

// BenchmarkPingPong: a goroutine writes, the loop answers, the goroutine reads; nobody else has work, so that
// each message wakes the loop.
func BenchmarkPingPong(b *testing.B) {
	l := running(b)
	fd, peer := pair(b)
	register(b, l, fd, &echo{fd: fd})
	if err := unix.SetNonblock(peer, false); err != nil {
		b.Fatal(err)
	}
	buf := []byte("x")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := unix.Write(peer, buf); err != nil {
			b.Fatal(err)
		}
		if _, err := unix.Read(peer, buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPingPongInside: both ends are the loop's, which wakes itself; an op is a message there and back.
func BenchmarkPingPongInside(b *testing.B) {
	l := running(b)
	fd, peer := pair(b)
	other, err := unix.FcntlInt(uintptr(peer), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	counting := &echo{fd: fd, count: b.N, done: make(chan struct{})}
	register(b, l, fd, counting)
	register(b, l, other, &echo{fd: other})
	b.ReportAllocs()
	b.ResetTimer()
	write(b, fd, "x")
	<-counting.done
}

// BenchmarkPost is a function that another goroutine has the loop run, and waits for.
func BenchmarkPost(b *testing.B) {
	l := running(b)
	ran := make(chan struct{})
	f := func() { ran <- struct{}{} }
	b.ReportAllocs()
	for b.Loop() {
		l.Post(f)
		<-ran
	}
}
